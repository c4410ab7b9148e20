"""What the target of a rule gets: the event, a part of it, a constant, or a template filled from it.

Source: Amazon EventBridge User Guide, "Amazon EventBridge input transformation", read 2026-11. UNCONFIRMED: what AWS puts in
the place of a variable whose path leads nowhere; here nothing inside of quotes, and an empty string outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.triggers.json_path import MISSING, JsonPath

_PLACEHOLDER = re.compile(r"<([\w.-]+)>")
_KINDS = ("Input", "InputPath", "InputTransformer")
_RESERVED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
_VARIABLES_MAX = 100


@dataclass(frozen=True, slots=True)
class Context:
    """What the predefined variables stand for. ``ingestion_time`` is ISO 8601."""

    rule_arn: str
    rule_name: str
    ingestion_time: str


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], context: Context) -> str:
    """Return the text that ``target`` of a rule gets for ``event``: JSON, unless its template makes something else."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        value = JsonPath(target["InputPath"]).find(event)
        return json.dumps(None if value is MISSING else value)
    transformer = target.get("InputTransformer")
    if transformer is None:
        return json.dumps(event)
    return transform(transformer["InputTemplate"], transformer.get("InputPathsMap") or {}, event, context)


def transform(template: str, paths: Mapping[str, str], event: Mapping[str, Any], context: Context) -> str:
    """Fill ``template``.

    >>> nowhere = Context("", "", "")
    >>> transform('{"id": <id>, "text": "order <id>"}', {"id": "$.detail.id"}, {"detail": {"id": "a7"}}, nowhere)
    '{"id": "a7", "text": "order a7"}'
    """
    values = {name: JsonPath(path).find(event) for name, path in paths.items()}
    values |= _predefined(event, context)
    made, position, quoted = [], 0, False
    for found in _PLACEHOLDER.finditer(template):
        between = template[position : found.start()]
        quoted ^= _quotes(between) % 2 == 1
        value = values.get(found[1], MISSING)
        made += [between, _inside_quotes(value) if quoted else _outside(value)]
        position = found.end()
    return "".join(made) + template[position:]


def problem(target: Mapping[str, Any]) -> str:
    """Return what is wrong with the input of a target, empty when nothing is."""
    given = [kind for kind in _KINDS if target.get(kind) is not None]
    name = target.get("Id", "")
    if len(given) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
    try:
        if given == ["Input"]:
            json.loads(target["Input"])
        elif given == ["InputPath"]:
            JsonPath(target["InputPath"])
        elif given:
            _check_transformer(target["InputTransformer"])
    except ValueError as reason:
        what = "JSON syntax error in input" if given == ["Input"] else f"Invalid {given[0]}"
        return f"{what} for target {name} : {reason}."
    return ""


def _check_transformer(transformer: Mapping[str, Any]) -> None:
    paths = transformer.get("InputPathsMap") or {}
    if len(paths) > _VARIABLES_MAX:
        raise ValueError(f"InputPathsMap holds at most {_VARIABLES_MAX} variables")
    for name, path in paths.items():
        if name.startswith("AWS.") or name in _RESERVED:
            raise ValueError(f"the variable name {name} is reserved")
        JsonPath(path)
    if not transformer.get("InputTemplate"):
        raise ValueError("InputTemplate is required")
    for name in _PLACEHOLDER.findall(transformer["InputTemplate"]):
        if name not in paths and name not in _RESERVED:
            raise ValueError(
                f"InputTemplate contains placeholder <{name}>, which InputPathsMap does not define"
            )


def _predefined(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {
        "aws.events.rule-arn": context.rule_arn,
        "aws.events.rule-name": context.rule_name,
        "aws.events.event.ingestion-time": context.ingestion_time,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": dict(event),
    }


def _quotes(text: str) -> int:
    """Return how many quotation marks begin or end a string in a piece of a template."""
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text))


def _outside(value: Any) -> str:
    return '""' if value is MISSING else json.dumps(value)


def _inside_quotes(value: Any) -> str:
    if value is MISSING:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]
