"""What a filter pattern compares with: texts with wildcards, numbers and the small regular expressions of CloudWatch Logs. Pure.

Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax", read 2026-11.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from lambda_sandbox import wildcards

Test = Callable[[Any], bool]
MOST_EXPRESSIONS = 2  # regular expressions in one JSON or space-delimited pattern
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# AWS: letters and digits, these symbols and these operators; no parentheses, nothing beyond ASCII.
_EXPRESSION = re.compile(r"[A-Za-z0-9\s:_#=@/;,\-^$?\[\]{}|\\*+.]+")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def number(text: str) -> float | None:
    """Return the number that ``text`` is, else None.

    >>> number("1e-3"), number("4*")
    (0.001, None)
    """
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def expression(text: str) -> re.Pattern[str]:
    """Compile what stands between two percent signs. Raises ``ValueError`` for what CloudWatch Logs refuses."""
    if not _EXPRESSION.fullmatch(text):
        raise ValueError(f"%{text}% has a character that regular expressions cannot have here")
    try:
        return re.compile(text)
    except re.error as reason:
        raise ValueError(f"%{text}% is not a regular expression: {reason}") from None


def comparison(sign: str, operand: str) -> Test:
    """Return the test for ``sign`` and an operand as it is written. Raises ``ValueError`` where they do not go together."""
    if sign in _ORDER:
        bound = number(operand)
        if bound is None:
            raise ValueError(f"{sign} compares with a number, not {operand}")
        return _numeric(_ORDER[sign], bound)
    equal = _equal(operand)
    return equal if sign == "=" else lambda value: not equal(value)


def _numeric(order: Callable[[Any, Any], bool], bound: float) -> Test:
    def test(value: Any) -> bool:
        found = as_number(value)
        return found is not None and order(found, bound)

    return test


def as_number(value: Any) -> float | None:
    """Return the number of a field: JSON's own, or a text that is one; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return number(value) if isinstance(value, str) else None


def _equal(operand: str) -> Test:
    if len(operand) > 1 and operand[0] == operand[-1] == "%":
        found = expression(operand[1:-1])
        return lambda value: isinstance(value, str | int | float) and found.search(_text(value)) is not None
    quoted = len(operand) > 1 and operand[0] == operand[-1] == '"'
    wanted = None if quoted else number(operand)
    if wanted is not None:
        return lambda value: as_number(value) == wanted
    text = operand[1:-1].replace(r"\"", '"') if quoted else operand
    pieces = (None if part == "*" else re.escape(part) for part in re.split(r"(\*)", text))
    pattern = re.compile(wildcards.expression(pieces), re.DOTALL)
    return lambda value: isinstance(value, str | int | float) and pattern.fullmatch(_text(value)) is not None


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
