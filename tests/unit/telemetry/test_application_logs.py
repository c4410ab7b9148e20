from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.telemetry.application_logs import ApplicationLogs
from tests.unit.invocation.stage import Stage, function


def environment(**changes: Any) -> Environment:
    stage = Stage()
    stage.invoke(function(**changes))
    [made] = stage.core.pool.environments.values()
    return made


def entry(level: Any) -> bytes:
    return json.dumps({"level": level, "message": "told"}).encode() + b"\n"


def test_text_passes_untouched() -> None:
    data = entry("debug") + b"and half a li"
    assert ApplicationLogs().kept(environment(), data) == data


@pytest.mark.parametrize(
    ("lowest", "kept"),
    [
        ("TRACE", ["trace", "DEBUG", None, "Info", "nonsense", "WARNING", "error", "CRITICAL"]),
        ("INFO", [None, "Info", "nonsense", "WARNING", "error", "CRITICAL"]),
        ("WARN", ["WARNING", "error", "CRITICAL"]),
        ("FATAL", ["CRITICAL"]),
    ],
)
def test_objects_below_the_level_are_dropped(lowest: str, kept: list[str | None]) -> None:
    levels = ["trace", "DEBUG", None, "Info", "nonsense", "WARNING", "error", "CRITICAL"]
    told = environment(log_format="JSON", application_log_level=lowest)
    assert ApplicationLogs().kept(told, b"".join(map(entry, levels))) == b"".join(map(entry, kept))


@pytest.mark.parametrize("line", [b"plain\n", b"{not json\n", b"\n", b"[1]\n", b'{"a":' * 5000 + b"\n"])
def test_what_is_no_object_is_kept(line: bytes) -> None:
    told = environment(log_format="JSON", application_log_level="FATAL")
    assert ApplicationLogs().kept(told, line) == line


def test_line_in_pieces_is_judged_as_a_whole() -> None:
    told = environment(log_format="JSON", application_log_level="WARN")
    logs, line = ApplicationLogs(), entry("debug")
    assert logs.kept(told, b"first\n" + line[:12]) == b"first\n"
    assert logs.kept(told, line[12:] + b"wait") == b""
    assert logs.rest(told.environment_id) == b"wait"
    assert logs.rest(told.environment_id) == b""
