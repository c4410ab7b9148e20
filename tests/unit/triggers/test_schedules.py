"""Which times of a schedule are due, and how the server keeps them: in manual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.schedules import Schedules
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.schedule_expression import At, Rate, parse
from lambda_sandbox.triggers.schedules import CATCH_UP, Mark, Schedule, outlook

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
RULE = Schedule(
    arn="arn:aws:events:us-east-1:000000000000:rule/r",
    kind="rule",
    name="r",
    account_id="000000000000",
    region="us-east-1",
    expression="rate(10 minutes)",
    targets=({"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"},),
    anchor=START,
)
TARGET = {"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/r"}
TIMED = replace(RULE, arn="arn:aws:scheduler:us-east-1:000000000000:schedule/default/s", kind="schedule", targets=(TARGET,))  # fmt: skip


class Stage:
    """Schedules that a test sets, a clock that it moves, and marks as a store keeps them."""

    def __init__(self, *schedules: Schedule) -> None:
        self.clock = ManualClock(START)
        self.schedules: list[Schedule] | None = list(schedules)
        self.marks: dict[str, Mark] = {}
        self.sent: list[Delivery] = []
        self.deleted: list[str] = []
        self.notes: list[str] = []
        self.driver = self.restarted()

    def restarted(self) -> Schedules:
        return Schedules(
            self.clock,
            self._read,
            self._delete,
            self,
            self._deliver,
            self.notes.append,
            seed=7,
        )

    def look_at(self, minutes: float) -> float | None:
        """Move the clock to so many minutes after the start and look; return when to look again, in minutes."""
        self.clock.move_to(START + 60 * minutes)
        following = run(self.driver.look())
        return None if following is None else (following - START) / 60

    @property
    def times(self) -> list[float]:
        """When what was sent was due, in minutes after the start."""
        moments = [datetime.fromisoformat(json.loads(each.payload)["time"]).timestamp() for each in self.sent]
        return [(moment - START) / 60 for moment in moments]

    async def _read(self) -> list[Schedule] | None:
        return self.schedules

    async def _delete(self, arn: str) -> None:
        self.deleted.append(arn)
        assert self.schedules is not None
        self.schedules = [each for each in self.schedules if each.arn != arn]

    async def _deliver(self, delivery: Delivery) -> None:
        self.sent.append(delivery)

    def all(self) -> list[Mark]:
        return list(self.marks.values())

    def put(self, resource: Mark) -> None:
        self.marks[resource.arn] = resource

    def delete(self, resource: Mark) -> None:
        del self.marks[resource.arn]


def run(work: Coroutine[Any, Any, float | None]) -> float | None:
    return asyncio.run(work)


class TestTimes:
    def test_a_rule_is_due_one_period_after_it_was_made_and_a_schedule_at_once(self) -> None:
        stage = Stage(RULE)
        assert stage.look_at(0) == 10
        assert stage.times == []
        stage = Stage(TIMED)
        assert stage.look_at(0) == 10
        assert stage.times == [0]

    def test_a_time_is_fired_once_however_often_one_looks(self) -> None:
        stage = Stage(RULE)
        for minutes in (9, 10, 10, 10.5, 19.9, 20):
            stage.look_at(minutes)
        assert stage.times == [10, 20]

    def test_a_jump_forward_fires_every_missed_time_in_order(self) -> None:
        stage = Stage(RULE)
        assert stage.look_at(45) == 50
        assert stage.times == [10, 20, 30, 40]

    def test_a_jump_over_more_than_the_catch_up_leaves_the_oldest_out_and_says_so(self) -> None:
        stage = Stage(replace(RULE, expression="rate(1 minute)"))
        stage.look_at(CATCH_UP + 50)
        assert stage.times == [float(each) for each in range(51, CATCH_UP + 51)]
        assert "was not fired for some times" in stage.notes[0]

    def test_what_is_older_than_the_targets_event_age_is_left_out(self) -> None:
        target = {**RULE.targets[0], "RetryPolicy": {"MaximumEventAgeInSeconds": 1200}}
        stage = Stage(replace(RULE, targets=(target,)))
        stage.look_at(60 * 24 * 365)
        assert stage.times == [60 * 24 * 365 - 10, 60 * 24 * 365]
        assert len(stage.notes) == 1

    def test_a_clock_that_was_set_back_fires_nothing_twice(self) -> None:
        stage = Stage(RULE)
        stage.look_at(25)
        stage.clock = ManualClock(START)
        stage.driver = stage.restarted()
        for minutes in (5, 10, 20, 29, 30):
            stage.look_at(minutes)
        assert stage.times == [10, 20, 30]

    def test_start_and_end_dates_bound_a_schedule(self) -> None:
        stage = Stage(replace(TIMED, start=START + 15 * 60, end=START + 35 * 60))
        assert stage.look_at(0) == 15
        assert stage.look_at(100) is None
        assert stage.times == [15, 25, 35]
        assert stage.deleted == []

    def test_a_calendar_begins_with_its_start_date(self) -> None:
        stage = Stage(replace(TIMED, expression="cron(0/5 * * * ? *)", start=START + 10 * 60))
        assert stage.look_at(0) == 10
        assert stage.look_at(16) == 20
        assert stage.times == [10, 15]

    def test_a_flexible_window_delays_by_the_seed_and_keeps_the_due_time(self) -> None:
        flexible = replace(TIMED, expression="at(2026-11-21T12:10:00)", window_s=3600)
        looks = [outlook(flexible, START, START, seed).following for seed in (1, 1, 2)]
        assert looks[0] == looks[1] != looks[2]
        assert all(each is not None and 600 < each - START < 4200 for each in looks)
        stage = Stage(flexible)
        fires_at = stage.look_at(10)
        assert fires_at is not None
        assert stage.times == []
        stage.look_at(fires_at)
        assert stage.times == [10]


class TestOneTime:
    def test_it_fires_once_and_is_deleted_where_it_is_to_be(self) -> None:
        stage = Stage(replace(TIMED, expression="at(2026-11-21T12:30:00)", delete_after=True))
        assert stage.look_at(0) == 30
        assert stage.look_at(31) is None
        assert stage.times == [30]
        assert stage.deleted == [TIMED.arn]
        assert stage.look_at(40) is None
        assert stage.marks == {}

    def test_the_minute_in_which_it_is_made_counts_and_the_past_does_not(self) -> None:
        stage = Stage(replace(TIMED, expression="at(2026-11-21T11:59:30)"))
        stage.look_at(0)
        assert stage.times == [-0.5]
        stage = Stage(replace(TIMED, expression="at(2026-11-21T11:00:00)"))
        assert stage.look_at(100) is None
        assert stage.times == []


class TestState:
    def test_a_restart_goes_on_where_the_marks_are(self) -> None:
        stage = Stage(RULE)
        stage.look_at(12)
        stage.driver = stage.restarted()
        stage.look_at(33)
        assert stage.times == [10, 20, 30]

    def test_marks_stay_while_the_neighbours_are_not_there(self) -> None:
        stage = Stage(RULE)
        stage.look_at(12)
        known, stage.schedules = stage.schedules, None
        assert stage.look_at(15) is None
        stage.schedules = known
        stage.look_at(21)
        assert stage.times == [10, 20]

    def test_marks_of_a_deleted_schedule_go(self) -> None:
        stage = Stage(RULE)
        stage.look_at(12)
        stage.schedules = []
        stage.look_at(13)
        assert stage.marks == {}

    def test_what_fell_into_the_time_when_it_was_off_is_never_fired(self) -> None:
        stage = Stage(RULE)
        stage.look_at(12)
        stage.schedules = [replace(RULE, enabled=False)]
        assert stage.look_at(13) is None
        stage.schedules = [RULE]
        assert stage.look_at(47) == 50
        stage.look_at(50)
        assert stage.times == [10, 50]

    def test_a_new_expression_begins_anew(self) -> None:
        stage = Stage(RULE)
        stage.look_at(12)
        stage.schedules = [replace(RULE, expression="rate(1 hour)", anchor=START + 13 * 60)]
        assert stage.look_at(13) == 73
        stage.look_at(73)
        assert stage.times == [10, 73]

    def test_a_delivery_that_breaks_is_made_again(self) -> None:
        stage = Stage(RULE)
        deliver, broken = stage._deliver, [True]

        async def break_once(delivery: Delivery) -> None:
            if broken and broken.pop():
                raise OSError("the disk is full")
            await deliver(delivery)

        stage._deliver = break_once  # type: ignore[method-assign]
        stage.driver = stage.restarted()
        with pytest.raises(OSError, match="disk"):
            stage.look_at(25)
        stage.look_at(25)
        assert stage.times == [10, 20]


class TestExpressions:
    def test_rates_count_seconds(self) -> None:
        assert [parse(text) for text in ("rate(1 minute)", "rate(5 hours)", "rate(2 days)")] == [
            Rate(60),
            Rate(18_000),
            Rate(172_800),
        ]

    def test_at_is_read_in_its_zone(self) -> None:
        assert parse("at(2026-07-01T12:00:00)", "Europe/Berlin") == At(
            datetime(2026, 7, 1, 10, tzinfo=UTC).timestamp()
        )

    @pytest.mark.parametrize(
        "text",
        ["rate(1)", "rate(-1 minutes)", "rate(1 week)", "every(1 minute)", "at(tomorrow)", "cron(0 9)", "rate(1 minute"],
    )  # fmt: skip
    def test_others_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            parse(text)
