"""What of a function's own output is kept: where its log is JSON, lines that name a level below the configured one are not.

Source: AWS Lambda Developer Guide, "Log-level filtering", read 2026-11.
"""

from __future__ import annotations

import json

from lambda_sandbox.invocation.environment import Environment

_ORDER = {
    "TRACE": 0,
    "DEBUG": 1,
    "INFO": 2,
    "WARN": 3,
    "WARNING": 3,
    "ERROR": 4,
    "FATAL": 5,
    "CRITICAL": 5,
}


class ApplicationLogs:
    """Holds back the beginning of a line until the rest of it is there; text logs pass untouched. ``begun`` is by environment."""

    def __init__(self) -> None:
        self.begun: dict[str, bytes] = {}

    def kept(self, environment: Environment, data: bytes) -> bytes:
        """Return the whole lines of ``data``, and of what came before, that the function's log level lets through."""
        function = environment.function
        if function.log_format != "JSON":
            return data
        lowest = _ORDER[function.application_log_level or "INFO"]
        *lines, begun = (self.begun.pop(environment.environment_id, b"") + data).split(b"\n")
        if begun:
            self.begun[environment.environment_id] = begun
        return b"".join(line + b"\n" for line in lines if _level(line) >= lowest)

    def rest(self, environment_id: str) -> bytes:
        """Return what was held back: the environment writes no more of that line now."""
        return self.begun.pop(environment_id, b"")


def _level(line: bytes) -> int:
    """AWS: an object that names no level it knows counts as INFO. UNCONFIRMED: what is no object is always kept."""
    if not line.startswith(b"{"):
        return _ORDER["FATAL"]
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return _ORDER["FATAL"]
    named = entry.get("level")
    return _ORDER.get(named.upper(), _ORDER["INFO"]) if isinstance(named, str) else _ORDER["INFO"]
