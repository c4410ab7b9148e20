"""``events`` and ``send-event``: samples printed, filled in, and sent as their services send them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lambda_sandbox.__main__ import main
from lambda_sandbox.event_shapes import load, names
from tests.contract.conftest import Server

HANDLER = """
def handler(event, context):
    print("GOT", event.get("Records", [{}])[0].get("eventSource"))
    return event
"""


@pytest.fixture(scope="module")
def deployed(server: Server) -> Server:
    server.deploy("echo", HANDLER)
    return server


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_events_lists_every_shape_with_service_and_mode(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, "events", "--json")
    assert [row["name"] for row in rows] == names()
    assert {"name": "sqs", "service": "Amazon SQS", "mode": "mapping", "title": load("sqs").title} in rows
    assert main(["events"]) == 0
    assert "Amazon API Gateway" in capsys.readouterr().out


def test_a_sample_is_filled_from_its_options_and_any_field_can_be_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = printed(
        capsys, "events", "s3", "--bucket", "photos", "--key=a b.jpg",
        "--set", "Records[0].s3.object.size=7", "--set", "Records[0].awsRegion=eu-west-1",
    )  # fmt: skip
    record = event["Records"][0]
    assert record["s3"]["bucket"] == {
        **record["s3"]["bucket"],
        "name": "photos",
        "arn": "arn:aws:s3:::photos",
    }
    assert record["s3"]["object"]["key"] == "a+b.jpg"
    assert (record["s3"]["object"]["size"], record["awsRegion"]) == (7, "eu-west-1")


def test_compact_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "sqs", "--body", "pear", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert ": " not in out.replace('"pear"', "")


def test_fields_tell_what_each_means(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, "events", "sqs", "--fields", "--json")
    assert {row["path"]: row["type"] for row in rows}["Records[].messageId"] == "string"
    assert main(["events", "sqs", "--fields"]) == 0
    assert "--queue" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["events", "fax"], "there is no event 'fax'; there are activemq, "),
        (["events", "s3", "--topic", "t"], "the event s3 has no option --topic; it has --bucket, --key"),
        (["events", "s3", "--bucket"], "--bucket needs a value"),
        (["events", "s3", "photos"], "unexpected word 'photos'"),
        (["events", "s3", "--set", "Records"], "--set needs PATH=VALUE, and 'Records' has no ="),
        (
            ["events", "s3", "--set", "Records[4].s3=1"],
            "the event has no Records[4].s3: the first element of a list is [0], and this one has 1;",
        ),
        (
            ["events", "s3", "--set", "Records.0.s3=1"],
            "the event has no Records.0.s3: the first element of a list is [0], and this one has 1;",
        ),
        (["events", "s3", "--size", "big"], "--size must be a whole number, and 'big' is none"),
        (["events", "--set", "a=1"], "--set goes with the NAME of an event"),
        (["events", "--fields"], "--fields goes with the NAME of an event"),
        (
            ["events", "s3", "--fields", "--set", "Records=[]"],
            "--set changes a sample, and --fields prints none",
        ),
    ],
)
def test_a_wrong_command_line_gets_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"lambda_sandbox: {sentence}")
    assert error.count("\n") == 1


def test_a_synchronous_service_waits_for_the_answer(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["send-event", "alb", "echo", "--path", "/pears", "--endpoint", deployed.endpoint]
    answer = printed(capsys, *arguments)
    assert answer == load("alb").event(path="/pears")


def test_a_mapping_invokes_synchronously_as_well(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = printed(capsys, "send-event", "sqs", "echo", "--endpoint", deployed.endpoint)
    assert answer == load("sqs").event()


def test_an_asynchronous_service_gets_no_answer_and_the_function_runs(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send-event", "ses", "echo", "--endpoint", deployed.endpoint]) == 0
    assert capsys.readouterr().out == "accepted (202)\n"
    deadline = time.monotonic() + 20
    logs = deployed.client("logs")
    while time.monotonic() < deadline:
        events = logs.filter_log_events(logGroupName="/aws/lambda/echo")["events"]
        if any("GOT aws:ses" in event["message"] for event in events):
            return
    pytest.fail("the function did not run")


def test_events_that_name_their_function_get_its_arn(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("trees", "def handler(event, context):\n    return None\n")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:trees"
    event = load("cloudformation").event(function_arn=arn)
    assert event["ServiceToken"] == arn
    assert main(["send-event", "cloudformation", "trees", "--endpoint", deployed.endpoint]) == 0
    assert capsys.readouterr().out == "accepted (202)\n"
    assert main(["send-event", "cloudformation", "nobody", "--endpoint", deployed.endpoint]) == 1
    assert "Function not found" in capsys.readouterr().err


def test_a_function_that_fails_gives_exit_code_1(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("broken", "def handler(event, context):\n    raise ValueError('no')\n")
    assert main(["send-event", "firehose", "broken", "--endpoint", deployed.endpoint]) == 1
    assert "the function failed (Unhandled)" in capsys.readouterr().err


@pytest.mark.parametrize("name", names())
def test_every_shape_can_be_sent(name: str, deployed: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send-event", name, "echo", "--endpoint", deployed.endpoint]) == 0
    out = capsys.readouterr().out
    if load(name).mode != "async":
        assert json.loads(out) == load(name).event()
