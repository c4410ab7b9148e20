"""The core says of each asynchronous event, once, that it is over, and why."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.messages import EventFinished, Invocation, InvocationType
from tests.unit.invocation.stage import Stage, function


def send(stage: Stage, **settings: Any) -> Invocation:
    invocation = Invocation("e-1", function(**settings), b"{}", stage.clock.now(), InvocationType.EVENT)
    stage.take(stage.core.invoke(invocation))
    return invocation


def fail(stage: Stage) -> None:
    environment = stage.of(messages.StartEnvironment)[-1].environment
    if not environment.invocations:
        stage.ready(environment.environment_id)
    identity = environment.environment_id
    stage.take(stage.core.runtime_error(identity, "e-1", b'{"errorMessage":"no"}', "Boom", 40))
    stage.ready(identity)


def ends(stage: Stage) -> list[tuple[str, int, bytes | None]]:
    return [(each.condition, each.attempts, each.payload) for each in stage.of(EventFinished)]


def test_success_ends_an_event_with_its_answer() -> None:
    stage = Stage()
    send(stage)
    identity = stage.of(messages.StartEnvironment)[-1].environment.environment_id
    stage.ready(identity)
    stage.take(stage.core.runtime_response(identity, "e-1", b'"done"', 40))
    assert ends(stage) == [("Success", 1, b'"done"')]


def test_only_the_last_failure_ends_an_event() -> None:
    stage = Stage()
    event = send(stage)
    event.maximum_retry_attempts = 1
    fail(stage)
    assert ends(stage) == []
    stage.advance(60.0)
    fail(stage)
    assert ends(stage) == [("RetriesExhausted", 2, b'{"errorMessage":"no"}')]


def test_event_of_a_function_without_concurrency_ends_without_a_run() -> None:
    stage = Stage()
    send(stage, reserved_concurrency=0)
    assert ends(stage) == [("ZeroReservedConcurrency", 0, None)]


def test_synchronous_invocation_is_no_event() -> None:
    stage = Stage()
    stage.take(stage.core.invoke(Invocation("r-1", function(), b"{}", stage.clock.now())))
    identity = stage.of(messages.StartEnvironment)[-1].environment.environment_id
    stage.ready(identity)
    stage.take(stage.core.runtime_response(identity, "r-1", b'"done"', 40))
    assert ends(stage) == []
