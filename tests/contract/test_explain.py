"""Why an invocation went as it did, asked of a real server by its id, as "last" and by name."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from lambda_sandbox.notebook import connect, disconnect
from tests.contract.conftest import Server

CODE = """
import boto3

def handler(event, context):
    if event.get("fail"):
        raise ValueError("no such fruit")
    if event.get("send"):
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="orders")["QueueUrl"], MessageBody="kiwi")
    return event
"""


def ask(server: Server, route: str, **query: str) -> Any:
    with urlopen(f"{server.endpoint}/_sandbox/{route}?{urlencode(query)}") as answer:  # loopback
        return json.load(answer)


def steps(explained: Any, kind: str) -> list[str]:
    return [step["text"] for step in explained["steps"] if step["kind"] == kind]


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lambda_sandbox", *arguments, "--endpoint", server.endpoint]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def until(condition: Callable[[], Any]) -> Any:
    """Return what ``condition`` gives once it is true; events run by themselves."""
    ends = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < ends
        time.sleep(0.02)
    return value


@pytest.fixture(scope="module")
def quote(server: Server) -> Any:
    """Invoke once, cold: the function sends a message. Return the request's id."""
    server.client("sqs").create_queue(QueueName="orders")
    server.deploy("quote", CODE, Timeout=10)
    answer = server.client("lambda").invoke(FunctionName="quote", Payload=b'{"send": 1}')
    assert "FunctionError" not in answer, answer["Payload"].read()
    return answer["ResponseMetadata"]["RequestId"]


def test_a_cold_start_is_told_from_its_arrival_to_its_price(server: Server, quote: str) -> None:
    told = ask(server, "explain", request_id=quote)
    assert told["summary"].startswith("quote succeeded in ")
    [choice] = steps(told, "environment")
    assert choice.startswith("Cold: ")
    assert "the first environment of this version" in choice
    phases = told["attempts"][0]["phases_ms"]
    row = ask(server, "history", request_id=quote)["invocations"][0]
    assert phases["init"] == row["init_duration_ms"] > 0
    assert phases["invoke"] == row["duration_ms"]
    whole_ms = (row["ended_at"] - row["arrived_at"]) * 1000
    assert sum(phases.values()) == pytest.approx(whole_ms, abs=1.0)
    assert [text for text in steps(told, "call") if "sqs.SendMessage orders: 200" in text]
    [arithmetic] = told["price"]["arithmetic"]
    assert f"{row['billed_ms']:,} ms" in arithmetic


def test_a_warm_invocation_says_how_long_its_environment_was_idle(server: Server, quote: str) -> None:
    server.client("lambda").invoke(FunctionName="quote", Payload=b"{}")
    [choice] = steps(ask(server, "explain", function="quote"), "environment")
    assert choice.startswith("Warm: ")
    assert "it had been idle for" in choice


def test_a_throttle_names_the_limit(server: Server, quote: str) -> None:
    client = server.client("lambda")
    server.deploy("shut", CODE)
    client.put_function_concurrency(FunctionName="shut", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName="shut")
    told = ask(server, "explain", function="shut", last_error="true")
    assert told["status"] == "throttle"
    assert "by the function's reserved concurrency of 0" in steps(told, "throttle")[0]


def test_an_alias_tells_its_weight_and_its_draw(server: Server, quote: str) -> None:
    client = server.client("lambda")
    server.deploy("shop", CODE, Publish=True)
    client.update_function_configuration(FunctionName="shop", Description="another")
    client.publish_version(FunctionName="shop")
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName="shop", Name="live", FunctionVersion="1", RoutingConfig=weights)
    client.invoke(FunctionName="shop", Qualifier="live", Payload=b"{}")
    [said] = steps(ask(server, "explain", function="shop"), "alias")
    assert "alias live sends " in said
    assert "drew 0." in said
    assert said.endswith("below 0.25).")


def test_an_event_that_fails_has_its_retries_its_age_and_its_dead_letter(
    start_server: Callable[..., Server],
) -> None:
    server = start_server("--clock", "scaled:600")
    server.client("sqs").create_queue(QueueName="dead")
    server.deploy("picky", CODE, DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    answer = server.client("lambda").invoke(
        FunctionName="picky", Payload=b'{"fail": 1}', InvocationType="Event"
    )
    request_id = answer["ResponseMetadata"]["RequestId"]

    def dead() -> Any:
        told = ask(server, "explain", request_id=request_id)
        return told if steps(told, "destination") else None

    until(lambda: ask(server, "history")["invocations"])
    told = until(dead)
    assert [each["attempt"] for each in told["attempts"]] == [1, 2, 3]
    first, second = steps(told, "retry")
    assert ", in 60 s;" in first
    assert ", in 120 s;" in second
    assert "may become 21,600 s" in second
    assert steps(told, "given up") == ["Attempt 3 was the last, the event is dropped."]
    assert "dead letter to arn:aws:sqs:us-east-1:000000000000:dead delivered" in steps(told, "destination")[0]
    assert len(told["price"]["arithmetic"]) == 3


def test_a_batch_names_its_records_and_those_that_were_filtered(server: Server, quote: str) -> None:
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="filtered")["QueueUrl"]
    ids = [sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"keep": n}))["MessageId"] for n in (0, 1)]
    server.deploy("keeper", CODE)
    server.client("lambda").create_event_source_mapping(
        FunctionName="keeper",
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:filtered",
        FilterCriteria={"Filters": [{"Pattern": '{"body": {"keep": [1]}}'}]},
    )
    until(lambda: [b for b in ask(server, "history")["batches"] if ids[1] in b["records"]])
    told = ask(server, "explain", function="keeper")
    assert any(ids[1] in text and "made a batch of 1" in text for text in steps(told, "batch"))
    filtered = ask(server, "history")["batches"]
    assert [batch for batch in filtered if ids[0] in batch["records"] and not batch["request_id"]]


def test_what_a_trace_connects_is_related(server: Server, quote: str) -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    client = server.client("lambda")

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    client.meta.events.register("before-sign.lambda.Invoke", add)
    try:
        ids = [
            client.invoke(FunctionName="quote", Payload=b"{}")["ResponseMetadata"]["RequestId"]
            for _ in range(2)
        ]
    finally:
        client.meta.events.unregister("before-sign.lambda.Invoke", add)
    assert ids[0] in [each["request_id"] for each in ask(server, "explain", request_id=ids[1])["related"]]


def test_history_answers_what_it_is_asked(server: Server, quote: str) -> None:
    server.client("lambda").invoke(FunctionName="quote", Payload=b'{"fail": 1}')
    failed = ask(server, "history", function="quote", status="error")["invocations"]
    assert failed
    assert {row["error_type"] for row in failed} == {"ValueError"}
    cold = ask(server, "history", function="quote", cold="true")["invocations"]
    assert [row["request_id"] for row in cold] == [quote]
    assert len(ask(server, "history", limit="1")["invocations"]) == 1
    assert ask(server, "history", since="1h")["invocations"]
    assert not ask(server, "history", since=str(time.time() + 60))["invocations"]


@pytest.mark.parametrize(
    ("route", "query", "said"),
    [
        ("explain", {"request_id": "nobody"}, "No invocation with the request id nobody is known"),
        ("explain", {"function": "nobody"}, "There is no invocation of nobody"),
        ("history", {"since": "yesterday"}, "not yesterday"),
        ("history", {"colour": "red"}, "cannot be asked for colour"),
    ],
    ids=lambda value: str(value),
)
def test_what_cannot_be_answered_gets_one_sentence(
    server: Server, quote: str, route: str, query: dict[str, str], said: str
) -> None:
    with pytest.raises(HTTPError) as refusal:
        ask(server, route, **query)
    message = json.load(refusal.value)["message"]
    assert refusal.value.code == 400
    assert said in message


def test_the_command_line_explains_and_refuses_in_one_sentence(server: Server, quote: str) -> None:
    told = run(server, "explain", quote)
    assert told.returncode == 0, told.stderr
    assert "Cold: " in told.stdout
    assert "GB-s x" in told.stdout
    assert json.loads(run(server, "explain", quote, "--json").stdout)["request_id"] == quote
    unknown = run(server, "explain", "nobody")
    assert unknown.returncode != 0
    assert unknown.stderr.count("\n") == 1
    assert json.loads(run(server, "history", "--function", "quote", "--cold", "--json").stdout)["invocations"]


def test_the_timeline_is_drawn_in_the_terminal_and_into_a_file(
    server: Server, quote: str, tmp_path: Any
) -> None:
    drawn = run(server, "timeline", "quote").stdout
    assert "i" in drawn.splitlines()[0]
    assert "█" in drawn.splitlines()[0]
    picture = tmp_path / "timeline.svg"
    assert "1 execution environment" in run(server, "timeline", "quote", "--svg", str(picture)).stdout
    assert ElementTree.parse(picture).getroot().get("role") == "img"


def test_a_notebook_explains_with_text_and_with_html(server: Server, quote: str) -> None:
    sandbox = connect(server.endpoint, quiet=True)
    try:
        told = sandbox.explain(quote)
        assert "Cold: " in repr(told)
        root = ElementTree.fromstring(told._repr_html_())
        assert not [element for element in root.iter() if element.tag in ("script", "style", "img")]
        assert sandbox.explain(function="quote").request_id
        assert sandbox.history("quote", cold=True).invocations[0]["request_id"] == quote
    finally:
        disconnect()


def test_history_and_bill_outlive_the_server_with_a_folder_for_the_state(
    start_server: Callable[..., Server], tmp_path: Any
) -> None:
    first = start_server("--state", str(tmp_path))
    first.client("sqs").create_queue(QueueName="orders")
    first.deploy("quote", CODE, Timeout=10)
    answer = first.client("lambda").invoke(FunctionName="quote", Payload=b'{"send": 1}')
    request_id = answer["ResponseMetadata"]["RequestId"]
    first.client("lambda").invoke(FunctionName="quote", Payload=b'{"fail": 1}')
    before = ask(first, "history"), ask(first, "bill")
    first.stop()
    second = start_server("--state", str(tmp_path))
    history, bill = ask(second, "history"), ask(second, "bill")
    assert history["invocations"] == before[0]["invocations"]
    assert bill["rows"] == before[1]["rows"]
    assert bill["all"]["lambda_usd"] == before[1]["all"]["lambda_usd"]
    rows = {
        row["meter"]: row["quantity"] for row in bill["neighbours"]["rows"] if row["function_name"] == "quote"
    }
    assert rows["sqs.standard"] == "2"
    [environment] = history["environments"]
    assert environment["state"] == "stopped"
    assert ask(second, "explain", request_id=request_id)["status"] == "success"
    with urlopen(Request(f"{second.endpoint}/_sandbox/reset", method="POST")):
        pass
    second.stop()
    assert ask(start_server("--state", str(tmp_path)), "history")["invocations"] == []
