"""X-Ray by boto3: what Lambda sends, what functions send, and how a trace goes on through queues and destinations."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox import connect, disconnect

from .conftest import Server
from .vendored import libraries

ACTIVE = {"Mode": "Active"}
PLAIN = """
import os

def handler(event, context):
    if event.get("fail"):
        raise KeyError("asked to")
    return os.environ["_X_AMZN_TRACE_ID"]
"""
SDK = """
import boto3
from aws_xray_sdk.core import patch, xray_recorder

patch(["botocore"])

@xray_recorder.capture("price")
def price(item):
    xray_recorder.current_subsegment().put_annotation("item", item)
    xray_recorder.current_subsegment().put_metadata("step", {"tax": 19})

def handler(event, context):
    price(event["item"])
    boto3.client("s3").list_buckets()
"""
TRACER = """
from aws_lambda_powertools import Tracer

tracer = Tracer(service="checkout")

@tracer.capture_method
def charge():
    tracer.put_annotation("card", "visa")

@tracer.capture_lambda_handler
def handler(event, context):
    charge()
"""
UPSTREAM = "Root=1-6b000000-0123456789abcdef01234567;Parent=00000000000000aa;Sampled="


class Reader:
    def __init__(self, xray: Any) -> None:
        self.xray = xray

    def range(self) -> dict[str, datetime]:
        now = datetime.now(UTC)
        return {"StartTime": now - timedelta(hours=2), "EndTime": now + timedelta(hours=2)}

    def summaries(self, expression: str = "") -> list[dict[str, Any]]:
        options = {"FilterExpression": expression} if expression else {}
        found: list[dict[str, Any]] = self.xray.get_trace_summaries(**self.range(), **options)[
            "TraceSummaries"
        ]
        return found

    def segments(self, trace_id: str) -> list[dict[str, Any]]:
        (trace,) = self.xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
        return [json.loads(segment["Document"]) for segment in trace["Segments"]]

    def wait(self, trace_id: str, ready: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return the trace's segments once they are all there: the functions run on their own."""
        deadline = time.monotonic() + 30
        while True:
            found = self.xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
            segments = self.segments(trace_id) if found else []
            if ready(segments):
                return segments
            assert time.monotonic() < deadline, f"the trace has only {segments}"


def named(segments: list[dict[str, Any]], name: str, origin: str = "") -> dict[str, Any]:
    (found,) = [
        each for each in segments if each["name"] == name and (not origin or each.get("origin") == origin)
    ]
    return found


def everything(segment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield segment
    for each in segment.get("subsegments", ()):
        yield from everything(each)


def invoke(client: Any, name: str, event: Any = None, header: str = "") -> dict[str, Any]:
    """Invoke, with a trace header of the caller's own if there is one."""

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    if header:
        client.meta.events.register("before-sign.lambda.Invoke", add)
    try:
        answer: dict[str, Any] = client.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        answer["Body"] = json.loads(answer["Payload"].read())
        return answer
    finally:
        client.meta.events.unregister("before-sign.lambda.Invoke", add)


@pytest.fixture
def sandbox() -> Iterator[Any]:
    yield connect(driver="in_process")
    disconnect()


@pytest.fixture
def reader(sandbox: Any) -> Reader:
    return Reader(sandbox.client("xray"))


def test_an_invocation_is_two_segments_with_its_phases(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain", TracingConfig=ACTIVE)
    header = invoke(sandbox.client("lambda"), "plain")["Body"]
    (summary,) = reader.summaries()
    segments = reader.segments(summary["Id"])

    service = named(segments, "plain", "AWS::Lambda")
    function = named(segments, "plain", "AWS::Lambda::Function")
    assert f"Root={summary['Id']};Parent={function['id']};Sampled=1" in header
    assert function["parent_id"] == service["id"]
    assert "parent_id" not in service
    assert service["http"]["response"]["status"] == 200
    phases = [each["name"] for each in function["subsegments"]]
    assert phases == ["Initialization", "Invocation", "Overhead"]
    assert all(each["start_time"] <= each["end_time"] for each in function["subsegments"])
    assert (summary["HasFault"], summary["IsPartial"]) == (False, False)


def test_the_report_of_a_traced_invocation_names_its_trace(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain", TracingConfig=ACTIVE)
    invoke(sandbox.client("lambda"), "plain")
    (summary,) = reader.summaries()
    function = named(reader.segments(summary["Id"]), "plain", "AWS::Lambda::Function")
    lines = [event["message"] for event in sandbox._backend.read("/_sandbox/logs")["events"]]
    (report,) = [line for line in lines if line.startswith("REPORT")]
    own, second = report.split("\n", 1)  # one log event, as on AWS
    assert own.split("\t")[-2].startswith("Init Duration: ")
    assert own.endswith("\t")
    assert second == f"XRAY TraceId: {summary['Id']}\tSegmentId: {function['id']}\tSampled: true\t\n"


def test_a_warm_invocation_has_no_initialization(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain", TracingConfig=ACTIVE)
    invoke(sandbox.client("lambda"), "plain")
    sandbox.advance(5)
    invoke(sandbox.client("lambda"), "plain")
    newest = reader.segments(reader.summaries()[0]["Id"])
    phases = [each["name"] for each in named(newest, "plain", "AWS::Lambda::Function")["subsegments"]]
    assert phases == ["Invocation", "Overhead"]


@pytest.mark.parametrize(
    ("mode", "sampled", "traced"),
    [("Active", "1", True), ("Active", "0", False), ("PassThrough", "1", True), ("PassThrough", "0", False)],
)
def test_the_callers_decision_is_kept(
    sandbox: Any, reader: Reader, mode: str, sampled: str, traced: bool
) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain", TracingConfig={"Mode": mode})
    header = invoke(sandbox.client("lambda"), "plain", header=UPSTREAM + sampled)["Body"]
    assert f"Sampled={sampled}" in header
    found = reader.summaries()
    assert [each["Id"] for each in found] == (["1-6b000000-0123456789abcdef01234567"] if traced else [])
    if traced:
        assert (
            named(reader.segments(found[0]["Id"]), "plain", "AWS::Lambda")["parent_id"] == "00000000000000aa"
        )


def test_without_active_tracing_nothing_is_traced(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain")
    assert "Sampled=0" in invoke(sandbox.client("lambda"), "plain")["Body"]
    assert reader.summaries() == []


def test_one_request_a_second_and_a_twentieth_of_the_others_are_sampled(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy("def handler(event, context):\n    pass\n", FunctionName="busy", TracingConfig=ACTIVE)
    client = sandbox.client("lambda")
    clock = sandbox._backend.clock
    sandbox.advance(1 - clock.now() % 1)
    for _ in range(3):
        client.invoke(FunctionName="busy")
        sandbox.advance(1 - clock.now() % 1)
    assert len(reader.summaries()) >= 3
    for _ in range(400):
        client.invoke(FunctionName="busy")
    seconds = {int(each["StartTime"].timestamp()) for each in reader.summaries()}
    others = len(reader.summaries()) - len(seconds)
    assert 3 <= others <= 60, "5 % of some 400"


def test_an_event_goes_on_with_its_retries_in_one_trace(sandbox: Any, reader: Reader) -> None:
    sandbox.deploy(PLAIN, FunctionName="plain", TracingConfig=ACTIVE)
    payload = json.dumps({"fail": True})
    sandbox.client("lambda").invoke(FunctionName="plain", InvocationType="Event", Payload=payload)
    sandbox.advance(600)

    (summary,) = reader.summaries("fault")
    segments = reader.segments(summary["Id"])
    service = named(segments, "plain", "AWS::Lambda")
    steps = [each["name"] for each in service["subsegments"]]
    assert steps == ["Dwell Time", "Attempt #1", "Attempt #2", "Attempt #3"]
    functions = [each for each in segments if each.get("origin") == "AWS::Lambda::Function"]
    assert {each["parent_id"] for each in functions} == {each["id"] for each in service["subsegments"][1:]}
    assert all(each["cause"]["exceptions"][0]["type"] for each in functions)


def test_subsegments_of_the_sdk_arrive_inside_the_functions_segment(server: Server) -> None:
    code = libraries("aws_xray_sdk", "wrapt") | {"app.py": SDK}
    server.deploy("priced", code, TracingConfig=ACTIVE, Timeout=30)
    answer = invoke(server.client("lambda"), "priced", {"item": "book"})
    assert "FunctionError" not in answer, answer["Body"]

    reader = Reader(server.client("xray"))
    (summary,) = reader.summaries('annotation[item] = "book"')
    function = named(reader.segments(summary["Id"]), "priced", "AWS::Lambda::Function")
    inside = {each["name"]: each for each in everything(function)}
    assert inside["price"]["annotations"] == {"item": "book"}
    assert inside["price"]["metadata"] == {"default": {"step": {"tax": 19}}}
    assert inside["s3"]["aws"]["operation"] == "ListBuckets"
    graph = reader.xray.get_service_graph(**reader.range())["Services"]
    names = {node["Name"]: node for node in graph if node["Type"] != "AWS::Lambda"}
    called = {edge["ReferenceId"] for edge in names["priced"]["Edges"]}
    assert names["s3"]["ReferenceId"] in called


def test_subsegments_of_powertools_arrive_with_their_annotations(server: Server) -> None:
    code = libraries("aws_xray_sdk", "wrapt", "aws_lambda_powertools", "jmespath", "typing_extensions")
    server.deploy("charged", code | {"app.py": TRACER}, TracingConfig=ACTIVE, Timeout=30)
    answer = invoke(server.client("lambda"), "charged")
    assert "FunctionError" not in answer, answer["Body"]

    reader = Reader(server.client("xray"))
    (summary,) = reader.summaries('annotation.card = "visa" AND annotation.ColdStart = true')
    function = named(reader.segments(summary["Id"]), "charged", "AWS::Lambda::Function")
    assert {"## handler", "## app.charge"} <= {each["name"] for each in everything(function)}


def test_a_trace_goes_on_through_a_queue_and_a_destination(server: Server) -> None:
    sqs = server.client("sqs")
    first = sqs.create_queue(QueueName="first")["QueueUrl"]
    sqs.create_queue(QueueName="last")
    server.deploy(
        "sender",
        "import boto3\n\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl={first!r}, MessageBody='1')\n",
        TracingConfig=ACTIVE,
        Timeout=30,
    )
    server.deploy("receiver", PLAIN.replace("event.get", "{}.get"))
    queue = "arn:aws:sqs:us-east-1:000000000000:"
    server.client("lambda").create_event_source_mapping(
        FunctionName="receiver", EventSourceArn=queue + "first"
    )
    server.client("lambda").put_function_event_invoke_config(
        FunctionName="sender", DestinationConfig={"OnSuccess": {"Destination": queue + "last"}}
    )
    server.client("lambda").invoke(FunctionName="sender", InvocationType="Event")["Payload"].read()

    last = sqs.get_queue_url(QueueName="last")["QueueUrl"]
    (record,) = sqs.receive_message(
        QueueUrl=last, WaitTimeSeconds=20, MessageSystemAttributeNames=["AWSTraceHeader"]
    )["Messages"]
    root = record["Attributes"]["AWSTraceHeader"].split(";")[0].removeprefix("Root=")
    reader = Reader(server.client("xray"))
    segments = reader.wait(root, lambda found: {"sender", "receiver"} <= {each["name"] for each in found})
    sender = named(segments, "sender", "AWS::Lambda::Function")
    assert named(segments, "receiver", "AWS::Lambda")["parent_id"] == sender["id"]


def document(**changes: Any) -> str:
    made = {
        "trace_id": "1-6b000000-00000000000000000000000a",
        "id": "000000000000000a",
        "name": "shop",
        "start_time": time.time() - 2,
        "end_time": time.time() - 1,
        **changes,
    }
    return json.dumps(made)


def test_segments_can_be_put_and_what_is_wrong_is_said(sandbox: Any, reader: Reader) -> None:
    documents = [document(), document(id="short"), "no json", document(name="")]
    answer = reader.xray.put_trace_segments(TraceSegmentDocuments=documents)
    codes = [each["ErrorCode"] for each in answer["UnprocessedTraceSegments"]]
    assert codes == ["InvalidSegment", "ParseError", "MissingName"]
    assert [each["name"] for each in reader.segments("1-6b000000-00000000000000000000000a")] == ["shop"]


EXPRESSIONS = {
    'service("shop")': True,
    'service("shop") { fault }': False,
    'service("shop") { error AND http.status = 404 }': True,
    "responsetime > 0.5 AND duration < 5": True,
    "ok": False,
    "!fault": True,
    "error = true": True,
    'http.url CONTAINS "/cart"': True,
    'http.method = "GET" OR http.method = "PUT"': True,
    'annotation.size >= 3 AND (annotation[tier] BEGINSWITH "go")': True,
    "annotation.size > 3": False,
    "annotation.missing": False,
    'user = "ann"': True,
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_filter_expressions_choose_traces(sandbox: Any, reader: Reader, expression: str) -> None:
    put = document(
        error=True,
        user="ann",
        http={"request": {"method": "GET", "url": "https://shop/cart"}, "response": {"status": 404}},
        annotations={"size": 3, "tier": "gold"},
    )
    reader.xray.put_trace_segments(TraceSegmentDocuments=[put])
    assert len(reader.summaries(expression)) == EXPRESSIONS[expression]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ('edge("a", "b")', "does not know the keyword edge"),
        ('group.name = "x"', "does not know the keyword group.name"),
        ("responsetime >", "something is missing"),
        ('service("a" {', "is missing"),
    ],
)
def test_other_filter_expressions_are_refused_by_name(
    sandbox: Any, reader: Reader, expression: str, reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        reader.summaries(expression)


def test_operations_that_are_not_emulated_are_refused_by_name(sandbox: Any, reader: Reader) -> None:
    with pytest.raises(ClientError, match="GetInsightSummaries is not emulated"):
        reader.xray.get_insight_summaries(**reader.range())
