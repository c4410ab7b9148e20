"""Puts our templates, order and resources into moto's CloudFormation.

DIFFERS: CreateStack, UpdateStack and DeleteStack return when all is done, or rolled back, or after 20 s. AWS answers first and works
after: use a waiter (``stack_create_complete``), which mostly returns at once here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from lambda_sandbox.services.cloudformation import (
    background,
    capabilities,
    change_sets,
    custom_resources,
    dynamic_references,
    exports,
    intrinsics,
    nested_stacks,
    physical_names,
    resource_types,
    rules,
    stack_requests,
    stack_views,
    template_addresses,
    templates,
)
from lambda_sandbox.services.cloudformation.changes import Changes, ResourceFailure
from lambda_sandbox.services.cloudformation.template_checks import (
    refuse_malformed,
    refuse_parameters,
    refuse_unresolved,
)
from lambda_sandbox.services.cloudformation.templates import Template, TemplateError
from lambda_sandbox.services.forwarder import Forwarder

_FAILED = "The following resource(s) failed: [{}]."


def install(parsing: Any, models: Any, responses: Any, forwarder: Forwarder) -> None:
    """Change moto's three modules in place, once they are loaded."""
    resource_types.install(parsing)
    parsing.generate_resource_name = physical_names.generate
    custom_resources.install(parsing, forwarder)
    intrinsics.install(parsing)
    # moto reads templates with a YAML loader that makes any Python object a template asks for.
    safe = SimpleNamespace(
        load=lambda text, Loader=None: templates.parse(text),
        Loader=None,
        add_multi_constructor=lambda *_: None,
    )
    models.yaml = responses.yaml = safe
    template_addresses.install(models, responses)
    stacks = Stacks(parsing, models)
    stacks.exports.install(responses, models.ValidationError)
    models.Stack.create_resources = stacks.create_resources
    models.Stack.update = stacks.update
    stack_views.install(models.Stack)
    # It refuses to make a change set without changes; AWS makes it, and it has failed. UpdateStack is refused below.
    responses.CloudFormationResponse._validate_different_update = lambda *_: None
    stack_requests.install(responses)
    nested_stacks.install(models)
    backend = models.CloudFormationBackend
    change_sets.install(responses, models.ValidationError)
    stacks.wrap(backend)
    backend.execute_change_set = stacks.execute_change_set
    backend.delete_stack = stacks.delete_stack


def _insufficient(text: str) -> Exception:
    from moto.cloudformation.exceptions import CloudFormationError

    error: Exception = CloudFormationError("InsufficientCapabilitiesException", text)
    return error


@cache
def _managed_policies() -> dict[str, str]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies = json.loads(aws_managed_policies_data)
    return {name: f"arn:aws:iam::aws:policy{policy['Path']}{name}" for name, policy in policies.items()}


class Stacks:
    """The functions that take the place of moto's; ``stack`` and ``backend`` are moto's objects."""

    def __init__(self, parsing: Any, models: Any) -> None:
        self._parsing = parsing
        self._models = models
        self.exports = exports.Exports(parsing)
        # What a template looked like before the transform, for GetTemplate and UsePreviousTemplate.
        self._submitted: dict[str, str] = {}
        theirs = models.CloudFormationBackend
        self._create_stack = theirs.create_stack
        self._create_change_set = theirs.create_change_set
        self._update_stack = theirs.update_stack
        self._get_template = theirs.get_template

    def wrap(self, backend: Any) -> None:
        """Put the transform in front of every operation that takes a template."""
        stacks = self

        def create_stack(self: Any, name: str, template: str, parameters: Any, **options: Any) -> Any:
            ready = stacks._processed(template, parameters, self)
            stacks._refuse_unacknowledged(ready)
            stack = stacks._create_stack(self, name, ready, parameters, **options)
            stack.capabilities = list(capabilities.acknowledged.get())
            return stack

        def create_change_set(self: Any, **options: Any) -> Any:
            template = stacks._processed(options["template"], options["parameters"], self)
            missing = capabilities.missing(capabilities.of_resources(json.loads(template)))
            # AWS: what a transform makes is known only when the change set is, which then has failed.
            if missing and not stacks._expansion(template):
                raise _insufficient(capabilities.sentence(missing))
            made: tuple[str, str] = stacks._create_change_set(self, **options | {"template": template})
            change_set = self.change_sets[made[0]]
            change_set.capabilities = list(capabilities.acknowledged.get())
            if missing and change_set.status != "FAILED":
                change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
                change_set.status_reason = capabilities.sentence(missing)
            return made

        def update_stack(
            self: Any, name: str, template: str, role_arn: Any, parameters: Any, tags: Any
        ) -> Any:
            stack = self.get_stack(name)
            stacks._refuse_busy(stack, "updated")
            values = self._resolve_update_parameters(stack, parameters)
            ready = stacks._processed(template, values, self)
            stacks._refuse_unacknowledged(ready)
            if stack.has_template(ready) and stack.has_parameters(values) and not tags:
                raise stacks._models.ValidationError(message="No updates are to be performed.")
            stack.capabilities = list(capabilities.acknowledged.get())
            return stacks._update_stack(self, name, ready, role_arn, parameters, tags)

        def get_template(self: Any, name_or_stack_id: str) -> Any:
            kept = stacks._get_template(self, name_or_stack_id)
            return stacks._submitted.get(kept, kept) if isinstance(kept, str) else kept

        def validate_template(self: Any, template: str) -> list[Any]:
            stacks._refuse_invalid(template)
            return []

        backend.validate_template = validate_template
        backend.create_stack = create_stack
        backend.create_change_set = create_change_set
        backend.update_stack = update_stack
        backend.get_template = get_template

    @property
    def create_resources(self) -> Any:
        def create_resources(stack: Any) -> None:
            template = stack.template_dict
            stack.resource_map._resource_json_map = {}
            stack.status = "CREATE_IN_PROGRESS"

            def create() -> None:
                done = self._carry_out(stack, "CREATE", template, stack.parameters)
                if not done and stack_requests.on_failure.get() == "DELETE":
                    self._delete(self._backend(stack), stack)

            background.carry_out(stack, create)

        return create_resources

    @property
    def update(self) -> Any:
        def update(
            stack: Any, template: str, role_arn: Any = None, parameters: Any = None, tags: Any = None
        ) -> None:
            stack.role_arn = role_arn or stack.role_arn
            stack.tags = stack.tags if tags is None else tags
            stack.status = "UPDATE_IN_PROGRESS"
            self._tell_stack(stack, "UPDATE_IN_PROGRESS", "User Initiated")
            values = stack.parameters if parameters is None else parameters

            def change() -> None:
                if self._carry_out(stack, "UPDATE", templates.parse(template), values):
                    stack.template = template

            background.carry_out(stack, change)

        return update

    @property
    def execute_change_set(self) -> Any:
        def execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
            change_set = change_sets.find(backend, change_set_name, stack_name)
            stack = backend.stacks[change_set.stack_id]
            if change_set.execution_status != "AVAILABLE":
                raise self._models.ValidationError(
                    message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of "
                    f"[{change_set.status}]"
                )
            if change_set.change_set_type == "UPDATE":
                self._refuse_busy(stack, "updated")
            stack.status = f"{change_set.change_set_type}_IN_PROGRESS"
            self._tell_stack(stack, stack.status, "User Initiated")
            change_set.execution_status = "EXECUTE_IN_PROGRESS"
            token = capabilities.acknowledged.set(tuple(change_set.capabilities))
            try:
                background.carry_out(stack, lambda: self._execute(stack, change_set))
            finally:
                capabilities.acknowledged.reset(token)

        return execute_change_set

    @property
    def delete_stack(self) -> Any:
        def delete_stack(backend: Any, name_or_stack_id: str) -> None:
            for stack in list(backend.stacks.values()):
                if name_or_stack_id in (stack.name, stack.stack_id):
                    self._begin_deletion(backend, stack)

        return delete_stack

    # --- parts ---------------------------------------------------------------------------------------------------

    def _execute(self, stack: Any, change_set: Any) -> None:
        action = change_set.change_set_type
        done = self._carry_out(stack, action, change_set.template_dict, change_set.parameters)
        stack.capabilities = change_set.capabilities
        change_set.execution_status = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
        if done:
            stack.template = change_set.template
            stack.tags = change_set.tags or stack.tags
            stack.description = stack.template_dict.get("Description")

    def _begin_deletion(self, backend: Any, stack: Any) -> None:
        stack_requests.refuse_protected(stack, self._models.ValidationError)
        self._refuse_busy(stack, "deleted")
        retained = self._retained(stack)
        why = self.exports.in_use(backend, stack)
        if why:
            stack.stack_status_reason = why
            self._tell_stack(stack, stack.status, why)
            return
        stack.status = "DELETE_IN_PROGRESS"
        background.carry_out(stack, lambda: self._delete(backend, stack, retained))

    def _retained(self, stack: Any) -> tuple[str, ...]:
        """Return the resources that the request wants to keep, which AWS allows when the stack could not be deleted before."""
        retained = stack_requests.retained.get()
        if retained and stack.status != "DELETE_FAILED":
            raise self._models.ValidationError(
                message=f"Invalid operation on stack [{stack.stack_id}]. Specify which resources to retain only when the "
                "stack is in the DELETE_FAILED state."
            )
        return retained

    def _backend(self, stack: Any) -> Any:
        return self._models.cloudformation_backends[stack.account_id][stack.region_name]

    def _refuse_busy(self, stack: Any, participle: str) -> None:
        if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
            raise self._models.ValidationError(
                message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be {participle}."
            )

    def _processed(self, template: str, parameters: Mapping[str, Any], backend: Any) -> str:
        submitted = self._submitted.get(template, template)
        try:
            ready = templates.processed(submitted, parameters, backend.region_name, _managed_policies)
            template_read = json.loads(ready)
            refuse_malformed(template_read)
            dynamic_references.refuse_secure(template_read)
            self._refuse_unknown(template_read)
            refuse_unresolved(template_read)
            refuse_parameters(template_read, parameters)
            place = backend.account_id, backend.region_name
            rules.refuse_broken(
                template_read, dynamic_references.parameter_values(template_read, parameters, *place)
            )
        except TemplateError as error:
            raise self._models.ValidationError(message=str(error)) from None
        self._submitted[ready] = submitted
        return ready

    def _refuse_invalid(self, template: str) -> None:
        """Refuse what ValidateTemplate does. moto asks cfn-lint, to which an unneeded ``DependsOn`` is as bad as an error.

        What a transform would make of a template is not looked at, as on AWS.
        """
        template_read = templates.parse(template)
        if "Transform" in template_read:
            return
        try:
            refuse_malformed(template_read)
            self._refuse_unknown(template_read)
            refuse_unresolved(template_read)
        except TemplateError as error:
            raise self._models.ValidationError(message=str(error)) from None

    def _expansion(self, ready: str) -> list[str]:
        """Return the capability for the macros that made a template ready, if there were any."""
        return capabilities.of_transforms(templates.parse(self._submitted[ready]))

    def _refuse_unacknowledged(self, ready: str) -> None:
        """Refuse what CreateStack and UpdateStack may not do unasked; the transform comes first, as it does on AWS."""
        for needed in (self._expansion(ready), capabilities.of_resources(json.loads(ready))):
            missing = capabilities.missing(needed)
            if missing:
                raise _insufficient(capabilities.sentence(missing))

    def _refuse_unknown(self, template: Template) -> None:
        """moto passes over a type that it does not know; a stack would be complete without it."""
        known = self._parsing.get_model_map()
        kinds = {str(body.get("Type")) for body in template.get("Resources", {}).values()}
        unknown = sorted(kind for kind in kinds - known.keys() if not custom_resources.is_custom(kind))
        if unknown:
            raise TemplateError(f"Resource types that this sandbox does not emulate: [{', '.join(unknown)}]")

    def _carry_out(self, stack: Any, action: str, template: Template, parameters: Mapping[str, Any]) -> bool:
        """Apply a template, or go back to what was there; return whether it is applied."""
        stack.stack_status_reason = None
        before = (stack.template_dict if action == "UPDATE" else {}, dict(stack.parameters or {}))
        changes = self._changes(stack)
        # moto gives a stack those that there were when it was made, and one from a change set none.
        stack.resource_map.cross_stack_resources = self._backend(stack).exports
        try:
            changes.apply(template, parameters)
            outputs = self._outputs(stack, template)
        except (ResourceFailure, TemplateError) as error:
            self._roll_back(stack, action, error, changes, *before)
            return False
        stack.template_dict, stack.parameters, stack.output_map = template, dict(parameters), outputs
        self._clean_up(stack, action, changes)
        stack.status = f"{action}_COMPLETE"
        self._tell_stack(stack, stack.status, None)
        return True

    def _outputs(self, stack: Any, template: Template) -> Any:
        """Resolve the outputs and take the exports over. Raises ``TemplateError``."""
        outputs = self._models.OutputMap(stack.resource_map, template, stack.stack_id)
        try:
            told = exports.outputs_of(self._parsing, stack, outputs)
            self.exports.publish(self._backend(stack), stack, told)
        except TemplateError:
            raise
        except Exception as error:  # moto has many for what it cannot resolve
            raise TemplateError(str(error) or type(error).__name__) from error
        stack.told_outputs = told
        return outputs

    def _clean_up(self, stack: Any, operation: str, changes: Changes) -> None:
        """Remove what an update, or its rollback, leaves over."""
        if changes.has_leftovers:
            stack.status = f"{operation}_COMPLETE_CLEANUP_IN_PROGRESS"
            self._tell_stack(stack, stack.status, None)
            changes.clean_up()

    def _roll_back(
        self,
        stack: Any,
        action: str,
        failure: Exception,
        changes: Changes,
        template: Template,
        parameters: Any,
    ) -> None:
        failed = getattr(failure, "logical_id", "")
        reason = f"{_FAILED.format(failed)} {failure}" if failed else str(failure)
        if stack_requests.on_failure.get() == "DO_NOTHING":
            self._leave(stack, action, reason)
            return
        prefix = "" if action == "CREATE" else "UPDATE_"
        stack.status = f"{prefix}ROLLBACK_IN_PROGRESS"
        self._tell_stack(stack, stack.status, reason)
        ended = f"{prefix}ROLLBACK_COMPLETE"
        if action == "CREATE":
            self._forget_outputs(stack)
        try:
            if action == "CREATE":
                changes.remove_all(rolling_back=True)
            else:
                changes.revert()
                changes.apply(template, parameters)
                self._outputs(stack, template)
                self._clean_up(stack, "UPDATE_ROLLBACK", changes)
        except (ResourceFailure, TemplateError):
            ended = f"{prefix}ROLLBACK_FAILED"
        stack.stack_status_reason = str(failure)
        self._keep_what_is_there(stack)
        stack.status = ended
        self._tell_stack(stack, stack.status, None)

    def _forget_outputs(self, stack: Any) -> None:
        """AWS: a stack that was not made has no outputs. moto would make their resources again as soon as it is described."""
        stack.output_map = self._models.OutputMap(stack.resource_map, {"Outputs": {}}, stack.stack_id)
        stack.told_outputs = []

    def _leave(self, stack: Any, action: str, reason: str) -> None:
        """Leave a stack as far as it came, for whoever wants to see why it failed."""
        stack.status, stack.stack_status_reason = f"{action}_FAILED", reason
        stack.disable_rollback = True
        if action == "CREATE":
            self._forget_outputs(stack)
        self._keep_what_is_there(stack)
        self._tell_stack(stack, stack.status, reason)

    def _keep_what_is_there(self, stack: Any) -> None:
        """Forget what a failed stack has not: moto makes it, as soon as the stack's resources are asked for."""
        resources = stack.resource_map
        resources._resource_json_map = {
            name: body
            for name, body in resources._resource_json_map.items()
            if name in resources._parsed_resources
        }

    def _delete(self, backend: Any, stack: Any, retained: Collection[str] = ()) -> None:
        self._tell_stack(stack, "DELETE_IN_PROGRESS", "User Initiated")
        try:
            self._changes(stack).remove_all(retained=retained)
        except ResourceFailure as error:
            stack.status = "DELETE_FAILED"
            stack.stack_status_reason = f"{_FAILED.format(error.logical_id)} {error}"
            self._tell_stack(stack, stack.status, stack.stack_status_reason)
            return
        stack.status = "DELETE_COMPLETE"
        self._tell_stack(stack, stack.status, None)
        self.exports.withdraw(backend, stack)
        backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
        change_sets.forget(backend, stack)

    def _changes(self, stack: Any) -> Changes:
        def tell(logical_id: str, status: str, reason: str | None) -> None:
            resource = stack.resource_map._parsed_resources.get(logical_id)
            body = stack.resource_map._resource_json_map.get(logical_id, {})
            self._tell(
                stack,
                logical_id,
                getattr(resource, "physical_resource_id", ""),
                body.get("Type", ""),
                status,
                reason,
            )

        return Changes(self._parsing, stack.resource_map, tell)

    def _tell_stack(self, stack: Any, status: str, reason: str | None) -> None:
        self._tell(stack, stack.name, stack.stack_id, "AWS::CloudFormation::Stack", status, reason)

    def _tell(
        self, stack: Any, logical: str, physical: str, kind: str, status: str, reason: str | None
    ) -> None:
        event = self._models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=logical,
            physical_resource_id=physical,
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
        event.sendToSns(stack.account_id, stack.region_name, stack.notification_arns)
        stack.events.append(event)
