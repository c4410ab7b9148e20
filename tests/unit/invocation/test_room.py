"""What is idle makes room for what is asked for."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from lambda_sandbox.invocation import failures, messages
from lambda_sandbox.resources import Exit, FunctionConfiguration
from tests.unit.invocation.stage import Stage, function


def small(places: int) -> Stage:
    """Return a stage on a machine that holds so many environments."""
    stage = Stage()

    def admission(wanted: FunctionConfiguration, without: Collection[str]) -> str:
        there = set(stage.core.pool.environments) - set(without)
        return "" if len(there) < places else f"{len(there)} of {places} places are taken"

    stage.core.admission = admission
    return stage


def stopped(stage: Stage) -> list[str]:
    return [action.environment.function.function_name for action in stage.of(messages.StopEnvironment)]


def test_the_environment_that_was_used_least_recently_goes_for_another_function() -> None:
    stage = small(2)
    for name in ("oldest", "newer"):
        stage.run_warm(function(name))
        stage.clock.advance(1.0)
    stage.run_warm(function("third"))
    assert stopped(stage) == ["oldest"]
    [gone] = stage.of(messages.StopEnvironment)
    assert gone.environment.stop_reason == "idle, and third needed the memory"
    kinds = [type(action) for action in stage.actions]
    last_start = len(kinds) - 1 - kinds[::-1].index(messages.StartEnvironment)
    assert kinds.index(messages.StopEnvironment) < last_start


def test_what_works_or_is_provisioned_stays_and_the_caller_is_told_why() -> None:
    stage = small(2)
    stage.take(
        stage.core.provision(
            "arn:aws:lambda:us-east-1:000000000000:function:kept:1", function("kept", version="1"), 1
        )
    )
    stage.ready(stage.environment_ids()[-1])
    stage.invoke(function("busy"))
    refused = stage.invoke(function("third"))
    error = stage.completion(refused).error
    assert error is not None
    assert "2 of 2 places are taken" in error.message
    assert stopped(stage) == []


@pytest.mark.parametrize("idle", [1, 5])
def test_nothing_goes_where_that_would_not_be_enough(idle: int) -> None:
    stage = small(idle)
    for number in range(idle):
        stage.run_warm(function(f"idle-{number}"))
    stage.core.admission = lambda wanted, without: "never"
    stage.invoke(function("large"))
    assert stopped(stage) == []


def test_provisioned_concurrency_takes_the_place_of_what_is_idle() -> None:
    stage = small(1)
    stage.run_warm(function("idle"))
    version = function("wanted", version="1")
    stage.take(stage.core.provision(version.qualified_arn, version, 1))
    stage.ready(stage.environment_ids()[-1])
    assert stopped(stage) == ["idle"]
    status = stage.core.provisioned_status(version.qualified_arn)
    assert status is not None
    assert status.status == "READY"


def test_a_reset_environment_is_not_ready_until_its_init_has_ended_again() -> None:
    stage = Stage()
    environment_id = stage.run_warm(function())
    stage.invoke(function())
    stage.take(stage.core.environment_exited(environment_id, Exit(code=1), 40))
    stage.invoke(function())
    environment = stage.core.pool.environments[environment_id]
    assert environment.ready_at is None
    stage.ready(environment_id)
    assert environment.ready_at == stage.clock.now()


@pytest.mark.parametrize("payload", [b"no JSON", b"[]", b"{}", b'"text"'])
def test_a_program_may_post_anything_as_the_reason_why_it_was_not_started(payload: bytes) -> None:
    failure = failures.init_reported(payload, failures.INVALID_ENTRYPOINT, "r-1")
    assert (failure.payload, failure.report_error_type) == (payload, failures.INVALID_ENTRYPOINT)
