"""CloudWatch's metrics by boto3: what Lambda reports, what functions report, what anybody puts."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from lambda_sandbox import connect, disconnect
from lambda_sandbox.packaging import package
from tests.contract.metric_figures import figures

from .conftest import ROLE, Server
from .vendored import libraries

SLEEPER = """
import time

def handler(event, context):
    time.sleep(event["seconds"])
    if event.get("fail"):
        raise ValueError("asked to")
"""
POWERTOOLS = """
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="Shop", service="checkout")

@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    for amount in event["amounts"]:
        metrics.add_metric(name="Amount", unit=MetricUnit.Count, value=amount)
    metrics.add_dimension(name="currency", value="EUR")
"""


class Stage:
    """A sandbox in this interpreter, whose time moves only when it is told to."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.lambda_ = sandbox.client("lambda", config=BotoConfig(retries={"total_max_attempts": 1}))
        self.cloudwatch = sandbox.client("cloudwatch")

    def deploy(self, name: str, source: str, **options: Any) -> None:
        self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": package(source)},
            **{"Timeout": 60, **options},
        )

    def invoke(self, name: str, event: Any = None, **options: Any) -> None:
        self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)

    def figures(
        self, metric: str, *statistics: str, namespace: str = "AWS/Lambda", **dimensions: str
    ) -> list[float]:
        """Return statistics of everything that was ever reported."""
        return figures(self.cloudwatch, metric, *statistics, namespace=namespace, **dimensions)


@pytest.fixture
def stage() -> Iterator[Stage]:
    yield Stage(connect(driver="in_process"))
    disconnect()


def test_durations_have_sums_percentiles_and_trimmed_means(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER, Timeout=200)
    for tenth in range(1, 11):  # so long that what the handler itself takes does not count
        stage.invoke("sleeper", {"seconds": 10 * tenth})

    found = stage.figures(
        "Duration", "SampleCount", "Sum", "Average", "Minimum", "Maximum", "p50", "p99", "tm90", "TM(20%:80%)",
        "PR(:55000)", "TC(15000:35000)", FunctionName="sleeper",
    )  # fmt: skip

    expected = [10, 550_000, 55_000, 10_000, 100_000, 50_000, 100_000, 50_000, 55_000, 50, 2]
    assert found == pytest.approx(expected, rel=0.02)


def test_each_invocation_is_counted_under_every_set_of_dimensions(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER, Publish=True)
    stage.lambda_.create_alias(FunctionName="sleeper", Name="live", FunctionVersion="1")
    stage.invoke("sleeper", {"seconds": 0})
    stage.invoke("sleeper", {"seconds": 0, "fail": True}, Qualifier="live")

    assert stage.figures("Invocations", "Sum") == [2]
    assert stage.figures("Invocations", "Sum", FunctionName="sleeper") == [2]
    live = {"FunctionName": "sleeper", "Resource": "sleeper:live"}
    assert stage.figures("Errors", "Sum", "SampleCount", **live) == [1, 1]
    assert stage.figures("Errors", "Sum", **live, ExecutedVersion="1") == [1]
    assert stage.figures("Errors", "Sum", FunctionName="sleeper", Resource="sleeper") == [0]


def test_throttles_are_no_invocations(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER)
    stage.lambda_.put_function_concurrency(FunctionName="sleeper", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        stage.invoke("sleeper", {"seconds": 0})

    assert stage.figures("Throttles", "Sum", FunctionName="sleeper") == [1]
    assert stage.figures("Invocations", "Sum", FunctionName="sleeper") == []


def test_provisioned_concurrency_has_its_own_metrics(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER, Publish=True)
    stage.lambda_.put_provisioned_concurrency_config(
        FunctionName="sleeper", Qualifier="1", ProvisionedConcurrentExecutions=2
    )
    stage.sandbox.run_until_idle()
    stage.invoke("sleeper", {"seconds": 0}, Qualifier="1")

    where = {"FunctionName": "sleeper", "Resource": "sleeper:1"}
    assert stage.figures("ProvisionedConcurrencyInvocations", "Sum", **where) == [1]
    assert stage.figures("ProvisionedConcurrencySpilloverInvocations", "Sum", **where) == [0]
    assert stage.figures("ProvisionedConcurrentExecutions", "Maximum", **where) == [1]
    assert stage.figures("ProvisionedConcurrencyUtilization", "Maximum", **where) == [0.5]


def test_events_have_their_age_and_those_that_are_dropped_are_counted(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER)
    stage.invoke("sleeper", {"seconds": 0, "fail": True}, InvocationType="Event")
    stage.sandbox.advance(600)

    assert stage.figures("AsyncEventsReceived", "Sum", FunctionName="sleeper") == [1]
    assert stage.figures("Invocations", "Sum", FunctionName="sleeper") == [3]
    assert stage.figures("AsyncEventsDropped", "Sum", FunctionName="sleeper") == [1]
    oldest = stage.figures("AsyncEventAge", "Maximum", FunctionName="sleeper")[0]
    assert oldest == pytest.approx(180_000, rel=0.01), "retries come after one minute and two more"


def test_destinations_and_dead_letters_that_fail_are_counted(stage: Stage) -> None:
    missing = "arn:aws:sqs:us-east-1:000000000000:nowhere"
    stage.deploy("sleeper", SLEEPER, DeadLetterConfig={"TargetArn": missing})
    stage.lambda_.put_function_event_invoke_config(
        FunctionName="sleeper", DestinationConfig={"OnFailure": {"Destination": missing}}
    )
    stage.invoke("sleeper", {"seconds": 0, "fail": True}, InvocationType="Event")
    stage.sandbox.advance(600)

    assert stage.figures("DestinationDeliveryFailures", "Sum", FunctionName="sleeper") == [1]
    assert stage.figures("DeadLetterErrors", "Sum", FunctionName="sleeper") == [1]


def test_batches_of_a_stream_have_their_iterator_age(server: Server) -> None:
    server.deploy("reader", "def handler(event, context):\n    return None\n")
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    kinesis.put_record(StreamName="orders", Data=b"1", PartitionKey="a")
    server.client("lambda").create_event_source_mapping(
        FunctionName="reader", EventSourceArn=arn, StartingPosition="TRIM_HORIZON"
    )
    cloudwatch = server.client("cloudwatch")
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while not (ages := figures(cloudwatch, "IteratorAge", "Maximum", FunctionName="reader")):
        assert datetime.now(UTC) < deadline, "the record was not handled in time"
    assert 0 <= ages[0] < 60_000


def test_a_reset_does_not_end_the_counting_of_what_runs_at_once(start_server: Callable[..., Server]) -> None:
    server = start_server()
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/_sandbox/reset", method="POST"))
    server.deploy("busy", SLEEPER, Timeout=30)
    lambda_ = server.client("lambda")
    with ThreadPoolExecutor() as callers:
        for _ in range(3):
            callers.submit(lambda_.invoke, FunctionName="busy", Payload='{"seconds": 1.5}')
    cloudwatch = server.client("cloudwatch")
    assert figures(cloudwatch, "ConcurrentExecutions", "Maximum", FunctionName="busy") == [3.0]


def test_math_divides_errors_by_invocations(stage: Stage) -> None:
    stage.deploy("sleeper", SLEEPER)
    for fail in (True, False, False, False):
        stage.invoke("sleeper", {"seconds": 0, "fail": fail})

    answer = stage.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "rate", "Expression": "100 * errors / FILL(invocations, 1)", "Label": "percent"},
            *[
                {
                    "Id": name.lower(),
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": {"Namespace": "AWS/Lambda", "MetricName": name},
                        "Period": 3600,
                        "Stat": "Sum",
                    },
                }
                for name in ("Errors", "Invocations")
            ],
        ],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
    )

    (result,) = answer["MetricDataResults"]
    assert (result["Label"], result["Values"]) == ("percent", [25.0])


def test_powertools_metrics_in_the_log_become_metrics(server: Server) -> None:
    code = libraries("aws_lambda_powertools", "jmespath", "typing_extensions")
    server.deploy("shop", code | {"app.py": POWERTOOLS}, Timeout=30)
    payload = json.dumps({"amounts": [5, 7, 30]})
    answer = server.client("lambda").invoke(FunctionName="shop", Payload=payload)
    said = answer["Payload"].read()
    assert "FunctionError" not in answer, said

    read = server.client("cloudwatch")
    found = figures(
        read, "Amount", "Sum", "Maximum", "SampleCount", namespace="Shop", service="checkout", currency="EUR"
    )
    assert found == [42, 30, 3]
    cold = figures(read, "ColdStart", "Sum", namespace="Shop", service="checkout", function_name="shop")
    assert cold == [1]
    names = {metric["MetricName"] for metric in read.list_metrics(Namespace="Shop")["Metrics"]}
    assert names == {"Amount", "ColdStart"}


def test_a_server_counts_what_a_mapping_does_when_its_metrics_config_asks(server: Server) -> None:
    arn = server.deploy("worker", "def handler(event, context):\n    return None\n")
    queues = server.client("sqs")
    url = queues.create_queue(QueueName="jobs")["QueueUrl"]
    uuid = server.client("lambda").create_event_source_mapping(
        FunctionName=arn,
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:jobs",
        MetricsConfig={"Metrics": ["EventCount"]},
    )["UUID"]
    for number in range(3):
        queues.send_message(QueueUrl=url, MessageBody=str(number))

    metrics = server.client("cloudwatch")
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while figures(metrics, "DeletedEventCount", "Sum", EventSourceMappingUUID=uuid) != [3]:
        assert datetime.now(UTC) < deadline, "the messages were not handled in time"
    assert figures(metrics, "PolledEventCount", "Sum", EventSourceMappingUUID=uuid) == [3]
    assert figures(metrics, "InvokedEventCount", "Sum", EventSourceMappingUUID=uuid) == [3]


@pytest.mark.parametrize("gone", [False, True])
def test_batches_that_reach_their_destination_are_counted_apart_from_those_that_do_not(
    server: Server, gone: bool
) -> None:
    name = f"given-up-{'gone' if gone else 'kept'}"
    arn = server.deploy(name, "def handler(event, context):\n    raise ValueError\n")
    url = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    server.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    server.client("kinesis").put_record(StreamName=name, Data=b"1", PartitionKey="a")
    made = {
        "FunctionName": arn,
        "EventSourceArn": f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}",
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 0,
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}},
    }
    if gone:
        server.client("sqs").delete_queue(QueueUrl=url)
    uuid = server.client("lambda").create_event_source_mapping(**made)["UUID"]

    metrics = server.client("cloudwatch")
    counted = "DroppedEventCount" if gone else "OnFailureDestinationDeliveredEventCount"
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while figures(metrics, counted, "Sum", EventSourceMappingUUID=uuid) != [1]:
        assert datetime.now(UTC) < deadline, "the record was not given up in time"
    other = "OnFailureDestinationDeliveredEventCount" if gone else "DroppedEventCount"
    assert figures(metrics, other, "Sum", EventSourceMappingUUID=uuid) == []
    failures = figures(metrics, "DestinationDeliveryFailures", "Sum", FunctionName=name)
    assert failures == ([1] if gone else [])


def test_put_metric_data_takes_values_counts_and_statistics(stage: Stage) -> None:
    dimensions = [{"Name": "shop", "Value": "1"}]
    stage.cloudwatch.put_metric_data(
        Namespace="Own",
        MetricData=[
            {
                "MetricName": "Size",
                "Dimensions": dimensions,
                "Values": [1, 2],
                "Counts": [3, 1],
                "Unit": "Bytes",
            },
            {
                "MetricName": "Size",
                "Dimensions": dimensions,
                "Unit": "Bytes",
                "StatisticValues": {"SampleCount": 2, "Sum": 20, "Minimum": 8, "Maximum": 12},
            },
        ],
    )

    found = stage.figures("Size", "SampleCount", "Sum", "Minimum", "Maximum", namespace="Own", shop="1")
    assert found == [6, 25, 1, 12]


def test_many_values_keep_their_percentiles_within_half_a_percent(stage: Stage) -> None:
    for start in range(0, 3_000, 150):
        stage.cloudwatch.put_metric_data(
            Namespace="Own",
            MetricData=[
                {"MetricName": "Wait", "Values": [float(each) for each in range(start + 1, start + 151)]}
            ],
        )

    p50, p99, most = stage.figures("Wait", "p50", "p99", "Maximum", namespace="Own")
    assert p50 == pytest.approx(1_500, rel=0.01)
    assert p99 == pytest.approx(2_970, rel=0.01)
    assert most == 3_000


def test_periods_begin_at_whole_minutes(stage: Stage) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for second, value in ((5, 1.0), (55, 2.0), (65, 4.0)):
        stage.cloudwatch.put_metric_data(
            Namespace="Own",
            MetricData=[{"MetricName": "N", "Timestamp": noon + timedelta(seconds=second), "Value": value}],
        )

    points = stage.cloudwatch.get_metric_statistics(
        Namespace="Own",
        MetricName="N",
        StartTime=noon,
        EndTime=noon + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
        ExtendedStatistics=["p100"],
    )["Datapoints"]
    assert [(point["Timestamp"], point["Sum"], point["ExtendedStatistics"]["p100"]) for point in points] == [
        (noon, 3.0, 2.0),
        (noon + timedelta(minutes=1), 4.0, 4.0),
    ]


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a namespace of AWS's own": (
        lambda client: client.put_metric_data(
            Namespace="AWS/Lambda", MetricData=[{"MetricName": "a", "Value": 1}]
        ),
        "reserved",
    ),
    "a datum without a value": (
        lambda client: client.put_metric_data(Namespace="Own", MetricData=[{"MetricName": "a"}]),
        "exactly one of Value, Values and StatisticValues",
    ),
    "a statistic that there is not": (lambda client: _read(client, Stat="p101"), "is no statistic"),
    "a period of 61 s": (lambda client: _read(client, Period=61), "multiple of 60"),
    "an expression that searches": (
        lambda client: _expression(client, "SEARCH('{AWS/Lambda,FunctionName}', 'Sum', 300)"),
        "SEARCH",
    ),
    "an expression that cannot be read": (lambda client: _expression(client, "1 +"), "cannot be read"),
    "an expression over nothing": (lambda client: _expression(client, "nowhere * 2"), "nowhere"),
}


def _read(client: Any, **changes: Any) -> Any:
    stat = {"Metric": {"Namespace": "Own", "MetricName": "a"}, "Period": 60, "Stat": "Sum", **changes}
    return _query(client, {"Id": "a", "MetricStat": stat})


def _expression(client: Any, text: str) -> Any:
    return _query(client, {"Id": "a", "Expression": text})


def _query(client: Any, query: dict[str, Any]) -> Any:
    return client.get_metric_data(MetricDataQueries=[query], StartTime=0, EndTime=600)


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_gets_one_clear_sentence(stage: Stage, case: str) -> None:
    call, reason = REFUSED[case]
    with pytest.raises(ClientError, match=reason):
        call(stage.cloudwatch)


def test_a_client_of_the_older_protocol_is_told_to_use_a_newer_one(server: Server) -> None:
    import urllib.error
    import urllib.request

    scope = "Credential=sandbox/20260101/us-east-1/monitoring/aws4_request"
    request = urllib.request.Request(
        server.endpoint,
        data=b"Action=ListMetrics&Version=2010-08-01",
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"},
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    with refusal.value as answer:
        assert b"speak the JSON protocol" in answer.read()
