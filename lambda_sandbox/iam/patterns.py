"""Wildcards and policy variables: how a policy's text is matched against a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from lambda_sandbox import wildcards

Values = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case, each with the values that the request has for it."""

_PIECE = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<wildcard>[*?])|(?P<text>[^*?$]+|\$)")
_ESCAPES = {"*": "*", "?": "?", "$": "$"}
_DEFAULT = re.compile(r"(?P<key>[^,]+?)\s*,\s*'(?P<default>[^']*)'")
_ARN_PARTS = 6


def matches(pattern: str, value: str, context: Values, *, ignore_case: bool = False) -> bool:
    """Whether ``pattern``, with its ``*``, ``?`` and ``${variables}``, covers the whole of ``value``.

    A variable that the request has no single value for matches nothing, as on AWS. What stands for a variable is taken
    literally: a star in a user's name is no wildcard.
    """
    if "${" in pattern:
        expression = _expression(pattern, context)
        return expression is not None and _compiled(expression, ignore_case).fullmatch(value) is not None
    if pattern == "*":
        return True
    return _plain(pattern, ignore_case).fullmatch(value) is not None


def arn_matches(pattern: str, value: str, context: Values) -> bool:
    """Like ``matches``, but wildcards stop at the colons of an ARN: each of its six parts is compared alone."""
    wanted, given = pattern.split(":", _ARN_PARTS - 1), value.split(":", _ARN_PARTS - 1)
    if len(given) != _ARN_PARTS:
        return False
    if len(wanted) != _ARN_PARTS:
        return pattern == "*"
    return all(matches(part, each, context) for part, each in zip(wanted, given, strict=True))


def substitute(text: str, context: Values) -> str | None:
    """Return ``text`` with its variables replaced, for operators that know no wildcards; ``None`` when one has no value."""
    if "${" not in text:
        return text
    pieces = []
    for piece in _PIECE.finditer(text):
        name = piece["variable"]
        value = piece[0] if name is None else _value(name, context)
        if value is None:
            return None
        pieces.append(value)
    return "".join(pieces)


def _expression(pattern: str, context: Values) -> str | None:
    pieces: list[str | None] = []
    for piece in _PIECE.finditer(pattern):
        if piece["variable"] is None:
            pieces.append(_wild(piece[0]))
            continue
        value = _value(piece["variable"], context)
        if value is None:
            return None
        pieces.append(re.escape(value))
    return wildcards.expression(pieces)


def _value(name: str, context: Values) -> str | None:
    if name in _ESCAPES:
        return name
    found = _DEFAULT.fullmatch(name.strip())
    key, default = (found["key"], found["default"]) if found else (name.strip(), None)
    values = context.get(key.lower(), ())
    return values[0] if len(values) == 1 else default


def _wild(text: str) -> str | None:
    if text == "*":
        return None
    return "." if text == "?" else re.escape(text)


@lru_cache(4096)
def _plain(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    pieces = (_wild(piece) for piece in re.split(r"([*?])", pattern))
    return _compiled(wildcards.expression(pieces), ignore_case)


@lru_cache(4096)
def _compiled(expression: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
