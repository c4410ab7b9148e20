"""Durable executions beside the rest of the sandbox: its clock, its queue's destinations, packages, mappings and reset."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.contract.conftest import Server
from tests.contract.durable_functions import SOURCE
from tests.contract.durable_stage import CONFIG, begin, ended, events, refusal, sandbox, until
from tests.contract.metric_figures import figures
from tests.contract.vendored import libraries

Start = Callable[..., Server]
QUEUE = "arn:aws:sqs:us-east-1:000000000000:{}"


def test_a_wait_of_minutes_is_over_in_seconds_by_a_scaled_clock(start_server: Start) -> None:
    server = start_server("--clock", "scaled:120")
    server.deploy(
        "work", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG | {"ExecutionTimeout": 3600}
    )
    lambdas = server.client("lambda")
    started = time.monotonic()
    arn = begin(lambdas, "waiting", seconds=600)
    assert json.loads(ended(lambdas, arn)["Result"]) == "waited"
    assert time.monotonic() - started < 30
    found = {each["EventType"]: each["EventTimestamp"] for each in events(lambdas, arn)}
    assert (found["WaitSucceeded"] - found["WaitStarted"]).total_seconds() >= 600
    parallel = begin(lambdas, "in_parallel")
    assert json.loads(ended(lambdas, parallel)["Result"]) == [0, 10, 20]


def test_what_becomes_of_an_asynchronous_execution_is_sent_to_its_destinations(server: Server) -> None:
    lambdas, sqs = server.client("lambda"), server.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("good", "bad")}
    server.deploy("sending", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    lambdas.put_function_event_invoke_config(
        FunctionName="sending",
        DestinationConfig={
            "OnSuccess": {"Destination": QUEUE.format("good")},
            "OnFailure": {"Destination": QUEUE.format("bad")},
        },
    )
    begin(lambdas, "add_wait_double", function="sending", n=1)
    begin(lambdas, "loud", function="sending")

    def record(name: str) -> Any:
        found = sqs.receive_message(QueueUrl=queues[name], WaitTimeSeconds=1).get("Messages")
        return json.loads(found[0]["Body"]) if found else None

    good, bad = until(lambda: record("good")), until(lambda: record("bad"))
    assert good["responsePayload"] == {"a": 2, "b": 4}
    assert good["requestPayload"] == {"do": "add_wait_double", "n": 1}
    assert good["requestContext"]["condition"] == "Success"
    assert bad["responsePayload"]["errorMessage"] == "no such order"


def test_eventbridge_and_cloudwatch_hear_of_every_begin_and_end(server: Server) -> None:
    lambdas = server.client("lambda")
    heard = server.listen_to_bus({"source": ["aws.lambda"]})
    server.deploy("told", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    good = begin(lambdas, "add_wait_double", function="told", name="order-1", n=1)
    ended(lambdas, good)
    bad = begin(lambdas, "loud", function="told")
    ended(lambdas, bad)

    seen = heard(4)  # EventBridge promises no order
    assert {each["detail-type"] for each in seen} == {"Durable Execution Status Change"}
    told = {
        (each["detail"]["durableExecutionArn"], each["detail"]["status"]): each["detail"] for each in seen
    }
    assert set(told) == {(good, "RUNNING"), (good, "SUCCEEDED"), (bad, "RUNNING"), (bad, "FAILED")}
    first, second = told[good, "RUNNING"], told[good, "SUCCEEDED"]
    assert first["durableExecutionName"] == "order-1"
    assert first["functionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:told:$LATEST"
    assert first["startTimestamp"] == second["startTimestamp"] < second["endTimestamp"]
    assert "endTimestamp" not in first

    cloudwatch = server.client("cloudwatch")

    def figure(metric: str, statistic: str = "Sum", **dimensions: str) -> float:
        [found] = figures(cloudwatch, metric, statistic, **dimensions)
        return found

    assert figure("DurableExecutionStarted", FunctionName="told") == 2
    assert figure("DurableExecutionSucceeded", FunctionName="told") == 1
    assert figure("DurableExecutionFailed", FunctionName="told") == 1
    assert (
        figure("DurableExecutionDuration", "Maximum", FunctionName="told") >= 1000
    )  # it waited for a second
    found = lambdas.get_durable_execution_history(DurableExecutionArn=good)["Events"]
    assert figure("DurableExecutionOperations", "Maximum", FunctionName="told") == len(
        {each["Id"] for each in found}
    )
    assert figure("DurableExecutionStorageWrittenBytes", "Minimum", FunctionName="told") > 0
    running = figure("ApproximateRunningDurableExecutions", "Maximum")
    assert running in (1, 2)  # the first one's end may be seen before it is counted
    assert figure("ApproximateRunningDurableExecutions", "Minimum") == 0
    share = figure("ApproximateRunningDurableExecutionsUtilization", "Maximum")
    assert share == 100 * running / 10_000_000


def test_a_mapping_executes_a_version_and_waits_for_its_end(server: Server) -> None:
    lambdas, sqs = server.client("lambda"), server.client("sqs")
    url = sqs.create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    server.deploy("mapped", _MAPPED, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    lambdas.create_event_source_mapping(FunctionName="mapped:$LATEST", EventSourceArn=QUEUE.format("orders"))
    sqs.send_message(QueueUrl=url, MessageBody="plums")

    def listed() -> Any:
        found = lambdas.list_durable_executions_by_function(FunctionName="mapped", Statuses=["SUCCEEDED"])
        return found["DurableExecutions"]

    [execution] = until(listed)
    found = lambdas.get_durable_execution(DurableExecutionArn=execution["DurableExecutionArn"])
    assert json.loads(found["Result"]) == ["plums"]
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    until(
        lambda: (
            set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"].values()) == {"0"}
        )
    )


_MAPPED = """
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration

@durable_execution
def handler(event, context):
    context.wait(Duration.from_seconds(1))
    return [each["body"] for each in event["Records"]]
"""

_WHERE = """
import aws_durable_execution_sdk_python
from aws_durable_execution_sdk_python import durable_execution

@durable_execution
def handler(event, context):
    return context.step(lambda _: aws_durable_execution_sdk_python.__file__, name="where")
"""


def test_a_package_may_bring_an_sdk_of_its_own(server: Server) -> None:
    files = libraries("aws_durable_execution_sdk_python") | {"app.py": _WHERE}
    server.deploy("bringing", files, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    answer = server.client("lambda").invoke(FunctionName="bringing:$LATEST", Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    runtime = server.client("lambda")
    server.deploy("borrowing", _WHERE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    borrowed = json.loads(runtime.invoke(FunctionName="borrowing:$LATEST", Payload=b"{}")["Payload"].read())
    assert said != borrowed
    assert said.endswith("aws_durable_execution_sdk_python/__init__.py")


def test_a_reset_forgets_every_execution(start_server: Start) -> None:
    server = start_server()
    server.deploy("work", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    lambdas = server.client("lambda")
    arn = begin(lambdas, "called_back")
    until(lambda: any(each["EventType"] == "CallbackStarted" for each in events(lambdas, arn)))
    with urllib.request.urlopen(
        urllib.request.Request(f"{server.endpoint}/_sandbox/reset", method="POST")
    ) as answer:
        assert answer.status == 200
    assert (
        refusal(lambda: lambdas.get_durable_execution(DurableExecutionArn=arn))[0]
        == "ResourceNotFoundException"
    )
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/bill") as answer:
        assert json.load(answer)["durable"]["rows"] == []


def test_an_execution_that_finds_no_room_goes_on_when_there_is_some(server: Server) -> None:
    server.deploy("crowded", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    lambdas = server.client("lambda")
    lambdas.put_function_concurrency(FunctionName="crowded", ReservedConcurrentExecutions=0)
    arn = begin(lambdas, "add_wait_double", function="crowded", n=1)

    def throttled() -> bool:
        found = lambdas.get_durable_execution(DurableExecutionArn=arn)
        return found["Status"] == "RUNNING" and _throttles(server, "crowded") > 0

    until(throttled)
    lambdas.delete_function_concurrency(FunctionName="crowded")
    assert json.loads(ended(lambdas, arn)["Result"]) == {"a": 2, "b": 4}


def test_a_chained_invoke_that_finds_no_room_is_tried_again(server: Server) -> None:
    server.deploy("caller", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    server.deploy("full", SOURCE, Handler="app.plain", Timeout=30, MemorySize=1769)
    lambdas = server.client("lambda")
    lambdas.put_function_concurrency(FunctionName="full", ReservedConcurrentExecutions=0)
    arn = begin(lambdas, "chained", function="caller", target="full", payload={"n": 2})
    until(lambda: _throttles(server, "full") > 0)
    lambdas.delete_function_concurrency(FunctionName="full")
    assert json.loads(ended(lambdas, arn)["Result"]) == {"twice": 4}


def _throttles(server: Server, name: str) -> int:
    rows = sandbox(server, f"history?function={name}")["invocations"]
    return sum(each["status"] == "throttle" for each in rows)


def test_history_is_gone_after_its_retention_and_its_cost_is_not(start_server: Start) -> None:
    server = start_server("--clock", "scaled:43200")  # half a day a second
    config = {"ExecutionTimeout": 31_622_400, "RetentionPeriodInDays": 1}
    server.deploy("work", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=config)
    lambdas = server.client("lambda")
    arn = begin(lambdas, "only_answer", Status="done")
    assert ended(lambdas, arn)["Status"] == "SUCCEEDED"

    def listed() -> Any:
        return lambdas.list_durable_executions_by_function(FunctionName="work")["DurableExecutions"]

    until(lambda: not listed())
    assert (
        refusal(lambda: lambdas.get_durable_execution(DurableExecutionArn=arn))[0]
        == "ResourceNotFoundException"
    )
    [row] = sandbox(server, "bill")["durable"]["rows"]
    assert (row["executions"], row["operations"]) == (1, 1)
    assert row["gb_months"] > 0
