"""What requests for stacks ask for beside the template, and moto does not look at.

When a stack fails: ``OnFailure``, ``OnStackFailure`` and ``DisableRollback``. Whether it may go: termination protection. And
which template a change set begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal

from lambda_sandbox.services.cloudformation import capabilities, templates

OnFailure = Literal["ROLLBACK", "DO_NOTHING", "DELETE"]
# What the request that is being answered wants of a stack that fails.
on_failure: ContextVar[OnFailure] = ContextVar("on_failure", default="ROLLBACK")
# The resources that the DeleteStack that is being answered leaves where they are.
retained: ContextVar[tuple[str, ...]] = ContextVar("retained", default=())
# DIFFERS: a change set with ``ImportExistingResources``, which the CDK always sends, imports nothing: what is there already under its name
# makes the stack fail with "already exists".
# DIFFERS: a change set with ``DeploymentMode`` REVERT_DRIFT (``cdk deploy --revert-drift``) changes what the templates differ in, and what
# was changed beside the stack only where the template changes it too.
# What nothing here does anything with, and what to do instead.
_UNSERVED = {
    "StackPolicyBody": "stack policies",
    "StackPolicyURL": "stack policies",
    "StackPolicyDuringUpdateBody": "stack policies",
    "StackPolicyDuringUpdateURL": "stack policies",
    "RollbackConfiguration": "rollback triggers",
    "ResourceTypes": "the restriction to resource types",
    "ResourcesToImport": "the import of resources",
    "DeletionMode": "forced deletions (name what stays in RetainResources)",
}
_NO_TEMPLATE = "Either Template URL or Template Body must be specified."


def install(responses: Any) -> None:
    """Change moto's ``cloudformation.responses``, whose operations read the request."""
    kind, error = responses.CloudFormationResponse, responses.ValidationError

    def acknowledging(operation: Any) -> Any:
        return capabilities.acknowledging(operation, lambda text: error(message=text))

    for name in ("create_stack", "update_stack", "create_change_set", "delete_stack"):
        setattr(kind, name, _refusing(getattr(kind, name), error))
    for name in ("set_stack_policy", "get_stack_policy"):
        setattr(kind, name, _not_here(error, "stack policies"))
    kind.delete_stack = _retaining(kind.delete_stack)
    kind.create_stack = acknowledging(_with_template(_minding_failure(kind.create_stack), error))
    kind.update_stack = acknowledging(_minding_failure(_with_previous(kind.update_stack, error)))
    kind.execute_change_set = _minding_failure(kind.execute_change_set)
    kind.create_change_set = acknowledging(_change_set(_with_previous(kind.create_change_set, error), error))
    kind.validate_template = _telling(
        _readable(_with_template(kind.validate_template, error), error), _validated
    )
    kind.get_template_summary = _telling(kind.get_template_summary, capabilities.declared)
    kind.update_termination_protection = _protection(responses.ActionResult)


def refuse_protected(stack: Any, error: Callable[..., Exception]) -> None:
    """Raise moto's ``error`` for a stack whose termination protection is on."""
    if stack.enable_termination_protection:
        raise error(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")


def _minding_failure(operation: Any) -> Any:
    def minding_failure(self: Any) -> Any:
        wish: OnFailure = self._get_param("OnFailure") or "ROLLBACK"
        token = on_failure.set("DO_NOTHING" if self._get_bool_param("DisableRollback", False) else wish)
        try:
            return operation(self)
        finally:
            on_failure.reset(token)

    return minding_failure


def _refusing(operation: Any, error: Callable[..., Exception]) -> Any:
    """Refuse a request that asks for what is not emulated, by the parameter's name."""

    def refusing(self: Any) -> Any:
        for name, what in _UNSERVED.items():
            asked = self._get_param(name)
            if asked and asked not in ("STANDARD", "false", {"RollbackTriggers": []}):
                raise error(message=f"The sandbox does not emulate {what}: leave {name} out.")
        if self._get_param("ChangeSetType") == "IMPORT":
            raise error(
                message="The sandbox does not emulate the import of resources: use another ChangeSetType."
            )
        return operation(self)

    return refusing


def _not_here(error: Callable[..., Exception], what: str) -> Any:
    def not_here(self: Any) -> Any:
        raise error(message=f"The sandbox does not emulate {what}.")

    return not_here


def _retaining(operation: Any) -> Any:
    def retaining(self: Any) -> Any:
        token = retained.set(tuple(self._get_param("RetainResources") or ()))
        try:
            return operation(self)
        finally:
            retained.reset(token)

    return retaining


def _with_template(operation: Any, error: Callable[..., Exception]) -> Any:
    def with_template(self: Any) -> Any:
        if not self._get_param("TemplateBody") and not self._get_param("TemplateURL"):
            raise error(message=_NO_TEMPLATE)
        return operation(self)

    return with_template


def _with_previous(operation: Any, error: Callable[..., Exception]) -> Any:
    """Give ``UsePreviousValue`` the text that the stack was given, or else its template's default.

    moto knows no default here, and of a parameter that names one in Parameter Store what it stood for instead of the name.
    """

    def with_previous(self: Any) -> Any:
        name = self._get_param("StackName")
        stacks = self.cloudformation_backend.stacks.values()
        there = next((each for each in stacks if name in (each.name, each.stack_id)), None)
        asked = self._get_param("Parameters") or []
        if there is not None and any(each.get("UsePreviousValue") for each in asked):
            slots = (there.template_dict or {}).get("Parameters") or {}
            values = {key: str(body["Default"]) for key, body in slots.items() if "Default" in body}
            values |= there.parameters or {}
            self.params["Parameters"] = [_with_value(each, values, error) for each in asked]
        return operation(self)

    return with_previous


def _with_value(
    parameter: dict[str, Any], values: dict[str, Any], error: Callable[..., Exception]
) -> dict[str, Any]:
    if not parameter.get("UsePreviousValue"):
        return parameter
    key = parameter["ParameterKey"]
    if parameter.get("ParameterValue"):
        raise error(
            message=f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value for a "
            "parameter"
        )
    if key not in values:
        raise error(
            message=f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in "
            "the previous template"
        )
    return {"ParameterKey": key, "ParameterValue": values[key]}


def _readable(operation: Any, error: Callable[..., Exception]) -> Any:
    def readable(self: Any) -> Any:
        try:
            templates.parse(self._get_param("TemplateBody") or "{}")
        except templates.TemplateError as problem:
            raise error(message=str(problem)) from None
        return operation(self)

    return readable


def _telling(operation: Any, more: Callable[[templates.Template], dict[str, Any]]) -> Any:
    """Add to the answer about a template what moto does not look for."""

    def telling(self: Any) -> Any:
        answer = operation(self)
        answer.result.update(more(_asked_for(self)))
        return answer

    return telling


def _asked_for(request: Any) -> templates.Template:
    """Return the template that a request is about, as it was submitted."""
    name, address = request._get_param("StackName"), request._get_param("TemplateURL")
    if name:
        return templates.parse(request.cloudformation_backend.get_template(name))
    text = request._get_stack_from_s3_url(address) if address else request._get_param("TemplateBody")
    return templates.parse(text)


def _validated(template: templates.Template) -> dict[str, Any]:
    """Return what ValidateTemplate tells of a template beside its description."""
    parameters = [
        {"ParameterKey": name, "NoEcho": body.get("NoEcho", False)}
        | {
            member: str(body[key])
            for member, key in (("DefaultValue", "Default"), ("Description", "Description"))
            if key in body
        }
        for name, body in (template.get("Parameters") or {}).items()
    ]
    return {"Parameters": parameters, **capabilities.declared(template)}


def _change_set(create_change_set: Any, error: Callable[..., Exception]) -> Any:
    def create(self: Any) -> Any:
        name = self._get_param("StackName")
        there = [
            stack
            for stack in self.cloudformation_backend.stacks.values()
            if name in (stack.name, stack.stack_id)
        ]
        # AWS: a change set that does not say so is for a stack that exists; moto takes it for a new one.
        action = self.params.setdefault("ChangeSetType", "UPDATE")
        if action == "UPDATE" and not there:
            raise error(message=f"Stack [{name}] does not exist")
        if action == "CREATE" and there and there[0].status != "REVIEW_IN_PROGRESS":
            raise error(
                message=f"Stack [{name}] already exists and cannot be created again with the changeSet "
                f"[{self._get_param('ChangeSetName')}]"
            )
        if action == "CREATE" and not self._get_param("TemplateBody") and not self._get_param("TemplateURL"):
            raise error(message=_NO_TEMPLATE)
        return create_change_set(self)

    return create


def _protection(action_result: Any) -> Any:
    def update_termination_protection(self: Any) -> Any:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection", False)
        return action_result({"StackId": stack.stack_id})

    return update_termination_protection
