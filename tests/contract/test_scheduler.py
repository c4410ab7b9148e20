"""Schedules of rules and of EventBridge Scheduler, through boto3, on a clock of which an hour is a second. Nothing sleeps."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.shared_neighbours import shared as shared
from tests.contract.trigger_stage import ACCOUNT, Queue, Reporter, deliveries

FACTOR = 3600
ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"
OFF = {"Mode": "OFF"}


@pytest.fixture(scope="module")
def fast() -> Iterator[Server]:
    running = Server("--clock", f"scaled:{FACTOR}")
    yield running
    running.stop()


def _now(server: Server) -> datetime:
    """What the sandbox's clock shows."""
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/health", timeout=10) as answer:
        return datetime.fromtimestamp(json.load(answer)["now"], UTC)


def _time(event: dict[str, Any]) -> datetime:
    return datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _schedule(server: Server, name: str, arn: str, expression: str, **options: Any) -> str:
    target = {"Arn": arn, "RoleArn": ROLE, **options.pop("Target", {})}
    made: str = server.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow=options.pop("FlexibleTimeWindow", OFF),
        Target=target,
        **options,
    )["ScheduleArn"]
    return made


def _at(moment: datetime) -> str:
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


class TestRules:
    def test_a_rate_sends_the_scheduled_event_periods_apart(self, fast: Server) -> None:
        reporter = Reporter(fast, "hourly")
        rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/hourly"
        reporter.permit("events.amazonaws.com", rule, "rule")
        events = fast.client("events")
        made = _now(fast)
        assert events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")["RuleArn"] == rule
        events.put_targets(Rule="hourly", Targets=[{"Id": "1", "Arn": reporter.function_arn}])
        first, second = sorted((reporter.body(), reporter.body()), key=_time)
        events.disable_rule(Name="hourly")
        assert (first["source"], first["detail-type"], first["detail"]) == (
            "aws.events",
            "Scheduled Event",
            {},
        )
        assert first["resources"] == [rule]
        assert _time(first) > made
        # Functions run side by side, so a later event may have been reported before an earlier one.
        assert _time(second) > _time(first)
        assert (_time(second) - _time(first)) % timedelta(hours=1) == timedelta(0)

    def test_a_cron_fires_at_its_times_with_a_constant_input(self, fast: Server) -> None:
        queue = Queue(fast, "cron-rule")
        events = fast.client("events")
        events.put_rule(Name="by-cron", ScheduleExpression="cron(30 0/2 * * ? *)")
        transformer = {"InputTemplate": '{"at": <time>}', "InputPathsMap": {"time": "$.time"}}
        events.put_targets(
            Rule="by-cron", Targets=[{"Id": "1", "Arn": queue.arn, "InputTransformer": transformer}]
        )
        times = [datetime.fromisoformat(queue.body()["at"]) for _ in range(2)]
        events.disable_rule(Name="by-cron")
        assert all((each.minute, each.second, each.hour % 2) == (30, 0, 0) for each in times)
        assert times[1] - times[0] == timedelta(hours=2)

    def test_without_permission_the_event_goes_to_the_targets_dead_letter_queue(self, fast: Server) -> None:
        dead = Queue(fast, "dead-hourly")
        arn = fast.deploy("nobody-may", "def handler(event, context): pass\n")
        events = fast.client("events")
        events.put_rule(Name="forbidden", ScheduleExpression="rate(1 minute)")
        target = {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead.arn}}
        events.put_targets(Rule="forbidden", Targets=[target])
        message = dead.message()
        events.disable_rule(Name="forbidden")
        assert dead.attributes(message)["ERROR_CODE"] == "NO_PERMISSIONS"
        assert json.loads(message["Body"])["detail-type"] == "Scheduled Event"

    @pytest.mark.parametrize(
        "expression",
        ["rate(1 hours)", "rate(5 minute)", "rate(0 minutes)", "cron(0 9 * * * *)", "cron(0 9 ? * 8 *)", "at(2026-01-01T00:00:00)"],
    )  # fmt: skip
    def test_an_expression_that_cannot_be_is_refused(self, fast: Server, expression: str) -> None:
        with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
            fast.client("events").put_rule(Name="bad", ScheduleExpression=expression)


class TestScheduler:
    def test_a_rate_begins_at_once_and_ends_with_its_end_date(self, fast: Server) -> None:
        queue = Queue(fast, "rate-schedule")
        begun = _now(fast)
        arn = _schedule(
            fast,
            "ends",
            queue.arn,
            "rate(4 hours)",
            EndDate=begun + timedelta(hours=11),  # three times, even if it is made up to three hours late
            ActionAfterCompletion="DELETE",
        )
        events = [queue.body() for _ in range(3)]
        times = sorted(_time(event) for event in events)
        assert times[1] - times[0] == times[2] - times[1] == timedelta(hours=4)
        assert {event["source"] for event in events} == {"aws.scheduler"}
        assert events[0]["resources"] == [arn]
        _schedule(fast, "later", queue.arn, _at(_now(fast) + timedelta(hours=3)), Target={"Input": "later"})
        assert queue.message()["Body"] == "later"  # and nothing of the first between
        with pytest.raises(ClientError, match="ResourceNotFound"):
            fast.client("scheduler").get_schedule(Name="ends")

    def test_at_fires_once_in_its_time_zone_and_may_be_deleted_after(self, fast: Server) -> None:
        reporter = Reporter(fast, "in-kolkata")
        due = (_now(fast) + timedelta(hours=2)).replace(microsecond=0)
        local = due.astimezone(ZoneInfo("Asia/Kolkata"))
        text = '{"at": "<aws.scheduler.scheduled-time>", "of": "<aws.scheduler.schedule-arn>"}'
        arn = _schedule(
            fast,
            "once",
            reporter.function_arn,
            _at(local),
            ScheduleExpressionTimezone="Asia/Kolkata",
            ActionAfterCompletion="DELETE",
            Target={"Input": text},
        )
        assert reporter.body() == {"at": f"{due:%Y-%m-%dT%H:%M:%SZ}", "of": arn}
        assert _now(fast) >= due
        after = Queue(fast, "after-once")
        _schedule(fast, "after", after.arn, _at(_now(fast) + timedelta(hours=2)), Target={"Input": "x"})
        after.message()
        names = {each["Name"] for each in fast.client("scheduler").list_schedules()["Schedules"]}
        assert "once" not in names
        assert "after" in names

    def test_cron_is_read_in_its_time_zone_from_its_start_date_on(self, fast: Server) -> None:
        queue = Queue(fast, "cron-schedule")
        zone = ZoneInfo("America/New_York")
        start = _now(fast) + timedelta(hours=3)
        hour = (start.astimezone(zone) + timedelta(hours=2)).hour
        _schedule(
            fast,
            "mornings",
            queue.arn,
            f"cron(0 {hour},{(hour - 4) % 24} * * ? *)",
            ScheduleExpressionTimezone="America/New_York",
            StartDate=start,
        )
        event = queue.body()
        fast.client("scheduler").delete_schedule(Name="mornings")
        assert _time(event) >= start.replace(microsecond=0)
        assert _time(event).astimezone(zone).strftime("%H:%M") == f"{hour:02}:00"

    def test_a_flexible_window_delays_within_it(self, fast: Server) -> None:
        queue = Queue(fast, "flexible")
        due = (_now(fast) + timedelta(minutes=10)).replace(microsecond=0)
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 240}
        _schedule(
            fast, "flexible", queue.arn, _at(due), FlexibleTimeWindow=window, Target={"Input": "flexible"}
        )
        assert queue.message()["Body"] == "flexible"
        assert _now(fast) > due

    def test_a_target_that_is_gone_is_a_dead_letter(self, fast: Server) -> None:
        dead = Queue(fast, "dead-schedule")
        missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:missing"
        due = (_now(fast) + timedelta(hours=1)).replace(microsecond=0)
        arn = _schedule(
            fast,
            "to-nowhere",
            missing,
            _at(due),
            Target={"Input": '{"a": 1}', "DeadLetterConfig": {"Arn": dead.arn}},
        )
        message = dead.message()
        assert json.loads(message["Body"]) == {"a": 1}
        attributes = dead.attributes(message)
        assert (attributes["ERROR_CODE"], attributes["SCHEDULE_ARN"], attributes["TARGET_ARN"]) == (
            "NO_RESOURCE",
            arn,
            missing,
        )
        assert attributes["SCHEDULED_TIME"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"
        assert any("NO_RESOURCE" in why and arn in why for why in deliveries(fast))

    def test_a_schedule_that_was_off_does_not_make_up_for_it(self, fast: Server) -> None:
        queue, scheduler = Queue(fast, "switched"), fast.client("scheduler")
        _schedule(fast, "switched", queue.arn, "rate(1 hour)", State="DISABLED")
        witness = Queue(fast, "witness")
        _schedule(fast, "witness", witness.arn, _at(_now(fast) + timedelta(hours=4)), Target={"Input": "w"})
        witness.message()
        scheduler.update_schedule(
            Name="switched",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow=OFF,
            Target={"Arn": queue.arn, "RoleArn": ROLE},
            State="ENABLED",
        )
        enabled = _now(fast)
        event = queue.body()
        scheduler.delete_schedule(Name="switched")
        assert _time(event) > enabled - timedelta(hours=1)

    @pytest.mark.parametrize(
        ("expression", "options", "sentence"),
        [
            ("every day", {}, "Invalid Schedule Expression"),
            ("rate(0 minutes)", {}, "Invalid Schedule Expression"),
            ("at(2026-02-30T00:00:00)", {}, "Invalid Schedule Expression"),
            ("rate(1 hour)", {"ScheduleExpressionTimezone": "Mars/Olympus"}, "Mars/Olympus"),
            ("rate(1 hour)", {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
            (
                "rate(1 hour)",
                {"StartDate": datetime(2030, 1, 2), "EndDate": datetime(2030, 1, 1)},
                "EndDate",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, fast: Server, expression: str, options: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(ClientError, match=sentence) as refused:
            _schedule(fast, "bad", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f", expression, **options)
        assert refused.value.response["Error"]["Code"] == "ValidationException"


class TestRestart:
    def test_every_time_of_a_schedule_is_fired_over_a_kill_and_a_stop(
        self, start_server: Callable[..., Server], shared: str, tmp_path: Path
    ) -> None:
        def start() -> Server:
            return start_server("--clock", "scaled:600", "--state", str(tmp_path), neighbours_socket=shared)

        first = start()
        queue = Queue(first, "through-restarts")
        _schedule(first, "steady", queue.arn, "rate(10 minutes)")
        due = _now(first) + timedelta(minutes=15)
        _schedule(first, "once", queue.arn, _at(due))
        times = [_time(queue.body())]
        first.kill()
        second = start()
        queue.reach(second)
        until = _now(second) + timedelta(minutes=20)
        once = []
        while max(times) < until:
            event = queue.body()
            (times if event["resources"][0].endswith("/steady") else once).append(_time(event))
        # AWS: at least once; a kill between the delivery and its mark would repeat one.
        seen = sorted(set(times))
        assert {later - earlier for earlier, later in pairwise(seen)} == {timedelta(minutes=10)}
        assert set(once) == {due.replace(microsecond=0)}
        second.stop()
        third = start()
        queue.reach(third)
        began = _now(third)
        while (event := queue.body()) and _time(event) < began:
            assert event["resources"][0].endswith("/steady")  # what fired once does not again
            assert _time(event) > max(seen)


class TestRoles:
    def test_where_iam_is_enforced_the_schedulers_role_must_allow_the_call(
        self, start_server: Callable[..., Server]
    ) -> None:
        server = start_server("--clock", f"scaled:{FACTOR}", enforce_iam="1")
        root = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "sandbox"}
        sqs, iam = server.client("sqs", **root), server.client("iam", **root)
        for name in ("dead", "arrived"):
            sqs.create_queue(QueueName=name)
        trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}  # fmt: skip
        for name in ("idle", "scheduler"):
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            )
        letters = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
        invokes = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
        for name, allowed in (("idle", [letters]), ("scheduler", [letters, invokes])):
            iam.put_role_policy(
                RoleName=name,
                PolicyName="own",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
            )
        missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:missing"
        scheduler = server.client("scheduler", **root)
        dead = f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"
        codes = {}
        for role in ("idle", "scheduler"):
            scheduler.create_schedule(
                Name=role,
                ScheduleExpression=_at(_now(server) + timedelta(hours=1)),
                FlexibleTimeWindow=OFF,
                Target={
                    "Arn": missing,
                    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                    "DeadLetterConfig": {"Arn": dead},
                },
            )
            url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
            (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])[
                "Messages"
            ]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            codes[role] = message["MessageAttributes"]["ERROR_CODE"]["StringValue"]
        assert codes == {"idle": "NO_PERMISSIONS", "scheduler": "NO_RESOURCE"}
