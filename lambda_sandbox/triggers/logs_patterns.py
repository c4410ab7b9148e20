"""The filter patterns of CloudWatch Logs: which lines a subscription or a metric filter takes, and their fields. Pure.

Three languages, told apart by the first character: terms, JSON in braces, space-delimited fields in brackets.
Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events,
and Live Tail", read 2026-11.

POLICY: a term in a filter pattern of CloudWatch Logs is found anywhere in a line, within words as well (``ERROR`` in ``ERRORS``), in
upper and lower case as given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.triggers import logs_json_patterns
from lambda_sandbox.triggers.logs_json_patterns import JsonPattern
from lambda_sandbox.triggers.logs_space_patterns import SpacePattern
from lambda_sandbox.triggers.logs_values import expression

_MAX_CHARACTERS = 1024
_TERM = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s"%]+)')


@dataclass(frozen=True, slots=True)
class Matched:
    """A line that a pattern takes. ``fields`` are its named fields where the pattern is a space-delimited one."""

    message: str
    fields: dict[str, str] = field(default_factory=dict)

    def value(self, selector: str) -> Any:
        """Return what ``$.name`` of a JSON line or ``$name`` of a field is, None where there is none."""
        if selector.startswith(("$.", "$[")):
            document = logs_json_patterns.parsed(self.message)
            steps = logs_json_patterns.selector(selector)
            return next(logs_json_patterns.select(document, steps), None)
        return self.fields.get(selector.removeprefix("$"))


class FilterPattern:
    """One pattern, compiled.

    >>> FilterPattern('ERROR -"out of memory"').match("ERROR: disk full") is not None
    True
    >>> FilterPattern("{ $.n > 1 }").match('{"n": 1}') is None
    True
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that says what is wrong with the pattern."""
        stripped = text.strip()
        self.text = text
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"a filter pattern has at most {_MAX_CHARACTERS} characters")
        self.has_fields = stripped[:1] in ("{", "[")
        self._selectors: tuple[str, ...] = ()
        if stripped.startswith("{"):
            _check_closed(stripped, "}")
            pattern = JsonPattern(stripped)
            self._match = _where(pattern.matches)
            self._selectors = pattern.selectors
        elif stripped.startswith("["):
            _check_closed(stripped, "]")
            self._match = _spaced(SpacePattern(stripped))
        else:
            self._match = _where(_terms(stripped))

    def match(self, message: str) -> Matched | None:
        """Return the line, matched, or None; ``message`` has no line end."""
        return self._match(message)

    def extract(self, message: str) -> dict[str, str] | None:
        """Return the values that the pattern names in a line, by ``$field`` or ``$.name``; None where it does not match.

        >>> FilterPattern("{ $.n > 1 }").extract('{"n": 2}')
        {'$.n': '2'}
        """
        found = self._match(message)
        if found is None:
            return None
        values = {
            name: found.value(name) for name in (*(f"${each}" for each in found.fields), *self._selectors)
        }
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
            if value is not None
        }


def _check_closed(text: str, end: str) -> None:
    if not text.endswith(end) or len(text) < 3:
        raise ValueError(f"the pattern does not end with {end}" if len(text) > 2 else "the pattern is empty")


def _where(test: Callable[[str], bool]) -> Callable[[str], Matched | None]:
    return lambda message: Matched(message) if test(message) else None


def _spaced(pattern: SpacePattern) -> Callable[[str], Matched | None]:
    def match(message: str) -> Matched | None:
        fields = pattern.match(message)
        return None if fields is None else Matched(message, fields)

    return match


def _terms(text: str) -> Callable[[str], bool]:
    wanted: dict[str, list[Callable[[str], bool]]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise ValueError(f"{text[at:].strip()} cannot be read: a quotation mark is missing")
        wanted[found[1]].append(_term(found[2]))
        at = found.end()
    all_of, any_of, none_of = wanted[""], wanted["?"], wanted["-"]
    if all_of or none_of:
        any_of = []  # AWS: optional terms beside others are ignored

    def test(message: str) -> bool:
        return (
            all(term(message) for term in all_of)
            and not any(term(message) for term in none_of)
            and (not any_of or any(term(message) for term in any_of))
        )

    return test


def _term(text: str) -> Callable[[str], bool]:
    if text.startswith("%"):
        found = expression(text[1:-1])
        return lambda message: found.search(message) is not None
    if text.startswith('"'):
        term = text[1:-1].replace(r"\"", '"')
    elif re.fullmatch(r"\w+", text):
        term = text
    else:
        raise ValueError(f"{text} has other characters than letters, digits and _: put it in double quotes")
    return lambda message: term in message
