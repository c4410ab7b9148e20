"""The condition operators of IAM's policy language.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lambda_sandbox.iam.patterns import Values, arn_matches, matches, substitute

Compare = Callable[[str, str, Values], bool]
_ANY, _ALL, _IF_EXISTS = "foranyvalue:", "forallvalues:", "ifexists"


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator; it holds when any of ``values`` does, or, for negated operators, when none does."""

    operator: str
    key: str
    values: tuple[str, ...]

    def holds(self, context: Values) -> bool:
        """Whether the request with these values meets the condition. An unknown operator meets nothing."""
        operator, given = self.operator.lower(), context.get(self.key.lower())
        if operator == "null":
            return any((given is None) == (value.lower() == "true") for value in self.values)
        for_all, for_any = operator.startswith(_ALL), operator.startswith(_ANY)
        operator = operator.removeprefix(_ALL).removeprefix(_ANY)
        if operator.endswith(_IF_EXISTS):
            if given is None:
                return True
            operator = operator.removesuffix(_IF_EXISTS)
        negated, compare = _operator(operator)
        if compare is None:
            return False
        if not given:
            return for_all or (negated and not for_any)
        # A key with several values and no set operator is no case that AWS defines; here each of them counts.
        each = (self._one(compare, value, context) != negated for value in given)
        return all(each) if for_all or (negated and not for_any) else any(each)

    def _one(self, compare: Compare, given: str, context: Values) -> bool:
        return any(compare(wanted, given, context) for wanted in self.values)


def is_known(operator: str) -> bool:
    """Whether IAM has an operator of this name, with its prefixes and suffixes."""
    name = operator.lower().removeprefix(_ALL).removeprefix(_ANY)
    return name == "null" or _operator(name.removesuffix(_IF_EXISTS))[1] is not None


def _operator(name: str) -> tuple[bool, Compare | None]:
    """Return whether the operator is negated, and how it compares; ``None`` for an unknown one."""
    positive = _NEGATED.get(name)
    return positive is not None, _OPERATORS.get(positive or name)


def _string(wanted: str, given: str, context: Values) -> bool:
    return substitute(wanted, context) == given


def _string_ignoring_case(wanted: str, given: str, context: Values) -> bool:
    text = substitute(wanted, context)
    return text is not None and text.lower() == given.lower()


def _boolean(wanted: str, given: str, context: Values) -> bool:
    return wanted.lower() == given.lower()


def _binary(wanted: str, given: str, context: Values) -> bool:
    try:
        return base64.b64decode(wanted) == base64.b64decode(given)
    except (binascii.Error, ValueError):
        return False


def _numeric(compare: Callable[[float, float], bool]) -> Compare:
    def numbers(wanted: str, given: str, context: Values) -> bool:
        try:
            return compare(float(given), float(wanted))
        except ValueError:
            return False

    return numbers


def _date(compare: Callable[[float, float], bool]) -> Compare:
    def moments(wanted: str, given: str, context: Values) -> bool:
        first, second = _seconds(given), _seconds(wanted)
        return first is not None and second is not None and compare(first, second)

    return moments


def _seconds(text: str) -> float | None:
    """Read a moment: ISO 8601 or seconds since 1970."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _address(wanted: str, given: str, context: Values) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


_OPERATORS: dict[str, Compare] = {
    "stringequals": _string,
    "stringequalsignorecase": _string_ignoring_case,
    "stringlike": matches,
    "arnequals": arn_matches,  # AWS: the same as ArnLike
    "arnlike": arn_matches,
    "bool": _boolean,
    "binaryequals": _binary,
    "ipaddress": _address,
    "numericequals": _numeric(lambda given, wanted: given == wanted),
    "numericlessthan": _numeric(lambda given, wanted: given < wanted),
    "numericlessthanequals": _numeric(lambda given, wanted: given <= wanted),
    "numericgreaterthan": _numeric(lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _numeric(lambda given, wanted: given >= wanted),
    "dateequals": _date(lambda given, wanted: given == wanted),
    "datelessthan": _date(lambda given, wanted: given < wanted),
    "datelessthanequals": _date(lambda given, wanted: given <= wanted),
    "dategreaterthan": _date(lambda given, wanted: given > wanted),
    "dategreaterthanequals": _date(lambda given, wanted: given >= wanted),
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}
