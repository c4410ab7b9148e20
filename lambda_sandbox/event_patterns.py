"""EventBridge's pattern language, which filters of event source mappings are written in. Pure.

Source: Amazon EventBridge User Guide, "Comparison operators for use in event patterns", and AWS Lambda Developer Guide, "Filter
rule syntax", both read 2026-11.

POLICY: event patterns and filters compare numbers by value, so 300 matches 300.0.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from lambda_sandbox import wildcards

Test = Callable[[Any], bool]
_MISSING = object()
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER_MAX = 5e9  # Source: as above, "Numeric matching"


class EventPattern:
    """One pattern, compiled.

    >>> EventPattern('{"detail": {"size": [{"numeric": [">", 10]}]}}').matches({"detail": {"size": 11}})
    True
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that says what is wrong with the pattern."""
        try:
            pattern = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("the pattern is not JSON") from None
        if not isinstance(pattern, dict):
            raise ValueError("the pattern is not a JSON object")
        self.keys = frozenset(pattern)
        self.plain_keys = frozenset(name for name, value in pattern.items() if isinstance(value, list))
        self._test = _object(pattern)

    def matches(self, event: Any) -> bool:
        """Whether every field of the pattern is met; ``event`` is parsed JSON."""
        return self._test(event)


def _object(pattern: Mapping[str, Any]) -> Test:
    if not pattern:
        raise ValueError("empty objects are not allowed")
    tests = [_either(value) if name == "$or" else _field(name, value) for name, value in pattern.items()]

    def test(event: Any) -> bool:
        if isinstance(event, list):  # one element has to meet the whole object
            return any(test(element) for element in event)
        if event is not _MISSING and not isinstance(event, dict):
            return False
        return all(each(event) for each in tests)

    return test


def _either(alternatives: Any) -> Test:
    if not isinstance(alternatives, list) or len(alternatives) < 2:
        raise ValueError("$or takes a list of at least two objects")
    if not all(isinstance(each, dict) for each in alternatives):
        raise ValueError("$or takes a list of objects")
    tests = [_object(each) for each in alternatives]
    return lambda event: any(test(event) for test in tests)


def _field(name: str, value: Any) -> Test:
    if isinstance(value, dict):
        inner = _object(value)
    elif isinstance(value, list):
        inner = _values(name, value)
    else:
        raise ValueError(f'"{name}" must be an object or an array')

    def test(event: Any) -> bool:
        return inner(_MISSING if event is _MISSING else event.get(name, _MISSING))

    return test


def _values(name: str, alternatives: list[Any]) -> Test:
    if not alternatives:
        raise ValueError(f'"{name}" has an empty array: empty arrays are not allowed')
    tests = [_alternative(each) for each in alternatives]

    def test(value: Any) -> bool:
        values = value if isinstance(value, list) and value else [value]
        return any(each(element) for each in tests for element in values)

    return test


def _alternative(given: Any) -> Test:
    if isinstance(given, dict):
        if len(given) != 1:
            raise ValueError("a comparison has exactly one operator")
        ((name, operand),) = given.items()
        if name not in _OPERATORS:
            raise ValueError(f"unrecognized match type {name}")
        return _OPERATORS[name](operand)
    if isinstance(given, list):
        raise ValueError("an array cannot hold arrays")
    return lambda value: _same(value, given)


def _same(value: Any, wanted: Any) -> bool:
    """Python's True equals 1; JSON's does not."""
    if isinstance(value, bool) or isinstance(wanted, bool) or value is None or wanted is None:
        return value is wanted
    return bool(value == wanted)


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise ValueError("exists takes true or false")
    # A leaf only: an object at this place is not a value that exists.
    return lambda value: (value is not _MISSING and not isinstance(value, dict)) is operand


def _prefix(operand: Any) -> Test:
    text, fold = _text(operand, "prefix")
    return lambda value: isinstance(value, str) and fold(value).startswith(text)


def _suffix(operand: Any) -> Test:
    text, fold = _text(operand, "suffix")
    return lambda value: isinstance(value, str) and fold(value).endswith(text)


def _equals_ignore_case(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise ValueError("equals-ignore-case takes a string")
    wanted = operand.casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _text(operand: Any, name: str) -> tuple[str, Callable[[str], str]]:
    """Return the text of a prefix or suffix, and how values are folded before they are compared."""
    if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"]:
        operand = operand["equals-ignore-case"]
        if isinstance(operand, str):
            return operand.casefold(), str.casefold
    if not isinstance(operand, str):
        raise ValueError(f"{name} takes a string")
    return operand, str


def _wildcard(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise ValueError("wildcard takes a string")
    if "**" in operand.replace(r"\*", ""):
        raise ValueError("consecutive wildcard characters are not allowed")
    parts = re.split(r"(\\\*|\\\\|\*)", operand)
    escaped = {r"\*": "*", r"\\": "\\"}
    pieces = (None if part == "*" else re.escape(escaped.get(part, part)) for part in parts)
    pattern = re.compile(wildcards.expression(pieces), re.DOTALL)
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in _NEGATABLE:
            raise ValueError(f"anything-but takes values or one of {', '.join(_NEGATABLE)}")
        ((name, inner),) = operand.items()
        tests = [_NEGATABLE[name](each) for each in (inner if isinstance(inner, list) else [inner])]
    else:
        values = operand if isinstance(operand, list) else [operand]
        if not all(isinstance(each, str | int | float) for each in values):
            raise ValueError("anything-but takes strings or numbers")
        tests = [_alternative(each) for each in values]
    if not tests:
        raise ValueError("anything-but has an empty array")
    return lambda value: _is_leaf(value) and not any(test(value) for test in tests)


def _is_leaf(value: Any) -> bool:
    return value is not _MISSING and not isinstance(value, dict | list)


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise ValueError("numeric takes one or two pairs of operator and number")
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    for sign, number in pairs:
        if sign not in _COMPARISONS:
            raise ValueError(f"unrecognized numeric range operator {sign}")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("numeric compares with numbers")
        if abs(number) > _NUMBER_MAX:
            raise ValueError(f"numbers lie between {-_NUMBER_MAX:.0f} and {_NUMBER_MAX:.0f}")
    if len(pairs) == 2 and not _is_range(pairs):
        raise ValueError("a numeric range has a lower bound and then a higher one")

    def test(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(_COMPARISONS[sign](value, number) for sign, number in pairs)

    return test


def _is_range(pairs: list[tuple[str, float]]) -> bool:
    (lower, bottom), (upper, top) = pairs
    return lower in (">", ">=") and upper in ("<", "<=") and bottom < top


def _cidr(operand: Any) -> Test:
    try:
        network = ipaddress.ip_network(operand, strict=False) if isinstance(operand, str) else None
    except ValueError:
        network = None
    if network is None:
        raise ValueError("cidr takes a network such as 10.0.0.0/24")

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


_NEGATABLE: dict[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}
_OPERATORS: dict[str, Callable[[Any], Test]] = {
    **_NEGATABLE,
    "exists": _exists,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}
