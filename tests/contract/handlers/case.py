"""One case: a handler, an event, and what the caller and the log must see."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXIT = r"RequestId: [0-9a-f-]{36} Error: Runtime exited with error: "
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from one invoke; ``error`` is the ``FunctionError`` member, ``""`` for none."""

    payload: bytes
    error: str
    log: str

    @property
    def value(self) -> Any:
        return json.loads(self.payload)


@dataclass(frozen=True, slots=True)
class Expected:
    """Members that are ``None`` are not looked at. ``message`` and ``log`` are regular expressions, ``text`` the exact payload."""

    value: Any = _MISSING
    text: str | None = None
    error_type: str | None = None
    message: str | None = None
    trace: tuple[str, ...] | None = None
    log: str | None = None
    not_in_log: str | None = None

    def check(self, outcome: Outcome) -> None:
        """Fail with what came instead."""
        assert bool(outcome.error) == (self.error_type is not None), outcome
        if self.error_type is not None:
            self._check_error(outcome)
        elif self.text is not None:
            assert outcome.payload.decode() == self.text
        elif self.value is not _MISSING:
            assert outcome.value == self.value
        if self.log is not None:
            assert re.search(self.log, outcome.log), outcome.log
        if self.not_in_log is not None:
            assert self.not_in_log not in outcome.log

    def _check_error(self, outcome: Outcome) -> None:
        assert outcome.error == "Unhandled"
        found = outcome.value
        assert found["errorType"] == self.error_type, found
        if self.message is not None:
            assert re.fullmatch(self.message, found["errorMessage"] or "", re.DOTALL), found
        if self.trace is not None:
            frames = found.get("stackTrace", found.get("trace"))
            assert len(frames) >= len(self.trace), found
            for wanted, frame in zip(reversed(self.trace), reversed(frames), strict=False):
                assert re.search(wanted, frame, re.DOTALL), found


@dataclass(frozen=True, slots=True)
class Case:
    """``source`` is the handler's body for Python, the whole file for others. ``options`` go to CreateFunction."""

    name: str
    source: str
    expected: Expected
    event: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    client_context: Mapping[str, Any] = field(default_factory=dict)


def returns(value: Any, **more: Any) -> Expected:
    return Expected(value=value, **more)


def writes(text: str, **more: Any) -> Expected:
    """The payload is this text, character for character."""
    return Expected(text=text, **more)


def fails(error_type: str, message: str | None = None, **more: Any) -> Expected:
    return Expected(error_type=error_type, message=message, **more)


def exits(how: str, **more: Any) -> Expected:
    """The process ended: ``exit status 3`` or ``signal: killed``."""
    return fails("Runtime.ExitError", EXIT + how, **more)
