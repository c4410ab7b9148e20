"""Filter patterns for lines of fields: ``[ip, user, ..., status = 4* || status = 5*, bytes > 1000]``. Pure.

Source: Amazon CloudWatch Logs User Guide, "Using filter patterns to match terms in space-delimited log events", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lambda_sandbox.triggers.logs_values import MOST_EXPRESSIONS, Test, comparison

_REST = "..."
# What stands between brackets or quotes is one field, without them.
_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_CONDITION = re.compile(r'\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s&|,"]+)\s*')
_COMMA = re.compile(r',(?=(?:[^"%]|"[^"]*"|%[^%]*%)*$)')


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    test: Test


class SpacePattern:
    """One pattern in brackets, compiled.

    >>> SpacePattern("[level = ERR*, ..., code]").match("ERROR in [the middle] 500")
    {'level': 'ERROR', 'code': '500'}
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that says what is wrong."""
        inner = text.strip()[1:-1]
        if inner.count("%") // 2 > MOST_EXPRESSIONS:
            raise ValueError(f"a pattern has at most {MOST_EXPRESSIONS} regular expressions")
        parts = [part.strip() for part in _COMMA.split(inner)]
        if parts.count(_REST) > 1:
            raise ValueError("an ellipsis may stand in one place only")
        self._open = _REST in parts
        at = parts.index(_REST) if self._open else len(parts)
        self._first = [_column(part) for part in parts[:at]]
        self._last = [_column(part) for part in parts[at + 1 :]]

    def match(self, message: str) -> dict[str, str] | None:
        """Return the named fields of a line that meets every condition, else None."""
        fields = [next(part for part in found if part is not None) for found in _fields(message)]
        wanted = len(self._first) + len(self._last)
        if len(fields) < wanted or (len(fields) > wanted and not self._open):
            return None
        behind = fields[len(fields) - len(self._last) :]
        pairs = [
            *zip(self._first, fields, strict=False),
            *zip(self._last, behind, strict=True),
        ]
        if all(column.test(value) for column, value in pairs):
            return {column.name: value for column, value in pairs}
        return None


def _fields(message: str) -> list[tuple[str | None, ...]]:
    return [found.groups() for found in _FIELD.finditer(message)]


def _column(text: str) -> _Column:
    if re.fullmatch(r"\w+", text):
        return _Column(text, lambda value: True)
    either: list[list[Test]] = []
    names: set[str] = set()
    for alternative in text.split("||"):
        conditions = [_condition(part, names) for part in alternative.split("&&")]
        either.append(conditions)
    if len(names) != 1:
        raise ValueError(f"{text} compares more than one field")
    return _Column(names.pop(), _any_of_all(either))


def _condition(text: str, names: set[str]) -> Test:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text.strip() or 'an empty field'} is neither a name nor a comparison")
    names.add(found[1])
    return comparison(found[2], found[3])


def _any_of_all(either: list[list[Test]]) -> Callable[[str], bool]:
    return lambda value: any(all(test(value) for test in tests) for tests in either)
