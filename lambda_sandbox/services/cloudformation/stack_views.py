"""What moto's class of stacks tells of itself, where it would make what it is asked for, or show what is not to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def install(stack: Any) -> None:
    """Have moto's class tell what a stack has; it would make a resource that is asked for and not there yet."""
    stack.stack_resources = property(
        lambda one: [
            one.resource_map._parsed_resources[name]
            for name in list(one.resource_map._resource_json_map)
            if one.resource_map._parsed_resources.get(name) is not None
        ]
    )
    stack.outputs = property(lambda one: getattr(one, "told_outputs", None) or None)
    stack.exports = property(lambda one: [])  # the backend's are ours
    stack.parameter_list = property(_parameters)
    stack.has_parameters = _has_parameters


def _parameters(stack: Any) -> list[dict[str, Any]]:
    """Return the parameters as DescribeStacks tells them. moto looks for the values of ``NoEcho`` ones, not for their names."""
    resources = stack.resource_map
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****" if name in resources.no_echo_parameter_keys else _text(value),
        }
        for name, value in resources.resolved_parameters.items()
    ]


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
