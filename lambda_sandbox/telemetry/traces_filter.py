"""X-Ray's filter expressions, those that a sandbox's traces can answer; others are refused by name.

Understood: ``ok``, ``error``, ``fault``, ``throttle``, ``partial``, ``responsetime``, ``duration``, ``http.status``,
``http.method``, ``http.url``, ``user``, ``name``, ``annotation.key`` and ``annotation[key]``, ``service("name") { … }``, with
``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``CONTAINS``, ``BEGINSWITH``, ``ENDSWITH``, ``AND``, ``OR``, ``NOT`` and parentheses.

Source: AWS X-Ray Developer Guide, "Using filter expressions", read 2026-11.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.telemetry.metrics_errors import MonitoringError
from lambda_sandbox.telemetry.traces import Segment, Trace, annotations_of, walk

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"[^"]*"|'[^']*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<sign>!=|<=|>=|&&|\|\||[=<>!(){}\[\]])"""
    r"""|(?P<word>[A-Za-z_][\w.:-]*))"""
)
_FLAGS = ("ok", "error", "fault", "throttle", "partial")
_NUMBERS = ("responsetime", "duration", "http.status")
_TEXTS = ("http.method", "http.url", "user", "name")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OF_TEXT: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda value, wanted: wanted in value,
    "BEGINSWITH": lambda value, wanted: value.startswith(wanted),
    "ENDSWITH": lambda value, wanted: value.endswith(wanted),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an expression is asked about: a trace, or one service's part of it."""

    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, trace: Trace) -> Subject:
        return cls(tuple(trace.whole()))

    def everything(self) -> Iterator[Segment]:
        for segment in self.segments:
            yield from walk(segment)

    def flag(self, name: str) -> bool:
        if name == "ok":
            return not any(self.flag(each) for each in ("error", "fault", "throttle"))
        if name == "partial":
            return any("end_time" not in each for each in self.everything())
        return any(segment.get(name) for segment in self.segments)

    def values(self, name: str) -> list[Any]:
        """Return the values that one of which an expression has to be true of."""
        if name == "duration":
            return [_span(self.segments)] if self.segments else []
        if name == "responsetime":
            return [_span([first])] if (first := _first(self.segments)) else []
        if name.startswith("http."):
            return list(_http(self.segments, name[5:]))
        if name.startswith("annotation."):
            key = name.removeprefix("annotation.")
            found = (annotations_of(each).get(key) for each in self.everything())
        else:
            found = (each.get(name) for each in self.everything())
        return [value for value in found if value is not None]


Test = Callable[[Subject], bool]


def parse(text: str) -> Test:
    """Return what says whether a trace is meant. Raises ``MonitoringError`` naming what is not understood."""
    reader = _Reader(text)
    test = reader.either()
    if reader.token is not None:
        raise reader.wrong(f"{reader.token[1]!r} is not expected there")
    return test


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut()
        self._depth = 0
        self.token: tuple[str, str] | None = next(self._tokens, None)

    def wrong(self, reason: str) -> MonitoringError:
        return MonitoringError(
            "InvalidRequestException", f"The filter expression {self._text!r} is not understood: {reason}."
        )

    def _cut(self) -> Iterator[tuple[str, str]]:
        place, text = 0, self._text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise self.wrong(f"{text[place:].strip()[:20]!r} cannot be read")
            yield found.lastgroup, found[found.lastgroup]
            place = found.end()

    def _take(self, *wanted: str) -> tuple[str, str]:
        token = self.token
        if token is None or (wanted and token[1] not in wanted):
            raise self.wrong(f"{' or '.join(wanted) or 'something'} is missing")
        self.token = next(self._tokens, None)
        return token

    def _is(self, *words: str) -> bool:
        return self.token is not None and self.token[1].upper() in words

    def either(self) -> Test:
        parts = [self._both()]
        while self._is("OR", "||"):
            self._take()
            parts.append(self._both())
        return lambda subject: any(part(subject) for part in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._is("AND", "&&"):
            self._take()
            parts.append(self._one())
        return lambda subject: all(part(subject) for part in parts)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > 50:
            raise self.wrong("it is nested too deeply")
        made = self._deeper()
        self._depth -= 1
        return made

    def _deeper(self) -> Test:
        if self._is("NOT", "!"):
            self._take()
            inner = self._one()
            return lambda subject: not inner(subject)
        if self._is("("):
            self._take()
            inner = self.either()
            self._take(")")
            return inner
        kind, name = self._take()
        if kind != "word":
            raise self.wrong(f"{name!r} is no keyword")
        if name == "service":
            return self._service()
        if name in _FLAGS:
            return self._flag(name)
        return self._compared(self._keyword(name))

    def _keyword(self, name: str) -> str:
        if name == "annotation":
            self._take("[")
            name = f"annotation.{self._take()[1].strip(chr(34) + chr(39))}"
            self._take("]")
        if name not in (*_NUMBERS, *_TEXTS) and not name.startswith("annotation."):
            raise self.wrong(f"the sandbox does not know the keyword {name}")
        return name

    def _flag(self, name: str) -> Test:
        if self._is("=", "!="):
            same = self._take()[1] == "="
            wanted = (self._take("true", "false")[1] == "true") is same
            return lambda subject: subject.flag(name) is wanted
        return lambda subject: subject.flag(name)

    def _compared(self, name: str) -> Test:
        if not self._is(*_ORDER, *_OF_TEXT):
            return lambda subject: bool(subject.values(name))
        sign = self._take()[1]
        kind, text = self._take()
        if kind == "sign":
            raise self.wrong(f"{name} is compared with nothing")
        wanted: Any = float(text) if kind == "number" else text.strip("\"'")
        if kind == "word" and text in ("true", "false"):
            wanted = text == "true"
        compare = _ORDER.get(sign) or _OF_TEXT[sign.upper()]
        return lambda subject: any(_holds(compare, value, wanted) for value in subject.values(name))

    def _service(self) -> Test:
        self._take("(")
        kind, name = self._take()
        if kind != "string":
            raise self.wrong('service takes a name, as in service("checkout")')
        self._take(")")
        inner: Test = lambda subject: bool(subject.segments)  # noqa: E731
        if self._is("{"):
            self._take()
            inner = self.either()
            self._take("}")
        wanted = name[1:-1]
        return lambda subject: _of_service(subject, wanted, inner)


def _of_service(subject: Subject, name: str, test: Test) -> bool:
    named = [segment for segment in subject.segments if segment["name"] == name]
    return any(test(Subject((segment,))) for segment in named)


def _holds(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        value = str(value)
    elif isinstance(value, bool) != isinstance(wanted, bool) or not isinstance(value, int | float):
        return False
    return compare(value, wanted)


def _span(segments: Any) -> float:
    starts = [float(each["start_time"]) for each in segments]
    ends = [float(each.get("end_time", each["start_time"])) for each in segments]
    return max(ends) - min(starts)


def _first(segments: tuple[Segment, ...]) -> Segment | None:
    """Return the segment that the trace began with: the earliest that continues none of the others."""
    ids = {each["id"] for segment in segments for each in walk(segment)}
    roots = [segment for segment in segments if segment.get("parent_id") not in ids]
    return min(roots or segments, key=lambda each: float(each["start_time"]), default=None)


def _http(segments: tuple[Segment, ...], name: str) -> Iterator[Any]:
    for segment in segments:
        http = segment.get("http")
        if isinstance(http, dict):
            side = http.get("response" if name == "status" else "request")
            if isinstance(side, dict) and name in side:
                yield side[name]
