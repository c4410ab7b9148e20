"""The rule of a composite alarm: ``ALARM("a") AND (OK(b) OR NOT INSUFFICIENT_DATA(c))``.

Source: Amazon CloudWatch API Reference, "PutCompositeAlarm", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lambda_sandbox.telemetry.alarms_decision import AlarmState
from lambda_sandbox.telemetry.metrics_errors import refused

_TOKEN = re.compile(r"""\s*(?:([()])|"([^"]+)"|'([^']+)'|([^\s()"']+))""")

StateOf = Callable[[str], AlarmState | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """``names`` are the alarms that it looks at; ``holds`` says whether it is met."""

    names: tuple[str, ...]
    holds: Callable[[StateOf], bool]


def parse(text: str) -> Rule:
    """Raises ``MonitoringError`` for a rule that cannot be read."""
    reader = _Reader(text)
    holds = reader.either()
    if reader.token is not None:
        raise reader.wrong()
    return Rule(tuple(dict.fromkeys(reader.names)), holds)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut()
        self.names: list[str] = []
        self._depth = 0
        self.token = next(self._tokens, None)

    def _cut(self) -> Iterator[str]:
        place = 0
        text = self._text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self.wrong()
            yield next(part for part in found.groups() if part is not None)
            place = found.end()

    def wrong(self) -> Exception:
        return refused(f"AlarmRule cannot be read: {self._text}")

    def _take(self, wanted: str | None = None) -> str:
        token = self.token
        if token is None or wanted not in (None, token):
            raise self.wrong()
        self.token = next(self._tokens, None)
        return token

    def either(self) -> Callable[[StateOf], bool]:
        parts = [self._both()]
        while self.token == "OR":  # noqa: S105 - a word of the rule
            self._take()
            parts.append(self._both())
        return lambda state: any(part(state) for part in parts)

    def _both(self) -> Callable[[StateOf], bool]:
        parts = [self._one()]
        while self.token == "AND":  # noqa: S105
            self._take()
            parts.append(self._one())
        return lambda state: all(part(state) for part in parts)

    def _one(self) -> Callable[[StateOf], bool]:
        self._depth += 1
        if self._depth > 100:
            raise self.wrong()
        made = self._deeper()
        self._depth -= 1
        return made

    def _deeper(self) -> Callable[[StateOf], bool]:
        token = self._take()
        if token == "NOT":  # noqa: S105
            inner = self._one()
            return lambda state: not inner(state)
        if token == "(":  # noqa: S105
            inner = self.either()
            self._take(")")
            return inner
        if token in ("TRUE", "FALSE"):
            return lambda state: token == "TRUE"  # noqa: S105
        if token not in AlarmState.__members__:
            raise self.wrong()
        self._take("(")
        name = self._take()
        self._take(")")
        name = name.rpartition(":alarm:")[2]  # an ARN is as good
        self.names.append(name)
        return lambda state: state(name) is AlarmState[token]
