"""Token buckets and quotas, in manual time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.front_doors import throttle_limits
from lambda_sandbox.front_doors.quota import Quota, Quotas
from lambda_sandbox.front_doors.throttle import Limit, Throttle

PLACE = ("a1", "prod")
SATURDAY = datetime(2026, 10, 31, 23, 59, tzinfo=UTC).timestamp()


def admitted(throttle: Throttle, limits: list[Limit], now: float, asked: int) -> int:
    return sum(throttle.refusal(limits, now) is None for _ in range(asked))


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    throttle, clock, limits = Throttle(), ManualClock(start=100.0), [Limit(("a",), rate=2.0, burst=5)]
    assert admitted(throttle, limits, clock.now(), 8) == 5
    clock.advance(0.5)
    assert admitted(throttle, limits, clock.now(), 8) == 1
    clock.advance(60.0)
    assert admitted(throttle, limits, clock.now(), 8) == 5


def test_in_the_long_run_no_more_than_the_rate_passes() -> None:
    throttle, clock, limits = Throttle(), ManualClock(), [Limit(("a",), rate=10.0, burst=3)]
    passed = 0
    for _ in range(1000):
        passed += admitted(throttle, limits, clock.now(), 1)
        clock.advance(0.01)
    assert 100 <= passed <= 103


def test_each_key_has_a_bucket_of_its_own() -> None:
    throttle = Throttle()
    for name in ("a", "b"):
        assert admitted(throttle, [Limit((name,), rate=1.0, burst=2)], 0.0, 3) == 2


def test_a_burst_of_nothing_lets_nothing_through() -> None:
    assert admitted(Throttle(), [Limit(("a",), rate=0.0, burst=0)], 0.0, 3) == 0
    assert admitted(Throttle(), [Limit(("a",), rate=5.0, burst=0)], 60.0, 3) == 0


def test_a_request_that_one_limit_refuses_takes_nothing_from_another() -> None:
    throttle, wide, narrow = Throttle(), Limit(("wide",), 0.0, 3), Limit(("narrow",), 0.0, 1)
    assert admitted(throttle, [wide, narrow], 0.0, 5) == 1
    assert throttle.refusal([wide, narrow], 0.0) == narrow
    assert admitted(throttle, [wide], 0.0, 5) == 2


def test_a_limit_that_is_changed_keeps_its_bucket() -> None:
    throttle = Throttle()
    assert admitted(throttle, [Limit(("a",), rate=1.0, burst=10)], 0.0, 4) == 4
    assert admitted(throttle, [Limit(("a",), rate=1.0, burst=2)], 0.0, 9) == 2
    assert admitted(throttle, [Limit(("a",), rate=1.0, burst=10)], 0.0, 9) == 0
    throttle.forget()
    assert admitted(throttle, [Limit(("a",), rate=1.0, burst=10)], 0.0, 11) == 10


def test_a_clock_that_steps_back_gives_and_takes_nothing() -> None:
    throttle, limits = Throttle(), [Limit(("a",), rate=1.0, burst=2)]
    assert admitted(throttle, limits, 100.0, 1) == 1
    assert admitted(throttle, limits, 50.0, 3) == 1


@pytest.mark.parametrize("key", ["~1pets~1{id}/GET", "/pets/{id}/GET", "pets/{id}/GET", "//pets/{id}/GET"])
def test_a_methods_own_setting_takes_the_place_of_the_one_for_all(key: str) -> None:
    settings = {
        "*/*": {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 2},
        key: {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 7},
    }
    (own,) = throttle_limits.of_method(PLACE, settings, "/pets/{id}", "GET")
    (other,) = throttle_limits.of_method(PLACE, settings, "/pets/{id}", "ANY")
    assert [(each.rate, each.burst) for each in (own, other)] == [(5.0, 7), (1.0, 2)]
    assert own.key != other.key


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"throttlingRateLimit": -1, "throttlingBurstLimit": -1}, []),
        ({"throttlingRateLimit": 3}, [(3.0, throttle_limits.ACCOUNT_BURST)]),
        ({"throttlingBurstLimit": 0}, [(throttle_limits.ACCOUNT_RATE, 0)]),
        ({"throttlingRateLimit": 0.5, "throttlingBurstLimit": -1}, [(0.5, throttle_limits.ACCOUNT_BURST)]),
    ],
    ids=["nothing", "switched off", "a rate only", "a burst only", "one switched off"],
)
def test_what_is_not_set_is_the_accounts(given: dict[str, Any], expected: list[tuple[float, int]]) -> None:
    found = throttle_limits.of_route(PLACE, {"defaultRouteSettings": given}, "GET /")
    assert [(each.rate, each.burst) for each in found] == expected


def test_a_routes_setting_is_laid_over_the_default() -> None:
    stage = {
        "defaultRouteSettings": {"throttlingRateLimit": 1, "throttlingBurstLimit": 2},
        "routeSettings": {"GET /a": {"throttlingBurstLimit": 9}},
    }
    (own,) = throttle_limits.of_route(PLACE, stage, "GET /a")
    assert (own.rate, own.burst) == (1.0, 9)


def test_a_plans_limit_is_one_bucket_for_a_key_over_all_its_stages() -> None:
    plan = {
        "id": "p1",
        "name": "gold",
        "throttle": {"rateLimit": 1.0, "burstLimit": 3},
        "apiStages": [
            {"apiId": "a1", "stage": "prod", "throttle": {"/slow/GET": {"rateLimit": 0.1, "burstLimit": 1}}},
            {"apiId": "a2", "stage": "prod"},
        ],
    }
    here = throttle_limits.of_plan(plan, "k1", PLACE, "/", "GET")
    there = throttle_limits.of_plan(plan, "k1", ("a2", "prod"), "/slow", "GET")
    another = throttle_limits.of_plan(plan, "k2", PLACE, "/", "GET")
    (slow,) = throttle_limits.of_plan(plan, "k1", PLACE, "/slow", "GET")
    assert here[0].key == there[0].key != another[0].key
    assert (slow.rate, slow.burst) == (0.1, 1)
    throttle = Throttle()
    assert admitted(throttle, here, 0.0, 2) + admitted(throttle, there, 0.0, 2) == 3
    assert str(slow) == "usage plan gold, GET /slow, allows 0.1 requests a second and bursts of 1"


@pytest.mark.parametrize("period", ["DAY", "WEEK", "MONTH"])
def test_a_quota_is_full_again_when_the_next_period_begins(period: str) -> None:
    quotas, quota = Quotas(), Quota(2, period)
    for now in (SATURDAY, SATURDAY + 60):  # the last minute of a day, a week and a month, and the next
        assert [quotas.take("p", "k", quota, now) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("period", "later_days", "room"),
    [("DAY", 1, True), ("WEEK", 6, False), ("WEEK", 7, True), ("MONTH", 29, False), ("MONTH", 30, True)],
)
def test_a_period_lasts_as_long_as_its_name_says(period: str, later_days: int, room: bool) -> None:
    sunday_the_first = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()
    quotas, quota = Quotas(), Quota(1, period)
    assert quotas.take("p", "k", quota, sunday_the_first)
    assert quotas.take("p", "k", quota, sunday_the_first + later_days * 86_400) is room


def test_the_offset_is_subtracted_in_the_initial_period_only() -> None:
    quotas, quota = Quotas(), Quota(3, "DAY", offset=2)
    assert [quotas.take("p", "k", quota, SATURDAY) for _ in range(2)] == [True, False]
    assert [quotas.take("p", "k", quota, SATURDAY + 60) for _ in range(4)] == [True, True, True, False]


def test_each_key_of_each_plan_has_a_quota_of_its_own_and_usage_tells_of_it() -> None:
    quotas, quota = Quotas(), Quota(5, "WEEK")
    for _ in range(2):
        assert quotas.take("p", "k", quota, SATURDAY)
    assert quotas.take("p", "k", quota, SATURDAY + 60)
    assert quotas.take("p", "other", quota, SATURDAY)
    told = quotas.usage("p", ["k", "unused"], quota, date(2026, 10, 30), date(2026, 11, 1))
    assert told == {"k": [[0, 5], [2, 3], [1, 4]]}
