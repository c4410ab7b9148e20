"""Puts our templates, order and resources into moto's CloudFormation.

DIFFERS: CreateStack, UpdateStack and DeleteStack return when all is done, or rolled back. AWS answers first and works after: use a
waiter (``stack_create_complete``), which returns at once here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from lambda_sandbox.services.cloudformation import (
    bucket_notifications,
    capabilities,
    nested_stacks,
    stack_requests,
    templates,
)
from lambda_sandbox.services.cloudformation.alarms import ALARMS
from lambda_sandbox.services.cloudformation.changes import Changes, ResourceFailure
from lambda_sandbox.services.cloudformation.http_apis import HTTP_APIS
from lambda_sandbox.services.cloudformation.invoking import RESOURCES
from lambda_sandbox.services.cloudformation.log_groups import LOG_GROUPS
from lambda_sandbox.services.cloudformation.queues_and_topics import QUEUES_AND_TOPICS
from lambda_sandbox.services.cloudformation.resource import Resource
from lambda_sandbox.services.cloudformation.rest_apis import REST_APIS
from lambda_sandbox.services.cloudformation.rest_usage_plans import USAGE_PLANS
from lambda_sandbox.services.cloudformation.schedules import SCHEDULES
from lambda_sandbox.services.cloudformation.subscriptions import SUBSCRIPTIONS
from lambda_sandbox.services.cloudformation.template_checks import refuse_parameters, refuse_unresolved
from lambda_sandbox.services.cloudformation.templates import Template, TemplateError

_FAILED = "The following resource(s) failed: [{}]."


def install(parsing: Any, models: Any, responses: Any) -> None:
    """Change moto's three modules in place, once they are loaded."""
    _add_resources(parsing)
    # moto reads templates with a YAML loader that makes any Python object a template asks for.
    safe = SimpleNamespace(
        load=lambda text, Loader=None: templates.parse(text),
        Loader=None,
        add_multi_constructor=lambda *_: None,
    )
    models.yaml = responses.yaml = safe
    stacks = Stacks(parsing, models)
    models.Stack.create_resources = stacks.create_resources
    models.Stack.update = stacks.update
    models.Stack.has_parameters = _has_parameters
    # It refuses to make a change set without changes; AWS makes it, and it has failed. UpdateStack is refused below.
    responses.CloudFormationResponse._validate_different_update = lambda *_: None
    stack_requests.install(responses)
    nested_stacks.install(models)
    backend = models.CloudFormationBackend
    stacks.wrap(backend)
    backend.execute_change_set = stacks.execute_change_set
    backend.delete_stack = stacks.delete_stack


def _insufficient(text: str) -> Exception:
    from moto.cloudformation.exceptions import CloudFormationError

    error: Exception = CloudFormationError("InsufficientCapabilitiesException", text)
    return error


def _add_resources(parsing: Any) -> None:
    ours: list[type[Resource]] = [
        *RESOURCES,
        *ALARMS,
        *LOG_GROUPS,
        *QUEUES_AND_TOPICS,
        *SUBSCRIPTIONS,
        *SCHEDULES,
        *HTTP_APIS,
        *REST_APIS,
        *USAGE_PLANS,
    ]
    types = {each.TYPE for each in ours}
    theirs = [
        each
        for each in parsing.get_model_list()
        if not _is_lambda(each) and each.cloudformation_type() not in types
    ]
    known = {each.cloudformation_type(): each for each in theirs}
    bucket_notifications.install(known["AWS::S3::Bucket"])
    # Ref of a bus gives its name; moto's class does not say so, and a rule would get the object.
    known["AWS::Events::EventBus"].physical_resource_id = property(lambda bus: bus.name)
    parsing.get_model_list = lambda: [*theirs, *ours]
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()


def _is_lambda(model: Any) -> bool:
    return str(model.cloudformation_type()).startswith("AWS::Lambda::")


def _has_parameters(stack: Any, given: Mapping[str, Any]) -> bool:
    """Whether these are the stack's values. moto takes one that was left to its default for another than the same, given."""
    declared: dict[str, Any] = stack.template_dict.get("Parameters") or {}
    defaults = {name: body["Default"] for name, body in declared.items() if "Default" in body}
    now, then = ({**defaults, **values} for values in (stack.parameters or {}, given))
    return {name: _text(value) for name, value in now.items()} == {
        name: _text(value) for name, value in then.items()
    }


def _text(value: Any) -> str:
    """Return a parameter's value as it is written; moto makes numbers and lists of some."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


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
            ready = stacks._processed(template, parameters, self.region_name)
            stacks._refuse_unacknowledged(ready)
            stack = stacks._create_stack(self, name, ready, parameters, **options)
            stack.capabilities = list(capabilities.acknowledged.get())
            if stack.status != "CREATE_COMPLETE" and stack_requests.on_failure.get() == "DELETE":
                stacks._delete(self, stack)
            return stack

        def create_change_set(self: Any, **options: Any) -> Any:
            template = stacks._processed(options["template"], options["parameters"], self.region_name)
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
            values = self._resolve_update_parameters(stack, parameters)
            ready = stacks._processed(template, values, self.region_name)
            stacks._refuse_unacknowledged(ready)
            if stack.has_template(ready) and stack.has_parameters(values) and not tags:
                raise stacks._models.ValidationError(message="No updates are to be performed.")
            stack.capabilities = list(capabilities.acknowledged.get())
            return stacks._update_stack(self, name, ready, role_arn, parameters, tags)

        def get_template(self: Any, name_or_stack_id: str) -> Any:
            kept = stacks._get_template(self, name_or_stack_id)
            return stacks._submitted.get(kept, kept) if isinstance(kept, str) else kept

        backend.create_stack = create_stack
        backend.create_change_set = create_change_set
        backend.update_stack = update_stack
        backend.get_template = get_template

    @property
    def create_resources(self) -> Any:
        def create_resources(stack: Any) -> None:
            template = stack.template_dict
            stack.resource_map._resource_json_map = {}
            self._carry_out(stack, "CREATE", template, stack.parameters)

        return create_resources

    @property
    def update(self) -> Any:
        def update(
            stack: Any, template: str, role_arn: Any = None, parameters: Any = None, tags: Any = None
        ) -> None:
            stack.role_arn = role_arn or stack.role_arn
            stack.tags = stack.tags if tags is None else tags
            self._tell_stack(stack, "UPDATE_IN_PROGRESS", "User Initiated")
            values = stack.parameters if parameters is None else parameters
            if self._carry_out(stack, "UPDATE", templates.parse(template), values):
                stack.template = template

        return update

    @property
    def execute_change_set(self) -> Any:
        def execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
            change_set = backend.describe_change_set(change_set_name)
            stack = backend.stacks[change_set.stack_id]
            if change_set.execution_status != "AVAILABLE":
                raise self._models.ValidationError(
                    message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of "
                    f"[{change_set.status}]"
                )
            action = change_set.change_set_type
            self._tell_stack(stack, f"{action}_IN_PROGRESS", "User Initiated")
            token = capabilities.acknowledged.set(tuple(change_set.capabilities))
            try:
                done = self._carry_out(stack, action, change_set.template_dict, change_set.parameters)
            finally:
                capabilities.acknowledged.reset(token)
            stack.capabilities = change_set.capabilities
            change_set.execution_status = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
            if done:
                stack.template = change_set.template
                stack.tags = change_set.tags or stack.tags
                stack.description = stack.template_dict.get("Description")
                backend.exports.update({export.name: export for export in stack.exports})

        return execute_change_set

    @property
    def delete_stack(self) -> Any:
        def delete_stack(backend: Any, name_or_stack_id: str) -> None:
            for stack in list(backend.stacks.values()):
                if name_or_stack_id in (stack.name, stack.stack_id):
                    stack_requests.refuse_protected(stack, self._models.ValidationError)
                    self._delete(backend, stack)

        return delete_stack

    # --- parts ---------------------------------------------------------------------------------------------------

    def _processed(self, template: str, parameters: Mapping[str, Any], region: str) -> str:
        submitted = self._submitted.get(template, template)
        try:
            ready = templates.processed(submitted, parameters, region, _managed_policies)
            template_read = json.loads(ready)
            self._refuse_unknown(template_read)
            refuse_unresolved(template_read)
            refuse_parameters(template_read, parameters)
        except TemplateError as error:
            raise self._models.ValidationError(message=str(error)) from None
        self._submitted[ready] = submitted
        return ready

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
        unknown = sorted(kinds - known.keys())
        if unknown:
            raise TemplateError(f"Resource types that this sandbox does not emulate: [{', '.join(unknown)}]")

    def _carry_out(self, stack: Any, action: str, template: Template, parameters: Mapping[str, Any]) -> bool:
        """Apply a template, or go back to what was there; return whether it is applied."""
        before = (stack.template_dict if action == "UPDATE" else {}, dict(stack.parameters or {}))
        try:
            self._changes(stack).apply(template, parameters)
        except (ResourceFailure, TemplateError) as error:
            self._roll_back(stack, action, error, *before)
            return False
        stack.template_dict, stack.parameters = template, dict(parameters)
        stack.output_map = self._models.OutputMap(stack.resource_map, template, stack.stack_id)
        stack.status = f"{action}_COMPLETE"
        self._tell_stack(stack, stack.status, None)
        return True

    def _roll_back(
        self, stack: Any, action: str, failure: Exception, template: Template, parameters: Any
    ) -> None:
        failed = getattr(failure, "logical_id", "")
        if stack_requests.on_failure.get() == "DO_NOTHING":
            self._leave(stack, action, f"{_FAILED.format(failed)} {failure}")
            return
        prefix = "" if action == "CREATE" else "UPDATE_"
        self._tell_stack(stack, f"{prefix}ROLLBACK_IN_PROGRESS", f"{_FAILED.format(failed)} {failure}")
        stack.status = f"{prefix}ROLLBACK_COMPLETE"
        if action == "CREATE":
            # AWS: it has no outputs. moto would make their resources again as soon as the stack is described.
            stack.output_map = self._models.OutputMap(stack.resource_map, {"Outputs": {}}, stack.stack_id)
        try:
            if action == "CREATE":
                self._changes(stack).remove_all()
            else:
                self._changes(stack).apply(template, parameters)
        except (ResourceFailure, TemplateError):
            stack.status = f"{prefix}ROLLBACK_FAILED"
        stack.stack_status_reason = str(failure)
        self._keep_what_is_there(stack)
        self._tell_stack(stack, stack.status, None)

    def _leave(self, stack: Any, action: str, reason: str) -> None:
        """Leave a stack as far as it came, for whoever wants to see why it failed."""
        stack.status, stack.stack_status_reason = f"{action}_FAILED", reason
        stack.disable_rollback = True
        if action == "CREATE":
            stack.output_map = self._models.OutputMap(stack.resource_map, {"Outputs": {}}, stack.stack_id)
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

    def _delete(self, backend: Any, stack: Any) -> None:
        self._tell_stack(stack, "DELETE_IN_PROGRESS", "User Initiated")
        names = [export.name for export in stack.exports]
        try:
            self._changes(stack).remove_all()
        except ResourceFailure as error:
            stack.status = "DELETE_FAILED"
            stack.stack_status_reason = f"{_FAILED.format(error.logical_id)} {error}"
            self._tell_stack(stack, stack.status, stack.stack_status_reason)
            return
        stack.status = "DELETE_COMPLETE"
        self._tell_stack(stack, stack.status, None)
        for name in names:
            backend.exports.pop(name, None)
        backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)

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
