"""Logs of functions whose format is JSON: Lambda's own lines are events, and both log levels decide what is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Server

SOURCE = """
import logging

def handler(event, context):
    for level in ("debug", "info", "warning"):
        getattr(logging.getLogger(), level)("told")
    if event.get("raise"):
        raise ValueError("no such price")
"""


@pytest.fixture(scope="module", params=["lean", "native"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running = Server("--no-neighbours", "--runtime-client", request.param)
    yield running
    running.stop()


def tail(server: Server, name: str, event: Any = None, **levels: str) -> list[dict[str, Any]]:
    """Return the lines that one cold invocation leaves."""
    server.deploy(name, SOURCE, LoggingConfig={"LogFormat": "JSON", **levels})
    answer = server.client("lambda").invoke(
        FunctionName=name, LogType="Tail", Payload=json.dumps(event or {})
    )
    text = base64.b64decode(answer["LogResult"]).decode()
    return [json.loads(line) for line in text.splitlines()]


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in lines if "type" in line]


def test_lambdas_own_lines_are_events(server: Server) -> None:
    lines = tail(server, "plain")
    assert kinds(lines) == ["platform.start", "platform.report"]
    report = lines[-1]
    assert report["record"]["status"] == "success"
    assert report["record"]["requestId"] == lines[0]["record"]["requestId"]
    assert report["record"]["metrics"]["billedDurationMs"] >= 1
    assert report["record"]["metrics"]["initDurationMs"] > 0


def test_debug_tells_of_the_phases_as_well(server: Server) -> None:
    assert kinds(tail(server, "talkative", SystemLogLevel="DEBUG")) == [
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]


def test_warn_is_silent_about_what_went_well(server: Server) -> None:
    assert kinds(tail(server, "quiet", SystemLogLevel="WARN")) == []


def test_warn_tells_of_what_failed(server: Server) -> None:
    lines = tail(server, "failing", {"raise": True}, SystemLogLevel="WARN")
    assert kinds(lines) == ["platform.runtimeDone", "platform.report"]
    assert lines[-1]["record"]["status"] == "error"


@pytest.mark.parametrize(
    ("level", "kept"),
    [("DEBUG", ["DEBUG", "INFO", "WARNING"]), ("INFO", ["INFO", "WARNING"]), ("WARN", ["WARNING"])],
)
def test_application_level_decides_what_the_logger_writes(
    server: Server, level: str, kept: list[str]
) -> None:
    lines = tail(server, f"application-{level}", ApplicationLogLevel=level, SystemLogLevel="WARN")
    told = [line["level"] for line in lines if line.get("message") == "told"]
    assert [{"WARN": "WARNING"}.get(each, each) for each in told] == kept


def test_init_that_fails_twice_is_told_in_events(server: Server) -> None:
    server.deploy("broken", "raise ValueError('no such module')", LoggingConfig={"LogFormat": "JSON"})
    answer = server.client("lambda").invoke(FunctionName="broken", LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    told = [json.loads(line) for line in lines if '"type": "platform.' in line]
    assert kinds(told) == ["platform.start", "platform.runtimeDone", "platform.report"]
    assert told[-1]["record"]["status"] == "error"


def test_line_that_names_its_level_is_held_to_it(server: Server) -> None:
    source = """
def handler(event, context):
    print('{"level": "debug", "message": "told"}')
    print('{"level": "error", "message": "told"}')
    print("half a line", end="")
"""
    server.deploy("printing", source, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    answer = server.client("lambda").invoke(FunctionName="printing", LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines == ['{"level": "error", "message": "told"}', "half a line"]
