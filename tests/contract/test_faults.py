"""Faults on request, each met where a real client would meet it, and seen everywhere while it is on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.notebook import Sandbox, connect, disconnect
from tests.contract.conftest import Server

CODE = """
import boto3, time

s3 = boto3.client("s3", config=boto3.session.Config(retries={"total_max_attempts": 1}))
print("loaded")

def handler(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("put"):
        began = time.monotonic()
        try:
            s3.put_object(Bucket="fruit", Key="kiwi", Body=b"1")
        except Exception as problem:
            return {"problem": str(problem), "took": time.monotonic() - began}
        return {"took": time.monotonic() - began}
    return {"left_ms": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(scope="module")
def sandbox(server: Server) -> Iterator[Sandbox]:
    server.client("s3").create_bucket(Bucket="fruit")
    for name in ("quote", "other"):
        server.deploy(name, CODE, Timeout=30)
    yield connect(server.endpoint, quiet=True)
    disconnect()


@pytest.fixture(autouse=True)
def _nothing_is_left_on(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults.clear()


def invoke(server: Server, event: dict[str, Any], name: str = "quote") -> Any:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.load(answer["Payload"])


def fresh(server: Server, name: str = "quote") -> None:
    """Change the function, so that its next invocation is a cold start."""
    server.client("lambda").update_function_configuration(
        FunctionName=name, Description=str(time.monotonic())
    )


def told(sandbox: Sandbox, kind: str) -> list[str]:
    return [step["text"] for step in sandbox.explain().steps if step["kind"] == kind]


def test_a_throttle_meets_as_many_as_it_was_told_and_only_that_function(
    server: Server, sandbox: Sandbox
) -> None:
    sandbox.faults.add("throttle", "quote", count=2)
    assert "left_ms" in invoke(server, {}, "other")
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate Exceeded"):
            invoke(server, {})
    assert "a fault on request: throttle for quote" in told(sandbox, "throttle")[0]
    assert "left_ms" in invoke(server, {})


def test_the_same_seed_strikes_the_same_invocations(server: Server, sandbox: Sandbox) -> None:
    def series(seed: int) -> list[bool]:
        rule = sandbox.faults.add("throttle", "quote", probability=0.5, seed=seed)
        outcomes = []
        for _ in range(12):
            try:
                invoke(server, {})
                outcomes.append(True)
            except ClientError:
                outcomes.append(False)
        sandbox.faults.clear(rule)
        return outcomes

    first = series(7)
    assert first == series(7)
    assert len(set(first)) == 2
    assert first != series(8)


def test_a_crash_in_init_is_repeated_once_and_then_succeeds(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("init-crash", "quote", count=1)
    fresh(server)
    assert "left_ms" in invoke(server, {})
    lines = list(sandbox.logs("quote"))
    assert any("INIT_REPORT" in line and "Runtime.ExitError" in line for line in lines)
    assert any(line.startswith("SANDBOX_FAULT init-crash for quote") for line in lines)
    assert told(sandbox, "fault") == ["A fault that was asked for: init-crash for quote."]


def test_a_crash_in_every_init_reaches_the_caller(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("init-crash", "quote")
    fresh(server)
    assert invoke(server, {})["errorType"] == "Runtime.ExitError"


def test_a_slow_start_lengthens_init_and_nothing_else(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("slow-start", "quote", ms=700)
    fresh(server)
    invoke(server, {})
    row = sandbox.history("quote").invocations[-1]
    # An init that had to be repeated has no duration of its own: the log says what happened to the first.
    assert row["init_duration_ms"] is not None, f"{row}\n" + "\n".join([*sandbox.logs("quote")][-16:])
    assert row["init_duration_ms"] >= 700
    assert row["duration_ms"] < 500


def test_a_freeze_in_the_handler_ends_in_a_timeout_or_passes(server: Server, sandbox: Sandbox) -> None:
    server.client("lambda").update_function_configuration(FunctionName="quote", Timeout=3)
    invoke(server, {})
    sandbox.faults.add("freeze", "quote", ms=400, count=1)
    invoke(server, {"sleep": 0.05})
    assert sandbox.history("quote").invocations[-1]["duration_ms"] >= 380
    sandbox.faults.add("freeze", "quote", ms=60_000, count=1)
    assert invoke(server, {"sleep": 0.05})["errorType"] == "Sandbox.Timedout"
    assert "left_ms" in invoke(server, {})


def test_an_event_is_delivered_twice(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("duplicate", "quote", count=1)
    answer = server.client("lambda").invoke(FunctionName="quote", InvocationType="Event", Payload=b"{}")
    request_id = answer["ResponseMetadata"]["RequestId"]
    ends = time.monotonic() + 20
    while len([r for r in sandbox.history("quote").invocations if r["request_id"] == request_id]) < 2:
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert len(sandbox.explain(request_id)["attempts"]) == 2


def test_a_neighbour_fails_for_one_operation_as_that_service_fails(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("neighbour-error", "quote", service="s3", operation="PutObject", status=503)
    assert "ServiceUnavailable" in invoke(server, {"put": 1})["problem"]
    assert "503" in told(sandbox, "call")[0]
    assert "problem" not in invoke(server, {"put": 1}, "other")
    server.client("s3").get_object(Bucket="fruit", Key="kiwi")


def test_a_neighbour_takes_its_time(server: Server, sandbox: Sandbox) -> None:
    sandbox.faults.add("neighbour-latency", "quote", service="s3", ms=500)
    assert invoke(server, {"put": 1})["took"] >= 0.5


def test_a_clock_that_is_off_changes_the_time_left_and_spoils_signatures(
    server: Server, sandbox: Sandbox
) -> None:
    invoke(server, {})
    sandbox.faults.add("clock-skew", "quote", ms=1000)
    assert 1000 < invoke(server, {})["left_ms"] <= 2000
    sandbox.faults.clear()
    sandbox.faults.add("clock-skew", "quote", ms=-20 * 60_000)
    assert "RequestTimeTooSkewed" in invoke(server, {"put": 1})["problem"]
    sandbox.faults.clear()
    assert "problem" not in invoke(server, {"put": 1})


def test_a_fault_that_is_on_is_seen_everywhere_and_none_when_it_is_off(
    server: Server, sandbox: Sandbox
) -> None:
    def everywhere() -> dict[str, bool]:
        with urlopen(f"{server.endpoint}/_sandbox/health") as answer:  # loopback
            health = json.load(answer)
        return {
            "health": bool(health["faults"]),
            "notebook": "throttle for quote" in repr(sandbox),
            "notebook's table": "throttle for quote" in sandbox._repr_html_(),
            "bill": "throttle for quote" in repr(sandbox.bill()),
            "history": bool(sandbox.history()["faults_on"]),
            "list": "throttle for quote" in repr(sandbox.faults),
        }

    assert set(everywhere().values()) == {False}
    sandbox.faults.add("throttle", "quote")
    assert set(everywhere().values()) == {True}
    sandbox.faults.clear()
    assert set(everywhere().values()) == {False}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "earthquake"}, "kind is one of throttle"),
        ({"kind": "freeze"}, "freeze needs ms"),
        ({"kind": "throttle", "probability": 2}, "probability is above 0 and at most 1"),
        ({"kind": "throttle", "ms": 5}, "throttle takes no ms"),
        ({"kind": "throttle", "service": "s3"}, "throttle takes no service"),
        ({"kind": "slow-start", "ms": -5}, "only a clock's skew may be negative"),
        ({"kind": "neighbour-error", "status": 200}, "status is 400, 429, 500 or 503"),
        ({"kind": "neighbour-latency", "ms": 5, "operation": "PutItem"}, "needs the service"),
        ({"kind": "throttle", "count": 0}, "count is at least 1"),
        ({"kind": "throttle", "colour": "red"}, "unknown field"),
    ],
    ids=lambda value: str(value),
)
def test_a_rule_that_makes_no_sense_is_refused_in_one_sentence(
    sandbox: Sandbox, rule: dict[str, Any], said: str
) -> None:
    with pytest.raises(SandboxFault, match=said):
        sandbox.faults.add(**rule)
    assert sandbox.faults.list() == []


def test_a_function_cannot_reach_the_rules(server: Server, sandbox: Sandbox) -> None:
    server.deploy(
        "sneak",
        "import os, urllib.request\n"
        "def handler(event, context):\n"
        "    address = os.environ['AWS_ENDPOINT_URL'] + '/_sandbox/faults'\n"
        "    try:\n"
        "        urllib.request.urlopen(urllib.request.Request(address, method='DELETE'))\n"
        "    except urllib.error.HTTPError as refusal:\n"
        "        return refusal.code\n",
    )
    assert invoke(server, {}, "sneak") == 403


def test_the_command_line_adds_lists_and_clears(server: Server, sandbox: Sandbox) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "lambda_sandbox",
            "faults",
            *arguments,
            "--endpoint",
            server.endpoint,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    added = run("add", "slow-start", "--ms", "250", "--function", "quote", "--seed", "3").stdout.strip()
    assert [rule["id"] for rule in json.loads(run("list", "--json").stdout)["faults"]] == [added]
    assert "slow-start of 250 ms for quote" in run("list").stdout
    refused = run("clear", "fault-999")
    assert refused.returncode != 0
    assert refused.stderr.count("\n") == 1
    assert run("clear", added).stdout.startswith("1 fault rules cleared, 0 left")
