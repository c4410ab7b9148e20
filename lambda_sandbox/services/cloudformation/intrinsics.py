"""Intrinsic functions and conditions, where moto resolves them otherwise than CloudFormation, or passes over them.

``resources`` is moto's map of a stack: what Ref names, and the stack's account and Region.

Source: CloudFormation template reference, "Intrinsic function reference" and "Condition functions", read 2026-11.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from lambda_sandbox.services.cloudformation import dynamic_references
from lambda_sandbox.services.cloudformation.templates import TemplateError

_PLACE = re.compile(r"\$\{(!?)([^}]*)\}")
Clean = Callable[[Any, Any], Any]


def install(parsing: Any) -> None:
    """Put these in front of moto's ``parsing.clean_json``, which calls itself by that name."""
    theirs: Clean = parsing.clean_json

    def clean_json(value: Any, resources: Any) -> Any:
        name = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
        ours = _FUNCTIONS.get(name)
        found = ours(value[name], resources, clean_json) if ours else theirs(value, resources)
        if isinstance(found, str) and dynamic_references.is_in(found) and hasattr(resources, "_account_id"):
            return dynamic_references.resolved(found, resources._account_id, resources._region_name)
        return found

    def parse_condition(condition: Any, resources: Any, conditions: Any) -> bool:
        return _is_met(condition, conditions, lambda value: clean_json(value, resources))

    parsing.clean_json = clean_json
    parsing.parse_condition = parse_condition


def _sub(value: Any, resources: Any, clean: Clean) -> str:
    text, variables = (value, {}) if isinstance(value, str) else (value[0], value[1])

    def put(found: re.Match[str]) -> str:
        name = found[2].strip()
        if found[1]:
            return "${" + found[2] + "}"
        if name in variables:
            return _text(clean(variables[name], resources))
        logical_id, dot, attribute = name.partition(".")
        asked = {"Fn::GetAtt": [logical_id, attribute]} if dot else {"Ref": name}
        return _text(clean(asked, resources))

    return _PLACE.sub(put, text)


def _join(value: Any, resources: Any, clean: Clean) -> str:
    delimiter, parts = value
    return str(delimiter).join(_text(each) for each in clean(parts, resources))


def _find_in_map(value: Any, resources: Any, clean: Clean) -> Any:
    names = [str(clean(each, resources)) for each in value[:3]]
    found: Any = resources.get(names[0])
    for name in names[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(names)}")
    return clean(found, resources)


def _select(value: Any, resources: Any, clean: Clean) -> Any:
    index, listed = int(clean(value[0], resources)), clean(value[1], resources)
    if not isinstance(listed, list) or not 0 <= index < len(listed):
        raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return listed[index]


def _availability_zones(value: Any, resources: Any, clean: Clean) -> list[str]:
    region = clean(value, resources) or resources._region_name
    return [f"{region}{letter}" for letter in "abc"]


def _cidr(value: Any, resources: Any, clean: Clean) -> list[str]:
    """Return ``count`` blocks of ``bits`` bits each out of a block."""
    block, count, bits = (clean(each, resources) for each in (*value, "8")[:3])
    network = ipaddress.ip_network(str(block), strict=False)
    blocks = network.subnets(new_prefix=network.max_prefixlen - int(bits))
    return [str(each) for each, _ in zip(blocks, range(int(count)), strict=False)]


_FUNCTIONS: dict[str, Callable[[Any, Any, Clean], Any]] = {
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::FindInMap": _find_in_map,
    "Fn::Select": _select,
    "Fn::GetAZs": _availability_zones,
    "Fn::Cidr": _cidr,
}


def _is_met(condition: Any, conditions: Any, clean: Callable[[Any], Any]) -> bool:
    if isinstance(condition, bool):
        return condition
    name, value = next(iter(condition.items()))
    if name == "Condition":
        return bool(conditions[value])
    if name == "Fn::Equals":
        first, second = (_text(clean(each)) for each in value)
        return first == second
    met = (_is_met(each, conditions, clean) for each in value)
    if name == "Fn::Not":
        return not next(met)
    return all(met) if name == "Fn::And" else any(met)


def _text(value: Any) -> str:
    """Return a value as a template writes it; ``Fn::Equals`` compares texts."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return "" if value is None else str(value)
