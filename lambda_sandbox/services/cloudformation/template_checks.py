"""What CloudFormation says about a template and its parameters before it makes anything.

moto makes an object of ``None`` of a name that nothing has, and takes any value for any parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.templates import (
    CONDITIONS,
    Template,
    TemplateError,
    in_order,
    needs,
    references,
)

_PSEUDO = "AWS::"


_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)
_ATTRIBUTES = frozenset(
    {
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    }
)
_FUNCTIONS = frozenset(
    {
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::FindInMap",
        "Fn::GetAtt",
        "Fn::GetAZs",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
    }
)
_EXTENSIONS = frozenset({"Fn::ForEach", "Fn::Length", "Fn::ToJsonString"})
_POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
_WITH_SNAPSHOTS = (
    "AWS::EC2::Volume",
    "AWS::RDS::",
    "AWS::Redshift::",
    "AWS::ElastiCache::",
    "AWS::Neptune::",
)
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")


def refuse_malformed(template: Template) -> None:
    """Raise ``TemplateError`` for what no template may have, and for what the sandbox would pass over. The template is a
    transformed one.
    """
    strange = sorted(template.keys() - _SECTIONS)
    if strange:
        raise TemplateError(f"Invalid template property or properties [{', '.join(strange)}]")
    if "Resources" in template and not template["Resources"]:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    for name, body in (template.get("Resources") or {}).items():
        _refuse_resource(name, body)
    for name, body in (template.get("Outputs") or {}).items():
        if not isinstance(body, Mapping) or "Value" not in body:
            raise TemplateError(
                "Template format error: Every Outputs member must contain a Value object; "
                f"{name} contains none."
            )
    _refuse_conditions(template)
    in_order(template.get("Resources") or {})


def _refuse_resource(name: str, body: Mapping[str, Any]) -> None:
    if not _LOGICAL_ID.fullmatch(name):
        raise TemplateError(f"Template format error: Resource name {name} is non alphanumeric.")
    kind = body.get("Type")
    if not isinstance(kind, str):
        raise TemplateError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    strange = sorted(body.keys() - _ATTRIBUTES)
    if strange:
        raise TemplateError(f"Invalid template resource property '{strange[0]}'")
    if "CodeDeployLambdaAliasUpdate" in (body.get("UpdatePolicy") or {}):
        raise TemplateError(
            f"The sandbox has no CodeDeploy to move the alias {name} step by step (DeploymentPreference in SAM, UpdatePolicy in "
            "CloudFormation): leave it out, or set Enabled: false in SAM, and the alias moves at once."
        )
    for attribute in ("CreationPolicy", "UpdatePolicy"):
        if attribute in body:
            raise TemplateError(
                f"The sandbox does not emulate {attribute}, which {name} has: leave the attribute out."
            )
    for attribute, allowed in _POLICIES.items():
        _refuse_policy(name, kind, attribute, body.get(attribute), allowed)


def _refuse_policy(name: str, kind: str, attribute: str, value: Any, allowed: Collection[str]) -> None:
    if value is None:
        return
    if value not in allowed:
        raise TemplateError(f"Template format error: Unrecognized {attribute} {value} for resource {name}")
    if value != "Snapshot":
        return
    if not kind.startswith(_WITH_SNAPSHOTS):
        raise TemplateError(f"Template error: resource type {kind} does not support deletion policy Snapshot")
    raise TemplateError(
        f"The sandbox makes no snapshots, which {attribute} of {name} asks for: choose Delete or Retain."
    )


def _refuse_conditions(template: Template) -> None:
    """Raise ``TemplateError`` for conditions that are not declared, and for functions that there are not."""
    declared: dict[str, Any] = template.get("Conditions") or {}
    for name, body in declared.items():
        for function in _functions(body):
            if function not in CONDITIONS | {
                "Fn::FindInMap",
                "Fn::Select",
                "Fn::Join",
                "Fn::Split",
                "Fn::Sub",
            }:
                raise TemplateError(f"Template error: {function} cannot be used in the condition {name}")
        _refuse_undeclared(_asked_conditions(body), declared, "Conditions")
    for block in ("Resources", "Outputs"):
        for body in (template.get(block) or {}).values():
            unknown = sorted(set(_functions(body)) - _FUNCTIONS - {"Condition"})
            if unknown:
                raise TemplateError(_why_unknown(unknown[0]))
            asked = [body["Condition"]] if "Condition" in body else []
            _refuse_undeclared([*asked, *_asked_conditions(body.get("Properties", body))], declared, block)


def _why_unknown(function: str) -> str:
    if function.startswith(tuple(_EXTENSIONS)):
        return f"Template error: {function} needs the transform AWS::LanguageExtensions, which this sandbox does not emulate."
    if function == "Fn::Transform":
        return "The sandbox does not emulate Fn::Transform: put what it would include into the template."
    return f"Template format error: Unrecognized intrinsic function {function}"


def _refuse_undeclared(asked: Iterable[Any], declared: Mapping[str, Any], block: str) -> None:
    for name in asked:
        if name not in declared:
            raise TemplateError(
                f"Template format error: Unresolved condition dependency {name} in the {block} block of the template"
            )


def _asked_conditions(value: Any) -> Iterator[Any]:
    """Return the names that ``Fn::If`` and conditions of conditions ask for."""
    if isinstance(value, list):
        for each in value:
            yield from _asked_conditions(each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if key == "Fn::If" and isinstance(each, list):
                yield each[0]
            elif key == "Condition" and len(value) == 1 and isinstance(each, str):
                yield each
            yield from _asked_conditions(each)


def _functions(value: Any) -> Iterator[str]:
    """Return the names of the functions in a part of a template."""
    if isinstance(value, list):
        for each in value:
            yield from _functions(each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if str(key).startswith("Fn::"):
                yield str(key)
            yield from _functions(each)


def refuse_unresolved(template: Template) -> None:
    """Raise ``TemplateError`` for a Ref, GetAtt, Sub or DependsOn that names no resource and no parameter."""
    known = {*template.get("Resources", {}), *(template.get("Parameters") or {})}
    outputs = template.get("Outputs") or {}
    blocks: dict[str, Iterable[set[str]]] = {
        "Resources": (needs(body) for body in template.get("Resources", {}).values()),
        "Outputs": (references(body) for body in outputs.values()),
    }
    for block, named in blocks.items():
        missing = {name for names in named for name in names if not name.startswith(_PSEUDO)} - known
        if missing:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] in the "
                f"{block} block of the template"
            )


def refuse_parameters(template: Template, given: Mapping[str, Any]) -> None:
    """Raise ``TemplateError`` for parameters that are not declared, have no value or have one that is not allowed."""
    declared: dict[str, Any] = template.get("Parameters") or {}
    strange = [name for name in given if name not in declared]
    if strange:
        raise TemplateError(f"Parameters: [{', '.join(strange)}] do not exist in the template")
    empty = [name for name, body in declared.items() if name not in given and "Default" not in body]
    if empty:
        raise TemplateError(f"Parameters: [{', '.join(empty)}] must have values")
    for name, body in declared.items():
        value = given.get(name, body.get("Default"))
        # What AWS looks up in Parameter Store is not the value that the constraints are about.
        if not str(body.get("Type", "")).startswith("AWS::SSM::"):
            _refuse_value(name, body, value)


def _refuse_value(name: str, body: Mapping[str, Any], value: Any) -> None:
    complaint = _complaint(body, str(value))
    if complaint and body.get("ConstraintDescription"):
        complaint = f"failed to satisfy constraint: {body['ConstraintDescription']}"
    if complaint:
        raise TemplateError(f"Parameter '{name}' {complaint}")


def _complaint(body: Mapping[str, Any], text: str) -> str:
    """Return what is wrong with a value, as CloudFormation says it; empty for one that is allowed."""
    kind = str(body.get("Type", "String"))
    listed = kind == "CommaDelimitedList" or kind.startswith("List<")
    values = [each.strip() for each in text.split(",")] if listed else [text]
    allowed = [str(each) for each in body.get("AllowedValues", values)]
    if any(each not in allowed for each in values):
        return "must be one of AllowedValues"
    pattern = body.get("AllowedPattern")
    if pattern and not all(re.fullmatch(str(pattern), each) for each in values):
        return f"must match pattern {pattern}"
    if kind == "Number":
        return _number_complaint(body, text)
    if len(text) < int(body.get("MinLength", 0)):
        return f"must contain at least {body['MinLength']} characters"
    if len(text) > int(body.get("MaxLength", len(text))):
        return f"must contain at most {body['MaxLength']} characters"
    return ""


def _number_complaint(body: Mapping[str, Any], text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return "must be a number"
    if number < float(body.get("MinValue", number)):
        return f"must be a number not less than {body['MinValue']}"
    if number > float(body.get("MaxValue", number)):
        return f"must be a number not greater than {body['MaxValue']}"
    return ""
