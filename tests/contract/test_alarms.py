"""Alarms by boto3, in time that is moved by hand; and on a server whose clock is fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox import connect, disconnect

from .conftest import Server

OTHERS = {"OKActions": "recovered", "InsufficientDataActions": "silent", "AlarmActions": "alarmed"}


class Watch:
    """One alarm on a metric of our own, and queues that hear what it tells."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.cloudwatch = sandbox.client("cloudwatch")
        self.sqs, self.sns = sandbox.client("sqs"), sandbox.client("sns")
        sandbox.advance(60 - sandbox._backend.clock.now() % 60)  # to the beginning of a minute

    def put(self, name: str = "watch", **changes: Any) -> None:
        settings = {
            "Namespace": "Own",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 2,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            **changes,
        }
        self.cloudwatch.put_metric_alarm(AlarmName=name, **settings)

    def minute(self, *values: float) -> None:
        """Report values, then let a minute pass."""
        data = [{"MetricName": "Errors", "Value": value} for value in values]
        if data:
            self.cloudwatch.put_metric_data(Namespace="Own", MetricData=data)
        self.sandbox.advance(60)

    def state(self, name: str = "watch") -> str:
        types = ["MetricAlarm", "CompositeAlarm"]
        answer = self.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=types)
        (alarm,) = answer["MetricAlarms"] + answer["CompositeAlarms"]
        return str(alarm["StateValue"])

    def topic(self, name: str) -> str:
        """Return a topic whose messages go to a queue of the same name."""
        arn = self.sns.create_topic(Name=name)["TopicArn"]
        self.sqs.create_queue(QueueName=name)
        self.sns.subscribe(
            TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:000000000000:{name}"
        )
        return str(arn)

    def heard(self, name: str) -> list[dict[str, Any]]:
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield Watch(connect(driver="in_process"))
    disconnect()


def test_an_alarm_fires_and_recovers_and_tells_its_topics(watch: Watch) -> None:
    topics = {kind: [watch.topic(name)] for kind, name in OTHERS.items()}
    watch.put(AlarmDescription="too many", TreatMissingData="notBreaching", **topics)
    assert watch.state() == "INSUFFICIENT_DATA"

    watch.minute(1, 1)
    assert watch.state() == "ALARM"
    (message,) = watch.heard("alarmed")
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["AlarmDescription"] == "too many"
    assert message["Trigger"]["MetricName"] == "Errors"
    assert "1 out of the last 1 datapoint" in message["NewStateReason"]

    watch.minute(0)
    assert watch.state() == "OK"
    assert [each["NewStateValue"] for each in watch.heard("recovered")] == ["OK"]
    assert watch.heard("silent") == []


def test_an_alarm_on_the_errors_of_a_function_fires(watch: Watch) -> None:
    watch.sandbox.deploy("def handler(event, context):\n    raise ValueError\n", FunctionName="failing")
    watch.put(Namespace="AWS/Lambda", Dimensions=[{"Name": "FunctionName", "Value": "failing"}], Threshold=1)
    watch.sandbox.client("lambda").invoke(FunctionName="failing")
    watch.sandbox.advance(61)
    assert watch.state() == "ALARM"


def test_two_of_three_points_make_the_alarm(watch: Watch) -> None:
    watch.put(EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (0, 5, 0, 5, 0, 0):
        watch.minute(value)
        states.append(watch.state())
    assert states == ["OK", "OK", "OK", "ALARM", "OK", "OK"]


# The table of the user guide for three of three points; "-" is a missing point, X one that breaches.
TABLE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "- - - - 0": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", "before", "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", "before", "ALARM", "OK"),
}


@pytest.mark.parametrize("points", TABLE)
@pytest.mark.parametrize("treatment", ["missing", "ignore", "breaching", "notBreaching"])
def test_missing_points_are_treated_as_the_guide_shows(watch: Watch, points: str, treatment: str) -> None:
    expected = dict(zip(("missing", "ignore", "breaching", "notBreaching"), TABLE[points], strict=True))[
        treatment
    ]
    for point in points.split():
        watch.minute(*{"-": (), "0": (0.0,), "X": (5.0,)}[point])
    # Made last, so that the state before is the one that the table keeps.
    watch.put(EvaluationPeriods=3, TreatMissingData=treatment)
    watch.cloudwatch.set_alarm_state(AlarmName="watch", StateValue="OK", StateReason="to begin with")
    before = "OK"
    watch.sandbox._backend.seen.cloudwatch.alarms._looked_at -= 60  # the minute that is just over
    watch.sandbox.run_until_idle()
    assert watch.state() == (before if expected == "before" else expected)


@pytest.mark.parametrize(
    ("operator", "value", "state"),
    [
        ("GreaterThanThreshold", 2, "OK"),
        ("GreaterThanThreshold", 3, "ALARM"),
        ("LessThanThreshold", 1, "ALARM"),
        ("LessThanThreshold", 2, "OK"),
        ("LessThanOrEqualToThreshold", 2, "ALARM"),
        ("GreaterThanOrEqualToThreshold", 2, "ALARM"),
    ],
)
def test_operators_compare_as_they_say(watch: Watch, operator: str, value: float, state: str) -> None:
    watch.put(ComparisonOperator=operator)
    watch.minute(value)
    assert watch.state() == state


def test_a_percentile_can_be_watched(watch: Watch) -> None:
    watch.cloudwatch.put_metric_alarm(
        AlarmName="slow",
        Namespace="Own",
        MetricName="Errors",
        ExtendedStatistic="p90",
        Period=60,
        EvaluationPeriods=1,
        Threshold=9,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    watch.minute(*range(1, 11))
    assert watch.state("slow") == "ALARM"
    watch.minute(*[1] * 10, 20)
    assert watch.state("slow") == "OK"


def test_math_can_be_watched(watch: Watch) -> None:
    stat = {"Metric": {"Namespace": "Own", "MetricName": "Errors"}, "Period": 60}
    watch.cloudwatch.put_metric_alarm(
        AlarmName="share",
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "share", "Expression": "total / samples"},
            {"Id": "total", "ReturnData": False, "MetricStat": {**stat, "Stat": "Sum"}},
            {"Id": "samples", "ReturnData": False, "MetricStat": {**stat, "Stat": "SampleCount"}},
        ],
    )
    watch.minute(1, 1, 0)
    assert watch.state("share") == "ALARM"
    watch.minute(1, 0, 0)
    assert watch.state("share") == "OK"


def test_a_state_that_is_set_by_hand_acts_and_lasts_until_the_next_look(watch: Watch) -> None:
    watch.put(AlarmActions=[watch.topic("alarmed")])
    watch.cloudwatch.set_alarm_state(AlarmName="watch", StateValue="ALARM", StateReason="a drill")
    assert [each["NewStateReason"] for each in watch.heard("alarmed")] == ["a drill"]
    watch.minute(0)
    assert watch.state() == "OK"


def test_actions_can_be_switched_off(watch: Watch) -> None:
    watch.put(AlarmActions=[watch.topic("alarmed")])
    watch.cloudwatch.disable_alarm_actions(AlarmNames=["watch"])
    watch.minute(5)
    assert (watch.state(), watch.heard("alarmed")) == ("ALARM", [])


def test_a_composite_follows_its_alarms(watch: Watch) -> None:
    watch.put("first")
    watch.put("second", Threshold=10)
    watch.cloudwatch.put_composite_alarm(
        AlarmName="both",
        AlarmRule='ALARM("first") AND NOT (OK(second) OR INSUFFICIENT_DATA(second))',
        AlarmActions=[watch.topic("alarmed")],
    )
    watch.minute(5)
    assert [watch.state(name) for name in ("first", "second", "both")] == ["ALARM", "OK", "OK"]
    watch.minute(50)
    assert watch.state("both") == "ALARM"
    assert [each["AlarmName"] for each in watch.heard("alarmed")] == ["both"]


def test_history_tells_what_changed_and_what_was_done(watch: Watch) -> None:
    watch.put(AlarmActions=[watch.topic("alarmed")])
    watch.minute(5)
    items = watch.cloudwatch.describe_alarm_history(AlarmName="watch", ScanBy="TimestampAscending")
    kinds = [item["HistoryItemType"] for item in items["AlarmHistoryItems"]]
    assert kinds == ["ConfigurationUpdate", "StateUpdate", "Action"]
    changed, acted = items["AlarmHistoryItems"][1:]
    assert changed["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert acted["HistorySummary"].startswith("Successfully executed action")
    assert acted["Timestamp"] - changed["Timestamp"] < timedelta(seconds=1)


REFUSED: dict[str, tuple[Callable[[Watch], Any], str]] = {
    "more points than periods": (lambda watch: watch.put(DatapointsToAlarm=2), "DatapointsToAlarm"),
    "an unknown treatment": (lambda watch: watch.put(TreatMissingData="guess"), "one of missing"),
    "an action that nothing carries out": (
        lambda watch: watch.put(AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"]),
        "use an SNS topic or a Lambda function",
    ),
    "anomaly detection": (
        lambda watch: watch.put(ComparisonOperator="GreaterThanUpperThreshold"),
        "anomaly detection",
    ),
    "two statistics": (
        lambda watch: watch.put(ExtendedStatistic="p90"),
        "either Statistic or ExtendedStatistic",
    ),
    "a rule that cannot be read": (
        lambda watch: watch.cloudwatch.put_composite_alarm(AlarmName="x", AlarmRule="ALARM(a"),
        "cannot be read",
    ),
    "a rule about no alarm": (
        lambda watch: watch.cloudwatch.put_composite_alarm(AlarmName="x", AlarmRule="ALARM(a)"),
        "alarm a of its rule does not exist",
    ),
    "an alarm that is not there": (
        lambda watch: watch.cloudwatch.set_alarm_state(AlarmName="x", StateValue="OK", StateReason=""),
        "There is no alarm x",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(watch: Watch, case: str) -> None:
    call, reason = REFUSED[case]
    with pytest.raises(ClientError, match=reason):
        call(watch)


def test_an_alarm_of_a_fast_server_invokes_a_function(start_server: Callable[..., Server]) -> None:
    server = start_server("--clock", "scaled:60")
    caught = server.client("sqs").create_queue(QueueName="caught")["QueueUrl"]
    server.deploy("failing", "def handler(event, context):\n    raise ValueError\n")
    arn = server.deploy(
        "told",
        "import boto3, json\n\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl={caught!r}, MessageBody=json.dumps(event))\n",
        Timeout=30,
    )
    topic = server.client("sns").create_topic(Name="alarms")["TopicArn"]
    for principal in ("sns.amazonaws.com", "lambda.alarms.cloudwatch.amazonaws.com"):
        server.client("lambda").add_permission(
            FunctionName="told",
            StatementId=principal.replace(".", "-"),
            Action="lambda:InvokeFunction",
            Principal=principal,
        )
    server.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "failing"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic, arn],
    )
    server.client("lambda").invoke(FunctionName="failing")["Payload"].read()

    events: list[dict[str, Any]] = []
    while len(events) < 2:
        answer = server.client("sqs").receive_message(QueueUrl=caught, WaitTimeSeconds=20)
        assert "Messages" in answer, "the alarm told nobody"
        for message in answer["Messages"]:
            events.append(json.loads(message["Body"]))
            server.client("sqs").delete_message(QueueUrl=caught, ReceiptHandle=message["ReceiptHandle"])
    direct = next(event for event in events if "alarmData" in event)
    by_topic = next(event for event in events if "Records" in event)
    assert direct["alarmData"]["state"]["value"] == "ALARM"
    before = direct["alarmData"]["previousState"]
    assert before["value"] in ("INSUFFICIENT_DATA", "OK")
    assert before["reason"]
    assert before["timestamp"] < direct["alarmData"]["state"]["timestamp"]
    assert json.loads(by_topic["Records"][0]["Sns"]["Message"])["NewStateValue"] == "ALARM"


def test_a_rule_hears_of_an_alarm_without_any_action(start_server: Callable[..., Server]) -> None:
    server = start_server()
    heard = server.listen_to_bus({"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}})
    cloudwatch = server.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="quiet",
        AlarmDescription="nobody is called",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    for state in ("OK", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName="quiet", StateValue=state, StateReason=f"said {state}")
    [event] = heard(1)
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:quiet"
    assert (event["detail-type"], event["resources"]) == ("CloudWatch Alarm State Change", [arn])
    detail = event["detail"]
    assert detail["alarmName"] == "quiet"
    assert (detail["state"]["value"], detail["state"]["reason"]) == ("ALARM", "said ALARM")
    assert (detail["previousState"]["value"], detail["previousState"]["reason"]) == ("OK", "said OK")
    assert detail["configuration"]["description"] == "nobody is called"
    assert detail["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "Errors"
