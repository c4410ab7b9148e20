"""Filter patterns for JSON lines: ``{ ($.level = "ERROR" && $.latency > 100) || $.user NOT EXISTS }``. Pure.

Source: Amazon CloudWatch Logs User Guide, "Using filter patterns to match terms in JSON log events", read 2026-11.

POLICY: in a filter pattern of CloudWatch Logs a comparison with a field that a line does not have is not met, ``!=`` neither. Ask for
it with ``NOT EXISTS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from lambda_sandbox.triggers.logs_values import MOST_EXPRESSIONS, comparison

Test = Callable[[Any], bool]
Step = str | int | None  # a key, a place in an array, or the wildcard
_MOST_WILDCARDS = 3  # in one pattern; one in a selector
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>\|\||&&|\(|\)|!=|<=|>=|=|<|>)
    |(?P<selector>\$(?:\.\[(?:'[^']*'|"[^"]*")\]|\.[\w\-]+|\.\*|\[(?:\d+|\*)\])+)
    |(?P<value>"(?:[^"\\]|\\.)*"|%[^%]*%|[^\s()=!<>&|"]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.\['([^']*)'\]|\.\["([^"]*)"\]|\.([\w\-]+)|\[(\d+)\]|\.\*|\[\*\]""")


class JsonPattern:
    """One pattern in braces, compiled.

    >>> JsonPattern('{ $.items[0].price >= 10 && $.name = "a*" }').matches('{"items": [{"price": 11}], "name": "abc"}')
    True
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that says what is wrong."""
        self._tokens = list(_tokens(text.strip()[1:-1]))
        self.selectors = tuple(text for kind, text in self._tokens if kind == "selector")
        self._expressions = self._wildcards = self._at = 0
        self._test = self._either()
        if self._at < len(self._tokens):
            raise ValueError(f"{self._tokens[self._at][1]} was not expected there")

    def matches(self, message: str) -> bool:
        document = parsed(message)
        return document is not None and self._test(document)

    # --- parsing -------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, *kinds: str) -> str:
        if self._at >= len(self._tokens):
            raise ValueError("it ends too early")
        kind, text = self._tokens[self._at]
        if kind not in kinds:
            raise ValueError(f"{text} was not expected there")
        self._at += 1
        return text

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == "||":
            self._at += 1
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == "&&":
            self._at += 1
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "(":
            self._at += 1
            inner = self._either()
            if self._take("mark") != ")":
                raise ValueError("a parenthesis is not closed")
            return inner
        steps = self._selector()
        word = self._take("mark", "value")
        if word in ("IS", "NOT"):
            return _state(steps, f"{word} {self._take('value')}")
        if word not in ("=", "!=", "<", "<=", ">", ">="):
            raise ValueError(f"{word} is not a comparison")
        operand = self._take("value")
        self._expressions += operand.startswith("%")
        if self._expressions > MOST_EXPRESSIONS:
            raise ValueError(f"a pattern has at most {MOST_EXPRESSIONS} regular expressions")
        test = comparison(word, operand)
        return lambda document: any(_is_leaf(value) and test(value) for value in select(document, steps))

    def _selector(self) -> tuple[Step, ...]:
        steps = selector(self._take("selector"))
        wildcards = steps.count(None)
        self._wildcards += wildcards
        if wildcards > 1 or self._wildcards > _MOST_WILDCARDS:
            raise ValueError(f"a selector has at most one *, a pattern at most {_MOST_WILDCARDS}")
        return steps


def selector(text: str) -> tuple[Step, ...]:
    """Return the steps of ``$.a[0]['b.c']``. Raises ``ValueError`` for what is none."""
    if not re.fullmatch(f"\\$(?:{_STEP.pattern})+", text):
        raise ValueError(f"{text} is not a selector such as $.name")
    return tuple(_step(found) for found in _STEP.finditer(text))


def _step(found: re.Match[str]) -> Step:
    if found[4] is not None:
        return int(found[4])
    return next((name for name in found.group(1, 2, 3) if name is not None), None)


def select(document: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Yield the values that a selector leads to."""
    if not steps:
        yield document
        return
    step, rest = steps[0], steps[1:]
    if step is None:
        for each in document.values() if isinstance(document, dict) else _elements(document):
            yield from select(each, rest)
    elif isinstance(step, int):
        if step < len(_elements(document)):
            yield from select(document[step], rest)
    elif isinstance(document, dict) and step in document:
        yield from select(document[step], rest)


def parsed(message: str) -> Any:
    """Return the JSON object or array that a line is, else None."""
    if not message.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None


def _elements(document: Any) -> list[Any]:
    return document if isinstance(document, list) else []


def _is_leaf(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _state(steps: tuple[Step, ...], words: str) -> Test:
    if words == "NOT EXISTS":
        return lambda document: next(select(document, steps), _state) is _state
    wanted = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}
    if words not in wanted:
        raise ValueError(f"{words} is none of IS NULL, IS TRUE, IS FALSE, NOT EXISTS")
    return lambda document: any(value is wanted[words] for value in select(document, steps))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise ValueError(f"{text[at:].strip()} cannot be read")
        kind = found.lastgroup
        assert kind is not None
        yield kind, found[kind]
        at = found.end()
