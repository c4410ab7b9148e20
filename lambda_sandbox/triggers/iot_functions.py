"""The functions of AWS IoT SQL that the sandbox has. ``UNDEFINED`` is what a field that is not there is worth. Pure.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL functions", read 2026-11. Functions that ask another service (``aws_lambda``,
``get_thing_shadow``, ``machinelearning_predict``) and the rest are refused by name.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final


class Undefined:
    """The one value that no JSON has."""

    def __repr__(self) -> str:
        return "Undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


@dataclass(frozen=True, slots=True)
class Message:
    """``now_ms`` is milliseconds since the epoch; ``client_id`` is ``n/a`` for what came by HTTP."""

    topic: str
    payload: bytes
    now_ms: int
    client_id: str = "n/a"
    document: Any = field(default=UNDEFINED)  # the payload as JSON, where it is some


Function = Callable[..., Any]


def as_number(value: Any) -> float | int | Undefined:
    """Return the number that a value is, or that its text is, as comparisons and sums take it."""
    if isinstance(value, bool) or value is None:
        return UNDEFINED
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return UNDEFINED
        return int(number) if re.fullmatch(r"[+-]?\d+", value) else number
    return UNDEFINED


def as_text(value: Any) -> str | Undefined:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(value) if isinstance(value, dict | list) else UNDEFINED


def _numeric(work: Callable[..., Any]) -> Function:
    def function(message: Message, *values: Any) -> Any:
        numbers = [as_number(value) for value in values]
        if any(number is UNDEFINED for number in numbers):
            return UNDEFINED
        try:
            return work(*numbers)
        except (ValueError, ZeroDivisionError, OverflowError):
            return UNDEFINED

    return function


def _textual(work: Callable[..., Any]) -> Function:
    """``work`` gets the first argument as a text, and the others as they are."""

    def function(message: Message, value: Any, *others: Any) -> Any:
        text = as_text(value)
        if text is UNDEFINED or UNDEFINED in others:
            return UNDEFINED
        try:
            return work(text, *others)
        except (TypeError, ValueError, re.error):
            return UNDEFINED

    return function


def _topic(message: Message, place: Any = None) -> Any:
    if place is None:
        return message.topic
    levels = message.topic.split("/")
    if isinstance(place, int) and 1 <= place <= len(levels):
        return levels[place - 1]
    return UNDEFINED


def _concat(message: Message, *values: Any) -> Any:
    if values and all(isinstance(value, list) for value in values):
        return [each for value in values for each in value]
    texts = [as_text(value) for value in values]
    return "".join(text for text in texts if isinstance(text, str))


def _get(message: Message, value: Any, key: Any) -> Any:
    if isinstance(value, list | str) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    return UNDEFINED


def _substring(text: str, start: int, end: int | None = None) -> Any:
    if not 0 <= start <= len(text):
        return UNDEFINED
    return text[start:end]


def _round(number: float) -> int:
    return math.floor(number + 0.5) if number >= 0 else -math.floor(-number + 0.5)


def _digest(name: str) -> Function:
    return _textual(lambda text: hashlib.new(name, text.encode()).hexdigest())


def _decode(text: str, scheme: str) -> Any:
    if scheme != "base64":
        return UNDEFINED
    return base64.b64decode(text, validate=True).decode("utf-8", "replace")


FUNCTIONS: dict[str, tuple[int, int, Function]] = {  # the fewest and the most arguments
    "topic": (0, 1, _topic),
    "timestamp": (0, 0, lambda message: message.now_ms),
    "clientid": (0, 0, lambda message: message.client_id),
    "newuuid": (0, 0, lambda message: str(uuid.uuid4())),
    "abs": (1, 1, _numeric(abs)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "exp": (1, 1, _numeric(math.exp)),
    "floor": (1, 1, _numeric(math.floor)),
    "ln": (1, 1, _numeric(math.log)),
    "log": (1, 1, _numeric(math.log10)),
    "mod": (2, 2, _numeric(math.fmod)),
    "power": (2, 2, _numeric(lambda base, exponent: base**exponent)),
    "round": (1, 1, _numeric(_round)),
    "sign": (1, 1, _numeric(lambda number: (number > 0) - (number < 0))),
    "sqrt": (1, 1, _numeric(math.sqrt)),
    "trunc": (2, 2, _numeric(lambda number, places: math.trunc(number * 10**places) / 10**places)),
    "concat": (1, 100, _concat),
    "endswith": (2, 2, _textual(lambda text, end: text.endswith(end))),
    "indexof": (2, 2, _textual(lambda text, part: text.find(part))),
    "length": (1, 1, _textual(len)),
    "lower": (1, 1, _textual(str.lower)),
    "ltrim": (1, 1, _textual(str.lstrip)),
    "regexp_matches": (2, 2, _textual(lambda text, pattern: re.search(pattern, text) is not None)),
    "regexp_replace": (3, 3, _textual(lambda text, pattern, by: re.sub(pattern, by, text))),
    "replace": (3, 3, _textual(lambda text, part, by: text.replace(part, by))),
    "rtrim": (1, 1, _textual(str.rstrip)),
    "startswith": (2, 2, _textual(lambda text, start: text.startswith(start))),
    "substring": (2, 3, _textual(_substring)),
    "trim": (1, 1, _textual(str.strip)),
    "upper": (1, 1, _textual(str.upper)),
    "decode": (2, 2, _textual(_decode)),
    "encode": (2, 2, _textual(lambda text, scheme: base64.b64encode(text.encode()).decode())),
    "md5": (1, 1, _digest("md5")),
    "sha1": (1, 1, _digest("sha1")),
    "sha256": (1, 1, _digest("sha256")),
    "sha512": (1, 1, _digest("sha512")),
    "get": (2, 2, _get),
    "isnull": (1, 1, lambda message, value: value is None),
    "isundefined": (1, 1, lambda message, value: value is UNDEFINED),
}
