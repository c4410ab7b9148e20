"""Somebody else's parser reads our REPORT lines, of every kind of invocation, and finds the figures of our history.

The parser is SeBS's. It brings half a cloud of libraries, so it lives in an environment of its own, whose interpreter
``SEBS_PYTHON`` names: ``pip install -r tests/contract/report-parser-requirements.txt``. It is the only one that could be
installed as a package (2026-11): of the others that were looked at, apex/parsers, axiom-cloudwatch-lambda and
lambda-cloud-watch-log-parser are not to be had, and invokust, faastjs and lumigo-cli do not take REPORT lines apart.
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
EVENTS = {"cold": {}, "warm": {}, "error": {"fail": 1}, "timeout": {"sleep": 5}, "out of memory": {"fill": 1}}


def ask(server: Server, route: str) -> Any:
    with urlopen(f"{server.endpoint}/_sandbox/{route}") as answer:  # loopback
        return json.load(answer)


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
    assert "Status" not in reports["warm"]
    assert "Init Duration" not in reports["warm"]


def test_another_parser_finds_our_figures_in_every_line(server: Server, reports: dict[str, str]) -> None:
    interpreter = os.environ.get("SEBS_PYTHON")
    if not interpreter:
        pytest.skip("SEBS_PYTHON names no interpreter that has serverless-benchmarks")
    script = Path(__file__).with_name("report_parser.py")
    done = subprocess.run(
        [interpreter, str(script)],
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
        assert found["duration_us"] == pytest.approx(row["duration_ms"] * 1000, abs=1), kind
        assert found["init_us"] == pytest.approx((row["init_duration_ms"] or 0.0) * 1000, abs=1), kind
        assert found["billed_ms"] == row["billed_ms"], kind
        assert (found["memory_mb"], found["max_memory_mb"]) == (row["memory_mb"], row["max_memory_mb"]), kind
        assert found["gb_seconds"] == pytest.approx(row["memory_mb"] / 1024 * row["billed_ms"] / 1000), kind
