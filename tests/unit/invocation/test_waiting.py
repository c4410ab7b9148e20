"""Asynchronous events as configured, versions that come and go, and functions that call themselves."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.errors import RecursiveInvocationException
from lambda_sandbox.invocation import async_queue, messages
from lambda_sandbox.invocation.messages import Invocation, InvocationType
from lambda_sandbox.resources import EventInvokeConfig, FunctionConfiguration
from tests.unit.invocation.stage import Stage, function


def event(stage: Stage, target: FunctionConfiguration, **settings: float) -> Invocation:
    invocation = Invocation("e-1", target, b"{}", stage.clock.now(), InvocationType.EVENT)
    for name, value in settings.items():
        setattr(invocation, name, value)
    stage.take(stage.core.invoke(invocation))
    return invocation


def fail(stage: Stage) -> None:
    environment = stage.of(messages.StartEnvironment)[-1].environment
    if not environment.invocations:
        stage.ready(environment.environment_id)
    assert environment.invocation is not None
    request_id = environment.invocation.request_id
    stage.take(stage.core.runtime_error(environment.environment_id, request_id, b"{}", "Boom", 40))
    stage.ready(environment.environment_id)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_an_event_is_tried_again_as_often_as_configured(retries: int) -> None:
    stage = Stage()
    event(stage, function(), maximum_retry_attempts=retries)
    for wait_s in (60.0, 120.0)[:retries]:
        fail(stage)
        stage.advance(wait_s)
    fail(stage)
    assert len(stage.core.queue) == 0
    assert len(stage.of(messages.Record)) == retries + 1
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == ["e-1"]


def test_an_event_is_not_tried_again_past_its_maximum_age() -> None:
    stage = Stage()
    event(stage, function(), maximum_event_age_s=60)
    fail(stage)
    assert len(stage.core.queue) == 0
    assert "too old" in stage.of(messages.Record)[-1].record.why


def test_a_throttled_event_is_tried_until_its_maximum_age() -> None:
    stage = Stage(account_limit=1)
    stage.invoke(function("other", timeout_s=900))
    stage.ready(stage.environment_ids()[0])
    event(stage, function(), maximum_event_age_s=60)
    stage.advance(59.0)
    assert not stage.of(messages.ForgetEvent)
    stage.advance(1.0)
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == ["e-1"]
    waits = [a.record.started_at - stage.clock.now() + 60.0 for a in stage.of(messages.Record)]
    assert waits == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 60.0]


def test_an_event_of_a_function_that_reserves_nothing_is_dropped_at_once() -> None:
    stage = Stage()
    event(stage, function(reserved_concurrency=0))
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == ["e-1"]


def configuration(**settings: Any) -> EventInvokeConfig:
    return EventInvokeConfig("000000000000", "us-east-1", "quote", "live", 0.0, **settings)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, (2, 21_600)),
        (configuration(), (2, 21_600)),
        (configuration(maximum_retry_attempts=0), (0, 21_600)),
        (configuration(maximum_event_age_s=60), (2, 60)),
    ],
    ids=["none", "destinations only", "no retries", "a minute"],
)
def test_an_event_gets_the_settings_of_the_qualifier_that_was_invoked(
    config: EventInvokeConfig | None, expected: tuple[int, int]
) -> None:
    invocation = Invocation("e", function(version="1"), b"{}", 0.0, InvocationType.EVENT)
    invocation.invoked_arn = f"{function().arn}:live"
    asked = []

    def look_up(arn: str, qualifier: str) -> EventInvokeConfig | None:
        asked.append((arn, qualifier))
        return config

    async_queue.configure(invocation, look_up)
    assert asked == [(function().arn, "live")]
    assert (invocation.maximum_retry_attempts, invocation.maximum_event_age_s) == expected


# --- versions ----------------------------------------------------------------------------------------


def test_an_update_of_latest_leaves_the_environments_of_versions() -> None:
    stage = Stage()
    latest, version = stage.run_warm(function()), stage.run_warm(function(version="1"))
    updated = function(revision_id="r2")
    stage.take(stage.core.retire(updated.arn, updated))
    assert [a.environment.environment_id for a in stage.of(messages.StopEnvironment)] == [latest]
    stage.invoke(function(version="1"))
    assert stage.environment_ids() == [latest, version]


def test_an_event_that_waits_for_a_version_runs_that_version_after_an_update() -> None:
    stage = Stage()
    event(stage, function(version="1"))
    fail(stage)
    updated = function(revision_id="r2")
    stage.take(stage.core.retire(updated.arn, updated))
    stage.advance(60.0)
    assert stage.of(messages.DeliverEvent)[-1].invocation.function.version == "1"


def test_a_deleted_version_loses_its_environments_alone() -> None:
    stage = Stage()
    stage.run_warm(function())
    version = stage.run_warm(function(version="1"))
    stage.take(stage.core.retire_version(function(version="1").qualified_arn))
    assert [a.environment.environment_id for a in stage.of(messages.StopEnvironment)] == [version]


def test_tenants_share_no_environment() -> None:
    stage = Stage()
    isolated = function(tenant_isolation=True)
    for number, tenant in enumerate(("blue", "green", "blue")):
        invocation = Invocation(f"t-{number}", isolated, b"{}", stage.clock.now(), tenant_id=tenant)
        stage.take(stage.core.invoke(invocation))
        [environment] = [e for e in stage.core.pool.environments.values() if e.invocation is invocation]
        if not environment.invocations:
            stage.ready(environment.environment_id)
        stage.respond(environment.environment_id, invocation)
    assert len(stage.environment_ids()) == 2


# --- recursion ---------------------------------------------------------------------------------------


def chain(stage: Stage, target: FunctionConfiguration, kind: InvocationType, length: int) -> list[Invocation]:
    """Let the function invoke itself: each invocation passes on the header that it got."""
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    made = []
    for number in range(length):
        invocation = Invocation(f"r-{number}", target, b"{}", stage.clock.now(), kind, "", header)
        stage.take(stage.core.invoke(invocation))
        header = invocation.trace_header
        made.append(invocation)
    return made


def test_a_function_that_calls_itself_is_stopped_after_sixteen_invocations() -> None:
    stage = Stage()
    made = chain(stage, function(), InvocationType.REQUEST_RESPONSE, 17)
    assert len(stage.environment_ids()) == 16
    assert isinstance(stage.completion(made[-1]).error, RecursiveInvocationException)


def test_a_recursive_event_is_accepted_and_dropped() -> None:
    stage = Stage()
    chain(stage, function(), InvocationType.EVENT, 17)
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == ["r-16"]


def test_a_function_that_allows_recursion_goes_on() -> None:
    stage = Stage()
    chain(stage, function(recursive_loop="Allow"), InvocationType.REQUEST_RESPONSE, 20)
    assert len(stage.environment_ids()) == 20


def test_two_functions_that_call_each_other_are_counted_apart() -> None:
    stage = Stage()
    header = "Root=1-5759e988-bd862e3fe1be46a994272793"
    for number in range(32):
        target = function("ping" if number % 2 else "pong")
        invocation = Invocation(f"r-{number}", target, b"{}", stage.clock.now(), trace_header=header)
        stage.take(stage.core.invoke(invocation))
        header = invocation.trace_header
    assert len(stage.environment_ids()) == 32
    assert header.count("Lineage=") == 1


@pytest.mark.parametrize("lineage", ["Lineage=", "Lineage=1:", "Lineage=x:y|z", "Lineage=1:a:999999999"])
def test_a_malformed_lineage_counts_as_none(lineage: str) -> None:
    stage = Stage()
    invocation = Invocation("m", function(), b"{}", stage.clock.now(), trace_header=f"Root=1-a-b;{lineage}")
    stage.take(stage.core.invoke(invocation))
    assert len(stage.environment_ids()) == 1


def test_a_deleted_version_takes_its_waiting_events_along() -> None:
    stage = Stage()
    event(stage, function(version="1"))
    fail(stage)
    stage.take(stage.core.retire_version(function(version="1").qualified_arn))
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == ["e-1"]
    assert len(stage.core.queue) == 0
