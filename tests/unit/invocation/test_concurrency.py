"""Who may run: account, Region, reservation, the scaling rate and ten requests a second for each unit of concurrency."""

from __future__ import annotations

import pytest

from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import messages
from lambda_sandbox.resources import FunctionConfiguration
from tests.unit.invocation.stage import Stage, function


def reason(stage: Stage, target: FunctionConfiguration) -> str:
    """Invoke and return the throttle's reason, empty when it was let in."""
    error = stage.completions(stage.invoke(target))
    if not error:
        return ""
    throttle = error[0].error
    assert isinstance(throttle, TooManyRequestsException)
    return str(throttle.members["Reason"])


@pytest.mark.parametrize(
    "other", [{"account_id": "111111111111"}, {"region": "eu-west-1"}], ids=["account", "Region"]
)
def test_each_account_and_region_has_a_limit_of_its_own(other: dict[str, str]) -> None:
    stage = Stage(account_limit=1)
    assert reason(stage, function()) == ""
    assert reason(stage, function("second")) == "ConcurrentInvocationLimitExceeded"
    assert reason(stage, function("second", **other)) == ""


def test_a_reservation_is_taken_out_of_what_the_others_share() -> None:
    stage = Stage(account_limit=3)
    stage.core.reserve(function("reserved").arn, 2)
    assert reason(stage, function()) == ""
    assert reason(stage, function()) == "ConcurrentInvocationLimitExceeded"
    assert reason(stage, function("reserved", reserved_concurrency=2)) == ""


def test_a_reserved_function_is_limited_by_its_reservation_not_by_the_pool() -> None:
    stage = Stage(account_limit=3)
    reserved = function("reserved", reserved_concurrency=2)
    stage.core.reserve(reserved.arn, 2)
    assert [reason(stage, reserved) for _ in range(3)] == [
        "",
        "",
        "ReservedFunctionConcurrentInvocationLimitExceeded",
    ]
    assert reason(stage, function()) == ""


def test_a_reservation_that_ends_goes_back_to_the_pool_with_what_runs() -> None:
    stage = Stage(account_limit=2)
    reserved = function("reserved", reserved_concurrency=2)
    assert reason(stage, reserved) == ""
    stage.core.reserve(reserved.arn, None)
    assert reason(stage, function()) == ""
    assert reason(stage, function()) == "ConcurrentInvocationLimitExceeded"


def test_a_reservation_of_zero_throttles_everything() -> None:
    stage = Stage()
    limit = "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert reason(stage, function(reserved_concurrency=0)) == limit


def test_a_function_adds_a_thousand_environments_in_ten_seconds_and_a_hundred_each_second_after() -> None:
    stage = Stage(account_limit=5_000)
    limit = "ConcurrentInvocationLimitExceeded"
    assert [reason(stage, function()) for _ in range(1_001)] == [""] * 1_000 + [limit]
    stage.clock.advance(1.0)
    assert [reason(stage, function()) for _ in range(101)] == [""] * 100 + [limit]


def test_unused_scaling_does_not_pile_up() -> None:
    stage = Stage(account_limit=5_000)
    stage.invoke(function())
    stage.clock.advance(1_000.0)
    assert sum(reason(stage, function()) == "" for _ in range(1_500)) == 1_000


def test_functions_scale_independently() -> None:
    stage = Stage(account_limit=5_000)
    for _ in range(1_000):
        stage.invoke(function())
    assert reason(stage, function("other")) == ""


def test_a_warm_environment_needs_no_scaling() -> None:
    stage = Stage(account_limit=5_000)
    warm = stage.run_warm(function())
    for _ in range(1_000):
        assert reason(stage, function("quote")) == ""
    stage.actions.clear()
    busy = stage.core.pool.environments[warm].invocation
    assert busy is not None
    stage.respond(warm, busy)
    assert reason(stage, function()) == ""
    assert reason(stage, function()) == "ConcurrentInvocationLimitExceeded"


def run(stage: Stage, target: FunctionConfiguration) -> str:
    """Invoke, answer at once, and return the throttle's reason, empty when it ran."""
    invocation = stage.invoke(target)
    [environment_id] = [
        key for key, e in stage.core.pool.environments.items() if e.invocation is invocation
    ] or [""]
    if not environment_id:
        throttle = stage.completion(invocation).error
        assert isinstance(throttle, TooManyRequestsException)
        return str(throttle.members["Reason"])
    if not stage.core.pool.environments[environment_id].invocations:
        stage.ready(environment_id)
    stage.respond(environment_id, invocation)
    return ""


def test_a_reserved_function_takes_ten_requests_a_second_for_each_unit() -> None:
    stage = Stage()
    limited = function(reserved_concurrency=1)
    limit = "ReservedFunctionInvocationRateLimitExceeded"
    assert [run(stage, limited) for _ in range(11)] == [""] * 10 + [limit]
    stage.clock.advance(0.125)
    assert [run(stage, limited) for _ in range(2)] == ["", limit]


def test_a_function_without_reservation_takes_ten_requests_a_second_for_each_unit_of_the_pool() -> None:
    stage = Stage(account_limit=5)
    stage.core.reserve(function("reserved").arn, 3)
    found = [run(stage, function()) for _ in range(21)]
    assert found == [""] * 20 + ["FunctionInvocationRateLimitExceeded"]


def test_an_account_takes_ten_requests_a_second_for_each_unit() -> None:
    stage = Stage(account_limit=2)
    found = [run(stage, function(f"quote-{number}")) for number in range(21)]
    assert found == [""] * 20 + ["CallerRateLimitExceeded"]


def test_asynchronous_events_are_not_counted_as_requests() -> None:
    stage = Stage(account_limit=1)
    for _ in range(30):
        stage.invoke(function(), event=True)
        [environment] = stage.core.pool.environments.values()
        if not environment.invocations:
            stage.ready(environment.environment_id)
        assert environment.invocation is not None
        stage.respond(environment.environment_id, environment.invocation)
    assert not [a for a in stage.of(messages.Record) if a.record.status is messages.Status.THROTTLE]


def test_a_retired_reservation_takes_effect_without_ending_what_is_warm() -> None:
    stage = Stage()
    warm = stage.run_warm(function())
    changed = function(reserved_concurrency=5)
    stage.take(stage.core.retire(changed.arn, changed))
    assert not stage.of(messages.StopEnvironment)
    stage.invoke(changed)
    assert stage.environment_ids() == [warm]
