"""What CloudFormation says about a template and its parameters before it makes anything.

moto makes an object of ``None`` of a name that nothing has, and takes any value for any parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.templates import Template, TemplateError, needs, references

_PSEUDO = "AWS::"


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
