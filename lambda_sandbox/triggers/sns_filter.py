"""Filter policies of subscriptions, on a message's attributes or on its body.

Source: Amazon SNS Developer Guide, "Amazon SNS message filtering" and "Filter policy constraints", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, Literal

from lambda_sandbox.event_patterns import EventPattern

Scope = Literal["MessageAttributes", "MessageBody"]
_KEYS, _COMBINATIONS = 5, 150


class FilterPolicy:
    """One policy, compiled. Raises ``ValueError`` that says what is wrong with it."""

    def __init__(self, policy: Mapping[str, Any], scope: Scope = "MessageAttributes") -> None:
        if len(policy) > _KEYS:
            raise ValueError(f"Filter policy can not have more than {_KEYS} keys")
        if scope == "MessageAttributes" and _nested(policy):
            raise ValueError("Filter policy scope MessageAttributes does not support nested filter policy")
        if _combinations(policy) > _COMBINATIONS:
            raise ValueError("Filter policy is too complex")
        self._pattern = EventPattern(json.dumps(policy)) if policy else None
        self._scope = scope

    def matches(self, attributes: Mapping[str, Any] | None, text: str) -> bool:
        """Whether a message goes to the subscription. ``attributes`` are ``{"name": {"Type": …, "Value": …}}``."""
        if self._pattern is None:
            return True
        if self._scope == "MessageAttributes":
            return self._pattern.matches(_values(attributes or {}))
        try:
            body = json.loads(text)
        except ValueError:
            return False  # AWS: a body that is not JSON meets no policy on the body
        return isinstance(body, dict) and self._pattern.matches(body)


def _values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind, value = attribute["Type"], attribute["Value"]
        try:
            if kind == "String.Array":
                made[name] = json.loads(value)
            elif kind.startswith("Number"):
                made[name] = float(value)
            elif kind.startswith("String"):  # AWS: attributes of type Binary are ignored
                made[name] = value
        except (ValueError, TypeError):
            continue
    return made


def _nested(policy: Mapping[str, Any]) -> bool:
    alternatives = policy.get("$or")
    inner = alternatives if isinstance(alternatives, list) else []
    return any(isinstance(value, dict) for value in policy.values()) or any(
        _nested(each) for each in inner if isinstance(each, dict)
    )


def _combinations(policy: Mapping[str, Any], depth: int = 1) -> int:
    """AWS: the product, over all keys, of the number of values times the depth of the key."""
    counts = []
    for name, value in policy.items():
        if isinstance(value, dict):
            counts.append(_combinations(value, depth + 1))
        elif name == "$or" and isinstance(value, list):
            counts.append(sum(_combinations(each, depth) for each in value if isinstance(each, dict)))
        elif isinstance(value, list):
            counts.append(len(value) * depth)
    return prod(count for count in counts if count)
