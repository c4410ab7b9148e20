"""``Capabilities``: what a caller has to acknowledge before a stack makes IAM resources or transforms its template.

Source: AWS CloudFormation API reference, "CreateStack" and "CreateChangeSet", parameter Capabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from typing import Any

from lambda_sandbox.services.cloudformation.templates import Template, transforms

IAM, NAMED_IAM, AUTO_EXPAND = "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"
# The resources that need one, with the property that gives them a name of the template's own choice.
_NAMES: Mapping[str, str | None] = {
    "AWS::IAM::AccessKey": None,
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": None,
}
# What the request that is being answered acknowledges. Inner stacks have what their outermost one has.
acknowledged: ContextVar[tuple[str, ...]] = ContextVar("acknowledged", default=())


def missing(needed: Collection[str]) -> list[str]:
    """Return those of ``needed`` that the request does not acknowledge; the one for named resources holds for all of IAM."""
    given = acknowledged.get()
    return [name for name in needed if name not in given and not (name == IAM and NAMED_IAM in given)]


def sentence(names: Collection[str]) -> str:
    """Return what AWS says of capabilities that are missing."""
    return f"Requires capabilities : [{', '.join(names)}]"


def of_resources(template: Template) -> list[str]:
    """Return what the resources of a template need, which is one capability at most; the template is a transformed one."""
    bodies = _iam_resources(template)
    if not bodies:
        return []
    named = any(_NAMES[body["Type"]] in (body.get("Properties") or {}) for body in bodies)
    return [NAMED_IAM if named else IAM]


def of_transforms(template: Template) -> list[str]:
    """Return what a template as it was submitted needs for its macros."""
    return [AUTO_EXPAND] if transforms(template) else []


def declared(template: Template) -> dict[str, Any]:
    """Return what ValidateTemplate and GetTemplateSummary tell of a template as it was submitted."""
    kinds = sorted({body["Type"] for body in _iam_resources(template)})
    macros = [str(each) for each in transforms(template)]
    told: dict[str, Any] = {
        "Capabilities": [*of_resources(template), *of_transforms(template)],
        "DeclaredTransforms": macros,
    }
    if kinds or macros:
        told["CapabilitiesReason"] = (
            f"The following resource(s) require capabilities: [{', '.join(kinds + macros)}]"
        )
    return told


def acknowledging(operation: Any, refuse: Callable[[str], Exception]) -> Any:
    """Return one of moto's operations that takes ``Capabilities`` from its request.

    Raises what ``refuse`` makes of a sentence, for a capability that does not exist.
    """

    def with_capabilities(self: Any) -> Any:
        given = tuple(self._get_param("Capabilities") or ())
        allowed = (AUTO_EXPAND, NAMED_IAM, IAM)
        if not set(given) <= set(allowed):
            raise refuse(
                f"1 validation error detected: Value '[{', '.join(given)}]' at 'capabilities' failed to satisfy "
                "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
                f"[{', '.join(allowed)}]]"
            )
        token = acknowledged.set(given)
        try:
            return operation(self)
        finally:
            acknowledged.reset(token)

    return with_capabilities


def _iam_resources(template: Template) -> list[Mapping[str, Any]]:
    bodies = template.get("Resources", {}).values()
    return [body for body in bodies if body.get("Type") in _NAMES]
