"""Subscription filters and metric filters on what functions really log, by boto3: nobody reads a log to make them act."""

from __future__ import annotations

import base64
import gzip
import json
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

ACCOUNT = "000000000000"
TELLS = "def handler(event, context):\n    for line in event['lines']:\n        print(line)\n"
# Prints what it is sent, so that a test sees it without a further service.
READS = (
    "import base64, gzip, json\n"
    "def handler(event, context):\n"
    "    print('GOT ' + gzip.decompress(base64.b64decode(event['awslogs']['data'])).decode())\n"
)


def until(what: Callable[[], Any], limit_s: float = 30) -> Any:
    end = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
    return found


def printed(server: Server, function: str) -> list[str]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={function}") as answer:
        return [event["message"].rstrip("\n") for event in json.load(answer)["events"]]


def messages(server: Server, function: str, kind: str = "DATA_MESSAGE") -> list[dict[str, Any]]:
    """Return what the subscribed function was sent, unpacked, without anyone asking CloudWatch Logs."""
    found = [json.loads(line[4:]) for line in printed(server, function) if line.startswith("GOT ")]
    return [each for each in found if each["messageType"] == kind]


def tell(server: Server, function: str, *lines: str) -> None:
    server.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"lines": lines}))


def log_group(server: Server, name: str) -> str:
    server.client("logs").create_log_group(logGroupName=name)
    return name


def permit(server: Server, function: str, group: str, **options: str) -> None:
    server.client("lambda").add_permission(
        FunctionName=function,
        StatementId="logs",
        Action="lambda:InvokeFunction",
        **{
            "Principal": "logs.amazonaws.com",
            "SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*",
            "SourceAccount": ACCOUNT,
            **options,
        },
    )


def subscribed(server: Server, name: str, pattern: str) -> str:
    """Deploy ``name`` and ``name-reads``, which is subscribed to its log group; return that group."""
    server.deploy(name, TELLS)
    arn = server.deploy(f"{name}-reads", READS)
    group = log_group(server, f"/aws/lambda/{name}")
    permit(server, f"{name}-reads", group)
    server.client("logs").put_subscription_filter(
        logGroupName=group, filterName="errors", filterPattern=pattern, destinationArn=arn
    )
    return group


def refused(server: Server, **request: str) -> str:
    with pytest.raises(ClientError) as caught:
        server.client("logs").put_subscription_filter(**{"filterName": "f", "filterPattern": "", **request})
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    return str(caught.value.response["Error"]["Message"])


def test_matching_lines_of_a_function_start_the_subscribed_one_and_nobody_reads_the_log(
    server: Server,
) -> None:
    group = subscribed(server, "orders", "ERROR")
    tell(server, "orders", "all is well", "ERROR no stock", "an ERROR again")
    (data,) = until(lambda: messages(server, "orders-reads"))
    assert [event["message"] for event in data["logEvents"]] == ["ERROR no stock", "an ERROR again"]
    assert (data["owner"], data["logGroup"], data["subscriptionFilters"]) == (ACCOUNT, group, ["errors"])
    assert "[$LATEST]" in data["logStream"]
    assert all(len(event["id"]) == 56 and event["id"].isdigit() for event in data["logEvents"])
    assert abs(data["logEvents"][0]["timestamp"] / 1000 - time.time()) < 60


def test_a_new_destination_gets_a_control_message_first(server: Server) -> None:
    subscribed(server, "quiet", "")
    (control,) = until(lambda: messages(server, "quiet-reads", "CONTROL_MESSAGE"))
    assert control["owner"] == "CloudwatchLogs"
    assert not control["logGroup"]
    assert messages(server, "quiet-reads") == []


def test_lines_from_before_the_filter_are_not_sent(server: Server) -> None:
    server.deploy("early", TELLS)
    tell(server, "early", "old news")
    arn = server.deploy("early-reads", READS)
    permit(server, "early-reads", "/aws/lambda/early")
    server.client("logs").put_subscription_filter(
        logGroupName="/aws/lambda/early", filterName="f", filterPattern="news", destinationArn=arn
    )
    tell(server, "early", "fresh news")
    (data,) = until(lambda: messages(server, "early-reads"))
    assert [event["message"] for event in data["logEvents"]] == ["fresh news"]


def test_structured_lines_are_picked_by_their_fields(server: Server) -> None:
    subscribed(server, "priced", '{ $.level = "WARN" && $.order.total > 100 }')
    cheap = json.dumps({"level": "WARN", "order": {"total": 5}})
    dear = json.dumps({"level": "WARN", "order": {"total": 500}})
    tell(server, "priced", "WARN 500", cheap, dear)
    (data,) = until(lambda: messages(server, "priced-reads"))
    assert [json.loads(event["message"])["order"]["total"] for event in data["logEvents"]] == [500]


def test_report_lines_are_picked_by_their_fields(server: Server) -> None:
    subscribed(server, "reported", "[kind = REPORT, ...]")
    tell(server, "reported", "nothing to report")
    (data,) = until(lambda: messages(server, "reported-reads"))
    assert data["logEvents"][0]["message"].startswith("REPORT RequestId: ")


def test_a_line_printed_in_two_halves_is_one_event(server: Server) -> None:
    source = (
        "import sys, time\ndef handler(event, context):\n"
        "    sys.stdout.write('first ')\n    sys.stdout.flush()\n"
        "    time.sleep(0.3)\n    print('second')\n"
    )
    group = subscribed(server, "halves", "first")
    server.client("lambda").update_function_code(FunctionName="halves", ZipFile=_zip(source))
    server.client("lambda").invoke(FunctionName="halves")
    (data,) = until(lambda: messages(server, "halves-reads"))
    assert [event["message"] for event in data["logEvents"]] == ["first second"]
    assert data["logGroup"] == group


def _zip(source: str) -> bytes:
    from lambda_sandbox.packaging import package

    return package(source)


def test_what_a_program_writes_by_put_log_events_is_filtered_too(server: Server) -> None:
    logs = server.client("logs")
    arn = server.deploy("web-reads", READS)
    group = log_group(server, "/web")
    permit(server, "web-reads", group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_subscription_filter(
        logGroupName=group, filterName="f", filterPattern="[..., status = 5*, size]", destinationArn=arn
    )
    now_ms = int(time.time() * 1000)
    lines = ["10.0.0.1 - GET 200 12", "10.0.0.2 - GET 503 99"]
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now_ms, "message": line} for line in lines],
    )
    (data,) = until(lambda: messages(server, "web-reads"))
    assert [event["message"] for event in data["logEvents"]] == [lines[1]]


def test_a_function_cannot_be_subscribed_to_its_own_log_group(server: Server) -> None:
    arn = server.deploy("narcissus", READS)
    group = log_group(server, "/aws/lambda/narcissus")
    permit(server, "narcissus", group)
    message = refused(server, logGroupName=group, destinationArn=arn)
    assert message == "The log group provided is reserved for the function logs of the destination function."


def test_own_log_group_is_refused_under_another_name_as_well(server: Server) -> None:
    arn = server.deploy("echo-cave", READS, LoggingConfig={"LogGroup": "/cave"})
    group = log_group(server, "/cave")
    permit(server, "echo-cave", group)
    assert "reserved for the function logs" in refused(server, logGroupName=group, destinationArn=arn)


def test_a_function_without_a_permission_cannot_be_subscribed(server: Server) -> None:
    arn = server.deploy("closed", READS)
    group = log_group(server, "/to-closed")
    message = refused(server, logGroupName=group, destinationArn=arn)
    assert message.startswith(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs"
    )
    permit(server, "closed", "/another-group")
    assert "Could not execute" in refused(server, logGroupName=group, destinationArn=arn)


def test_a_permission_for_logs_in_its_region_is_one(server: Server) -> None:
    arn = server.deploy("regional", READS)
    group = log_group(server, "/regional")
    permit(server, "regional", group, Principal="logs.us-east-1.amazonaws.com")
    server.client("logs").put_subscription_filter(
        logGroupName=group, filterName="f", filterPattern="", destinationArn=arn
    )
    until(lambda: messages(server, "regional", "CONTROL_MESSAGE"))


def test_a_function_that_does_not_exist_cannot_be_subscribed(server: Server) -> None:
    group = log_group(server, "/to-nobody")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"
    assert "Could not execute the lambda function" in refused(server, logGroupName=group, destinationArn=arn)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{ $.a = 1", "does not end with }"),
        ("{ $.a IS EMPTY }", "IS EMPTY is none of"),
        ("a:b", "put it in double quotes"),
        ("%(a)%", "regular expressions cannot have"),
        ("[a, ..., b, ...]", "one place only"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused_with_the_reason(
    server: Server, pattern: str, why: str
) -> None:
    group = f"/patterns-{abs(hash(pattern))}"
    log_group(server, group)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"
    message = refused(server, logGroupName=group, destinationArn=arn, filterPattern=pattern)
    assert message.startswith("Invalid filter pattern: ")
    assert why in message


@pytest.mark.parametrize(
    ("pattern", "taken", "values"),
    [
        ("ERROR", [2], [{}]),
        ('{ $.level = "ALARM" && $.degrees > -5 }', [3], [{"$.level": "ALARM", "$.degrees": "4.5"}]),
        ("[kind = INFO, ...]", [], []),
        ("[kind, what, ...]", [1, 2, 3], [{"$kind": "all", "$what": "is"}]),
    ],
    ids=["terms", "fields of JSON", "nothing matches", "columns"],
)
def test_a_pattern_is_tried_on_lines_that_nobody_logged(
    server: Server, pattern: str, taken: list[int], values: list[dict[str, str]]
) -> None:
    lines = ["all is well", "ERROR no stock", '{"level": "ALARM", "degrees": 4.5}']
    found = server.client("logs").test_metric_filter(filterPattern=pattern, logEventMessages=lines)["matches"]
    assert [each["eventNumber"] for each in found] == taken
    assert [each["eventMessage"] for each in found] == [lines[number - 1] for number in taken]
    assert [each["extractedValues"] for each in found[:1]] == values


def test_a_pattern_that_cannot_be_read_cannot_be_tried_either(server: Server) -> None:
    with pytest.raises(ClientError, match="does not end with }"):
        server.client("logs").test_metric_filter(filterPattern="{ $.a = 1", logEventMessages=["x"])


def test_two_filters_at_most_and_an_existing_one_can_be_changed(server: Server) -> None:
    logs = server.client("logs")
    arn = server.deploy("pair", READS)
    group = log_group(server, "/pair")
    permit(server, "pair", group)
    settings = {"logGroupName": group, "filterPattern": "A", "destinationArn": arn}
    logs.put_subscription_filter(filterName="one", **settings)
    logs.put_subscription_filter(filterName="two", **settings)
    with pytest.raises(logs.exceptions.LimitExceededException):
        logs.put_subscription_filter(filterName="three", **settings)
    logs.put_subscription_filter(filterName="two", **settings | {"filterPattern": "B"})
    found = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert {each["filterName"]: each["filterPattern"] for each in found} == {"one": "A", "two": "B"}


def test_a_deleted_filter_sends_nothing_more(server: Server) -> None:
    group = subscribed(server, "ended", "ERROR")
    tell(server, "ended", "ERROR one")
    until(lambda: messages(server, "ended-reads"))
    server.client("logs").delete_subscription_filter(logGroupName=group, filterName="errors")
    tell(server, "ended", "ERROR two")
    server.client("logs").describe_log_streams(logGroupName=group)  # every line is copied by now
    server.client("lambda").invoke(
        FunctionName="ended-reads",
        Payload=json.dumps({"awslogs": {"data": _packed({"messageType": "LAST"})}}),
    )
    assert len(messages(server, "ended-reads")) == 1


def _packed(value: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(value).encode())).decode()


# --- metric filters --------------------------------------------------------------------------------------


def statistics(server: Server, namespace: str, name: str, **options: Any) -> dict[str, float]:
    now = datetime.now(UTC)
    found = server.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
        **options,
    )["Datapoints"]
    total: dict[str, float] = {}
    for each in found:
        for key in ("Sum", "SampleCount"):
            total[key] = total.get(key, 0) + each[key]
        total["Maximum"] = max(total.get("Maximum", each["Maximum"]), each["Maximum"])
    return total


def metric_filter(server: Server, group: str, pattern: str, **transformation: Any) -> None:
    settings = {"metricNamespace": "Shop", "metricValue": "1", **transformation}
    server.client("logs").put_metric_filter(
        logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=[settings]
    )


def test_lines_are_counted_as_a_metric(server: Server) -> None:
    server.deploy("counted", TELLS)
    metric_filter(server, log_group(server, "/aws/lambda/counted"), "ERROR", metricName="Errors")
    tell(server, "counted", "ERROR a", "fine", "ERROR b")
    assert until(lambda: statistics(server, "Shop", "Errors"))["Sum"] == 2


def test_a_field_of_a_line_is_the_value_and_another_the_dimension(server: Server) -> None:
    server.deploy("timed", TELLS)
    group = log_group(server, "/aws/lambda/timed")
    metric_filter(
        server,
        group,
        "{ $.latency = * }",
        metricName="Latency",
        metricValue="$.latency",
        unit="Milliseconds",
        dimensions={"Route": "$.route"},
    )
    lines = [{"latency": 12, "route": "/a"}, {"latency": 30, "route": "/a"}, {"latency": 99, "route": "/b"}]
    tell(server, "timed", *(json.dumps(line) for line in lines))
    route = [{"Name": "Route", "Value": "/a"}]
    found = until(lambda: statistics(server, "Shop", "Latency", Dimensions=route))
    assert (found["Sum"], found["SampleCount"], found["Maximum"]) == (42, 2, 30)


def test_a_default_is_reported_where_lines_come_and_none_matches(server: Server) -> None:
    server.deploy("calm", TELLS)
    group = log_group(server, "/aws/lambda/calm")
    metric_filter(server, group, "PANIC", metricName="Panics", defaultValue=0.0)
    tell(server, "calm", "all is well")
    found = until(lambda: statistics(server, "Shop", "Panics"))
    assert (found["Sum"], found["SampleCount"] >= 1) == (0, True)


@pytest.mark.parametrize(
    ("pattern", "transformation", "why"),
    [
        ("ERROR", {"metricValue": "$.size"}, "terms have no fields"),
        ("{ $.a = 1 }", {"metricValue": "many"}, "neither a number nor a selector"),
        ("{ $.a = 1 }", {"dimensions": {"A": "$.a"}, "defaultValue": 1.0}, "mutually exclusive"),
        ("{ $.a ~ 1 }", {}, "was not expected|cannot be read|not a comparison"),
    ],
)
def test_a_metric_filter_that_cannot_work_is_refused_with_the_reason(
    server: Server, pattern: str, transformation: dict[str, Any], why: str
) -> None:
    group = f"/refused-{abs(hash((pattern, why)))}"
    log_group(server, group)
    with pytest.raises(ClientError, match=why):
        metric_filter(server, group, pattern, metricName="M", **transformation)


def test_a_metric_filter_of_one_name_is_one(server: Server) -> None:
    group = log_group(server, "/renewed")
    metric_filter(server, group, "A", metricName="M")
    metric_filter(server, group, "B", metricName="M")
    (found,) = server.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    assert found["filterPattern"] == "B"
