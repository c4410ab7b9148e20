"""Two other people's parsers read our REPORT lines, of every kind of invocation, and find the figures of our history.

SeBS's cuts a line at its tabs, lambda-bench's is one pattern for the whole. Each lives in an environment of its own below
``build/``, which ``make parsers`` makes; ``SEBS_PYTHON`` and ``LAMBDA_BENCH_PYTHON`` name other interpreters that have them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from lambda_sandbox.environments.runtimes import registry
from tests.contract.conftest import Server

CODE = """
import time

def handler(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("fill"):
        return len(bytearray(400_000_000))
    if event.get("fail"):
        raise ValueError("no such fruit")
    return 1
"""
ROOT = Path(__file__).parents[2]
EVENTS = {"cold": {}, "warm": {}, "error": {"fail": 1}, "timeout": {"sleep": 5}, "out of memory": {"fill": 1}}


def ask(server: Server, route: str) -> Any:
    with urlopen(f"{server.endpoint}/_sandbox/{route}") as answer:  # loopback
        return json.load(answer)


def stand_ins() -> list[str]:
    """Return a Python runtime in whose place another version runs here, if there is one."""
    names = [each.name for each in registry.available() if each.name.startswith("python")]
    return [name for name in names if registry.notice(name)][:1]


@pytest.fixture(scope="module")
def reports(server: Server) -> dict[str, str]:
    """Return the REPORT line of each kind of invocation."""
    client = server.client("lambda")
    server.deploy("quote", CODE, Timeout=2, MemorySize=256)
    server.deploy("traced", CODE, TracingConfig={"Mode": "Active"})
    server.deploy("snapped", CODE, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    client.get_waiter("published_version_active").wait(FunctionName="snapped", Qualifier="1")
    ids = {}
    for kind, event in EVENTS.items():
        answer = client.invoke(FunctionName="quote", Payload=json.dumps(event))
        ids[kind] = answer["ResponseMetadata"]["RequestId"]
    ids["X-Ray"] = client.invoke(FunctionName="traced")["ResponseMetadata"]["RequestId"]
    ids["SnapStart"] = client.invoke(FunctionName="snapped", Qualifier="1")["ResponseMetadata"]["RequestId"]
    for runtime in stand_ins():
        server.deploy("old", CODE, Runtime=runtime, TracingConfig={"Mode": "Active"})
        ids["stand-in"] = client.invoke(FunctionName="old")["ResponseMetadata"]["RequestId"]
        ids["stand-in, failing"] = client.invoke(FunctionName="old", Payload=json.dumps({"fail": 1}))[
            "ResponseMetadata"
        ]["RequestId"]
    time.sleep(0.1)
    messages = [event["message"] for event in ask(server, "logs")["events"]]
    lines = [message for message in messages if message.startswith("REPORT ")]
    return {kind: next(line for line in lines if request_id in line) for kind, request_id in ids.items()}


def test_each_kind_says_what_only_it_says(reports: dict[str, str]) -> None:
    said = {
        "cold": "Init Duration: ",
        "timeout": "Status: timeout",
        "out of memory": "Error Type: Runtime.OutOfMemory",
        "SnapStart": "Restore Duration: ",
    }
    shown = {kind: text in reports[kind] for kind, text in said.items()}
    assert set(shown.values()) == {True}, shown
    assert "\nXRAY TraceId: " in reports["X-Ray"]
    assert "SANDBOX" not in reports["warm"]
    for runtime in stand_ins():
        lines = reports["stand-in"].splitlines()
        assert [line.split(" ")[0] for line in lines] == ["REPORT", "XRAY", "SANDBOX"]
        assert lines[-1] == f"SANDBOX Runtime: {registry.notice(runtime)}\t"
    assert "Status" not in reports["warm"]
    assert "Init Duration" not in reports["warm"]


def interpreter_of(parser: str) -> str:
    """Return the interpreter that has ``parser``; skips the test where there is none."""
    variable = f"{parser.upper().replace('-', '_')}_PYTHON"
    own = ROOT / "build" / parser
    if variable in os.environ:
        return os.environ[variable]
    if not (own / "ready").exists():
        pytest.skip(
            f"{parser} is not installed: make parsers installs it, or {variable} names an interpreter"
        )
    return str(own / "bin" / "python")


@pytest.mark.parametrize("parser", ["sebs", "lambda-bench"])
def test_another_parser_finds_our_figures_in_every_line(
    server: Server, reports: dict[str, str], parser: str
) -> None:
    script = Path(__file__).parent / "report_parsers" / f"read_{parser.replace('-', '_')}.py"
    done = subprocess.run(
        [interpreter_of(parser), str(script)],
        input=json.dumps(list(reports.values())),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["request_id"]: row for row in ask(server, "history")["invocations"]}
    for kind, found in zip(reports, json.loads(done.stdout.splitlines()[-1]), strict=True):
        row = rows[found["request_id"]]
        assert found["duration_ms"] == pytest.approx(row["duration_ms"], abs=0.001), kind
        assert found["init_ms"] == pytest.approx(row["init_duration_ms"] or 0.0, abs=0.001), kind
        assert found["billed_ms"] == row["billed_ms"], kind
        assert (found["memory_mb"], found["max_memory_mb"]) == (row["memory_mb"], row["max_memory_mb"]), kind
        if "gb_seconds" in found:
            gb_seconds = row["memory_mb"] / 1024 * row["billed_ms"] / 1000
            assert found["gb_seconds"] == pytest.approx(gb_seconds), kind
