from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox import quotas
from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.environment import State
from lambda_sandbox.resources import Exit
from tests.unit.invocation.stage import Stage, function


def payload_of(stage: Stage, invocation: messages.Invocation) -> dict[str, str]:
    result = stage.completion(invocation).result
    assert result is not None
    answer: dict[str, str] = json.loads(result.payload)
    return answer


def report_of(stage: Stage, invocation: messages.Invocation) -> messages.InvocationRecord:
    [record] = [a.record for a in stage.of(messages.Record) if a.record.invocation is invocation]
    return record


def test_first_invocation_starts_an_environment_and_reports_init_duration() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.clock.advance(0.120)
    stage.ready(environment_id)
    stage.clock.advance(0.050)
    stage.respond(environment_id, invocation)
    record = report_of(stage, invocation)
    assert record.cold
    assert record.report is not None
    assert record.report.init_duration_ms == 120.0
    assert record.report.duration_ms == 50.0
    assert record.report.billed_ms == 170
    assert "Init Duration: 120.00 ms" in stage.logs()


def test_second_invocation_reuses_the_warm_environment() -> None:
    stage = Stage()
    environment_id = stage.run_warm(function())
    second = stage.invoke(function())
    stage.respond(environment_id, second)
    assert stage.environment_ids() == [environment_id]
    record = report_of(stage, second)
    assert not record.cold
    assert record.report is not None
    assert record.report.init_duration_ms is None


def test_concurrent_invocations_get_an_environment_each() -> None:
    stage = Stage()
    stage.invoke(function())
    stage.invoke(function())
    assert len(set(stage.environment_ids())) == 2


def test_the_environment_used_last_is_taken_first() -> None:
    stage = Stage()
    first, second = stage.invoke(function()), stage.invoke(function())
    one, two = stage.environment_ids()
    for environment_id in (one, two):
        stage.ready(environment_id)
    stage.respond(two, second)
    stage.respond(one, first)
    third = stage.invoke(function())
    assert stage.of(messages.DeliverEvent)[-1].invocation is third
    assert stage.of(messages.DeliverEvent)[-1].environment.environment_id == one


def answered(stage: Stage, **changes: Any) -> str:
    """Bring one environment to where it has answered and has not yet asked for the next event."""
    invocation = stage.invoke(function(**changes))
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    stage.take(stage.core.runtime_response(environment_id, invocation.request_id, b"1", 40))
    return environment_id


def test_a_caller_right_after_an_answer_waits_for_the_same_environment() -> None:
    stage = Stage()
    environment_id = answered(stage)
    second = stage.invoke(function())
    assert stage.environment_ids() == [environment_id]
    stage.ready(environment_id)
    stage.respond(environment_id, second)
    assert not report_of(stage, second).cold


@pytest.mark.parametrize(
    ("asks_after_s", "waits"), [(0.0001, True), (0.01, False)], ids=["soon again", "slow to ask"]
)
def test_a_caller_waits_for_the_hottest_environment_only_if_it_asks_soon(
    asks_after_s: float, waits: bool
) -> None:
    stage = Stage()
    calls = stage.invoke(function()), stage.invoke(function())
    cool, hot = stage.environment_ids()
    for environment_id, call in zip((cool, hot), calls, strict=True):
        stage.ready(environment_id)
        stage.take(stage.core.runtime_response(environment_id, call.request_id, b"1", 40))
        stage.clock.advance(asks_after_s)
        stage.ready(environment_id)
    third = stage.invoke(function())
    stage.take(stage.core.runtime_response(hot, third.request_id, b"1", 40))
    fourth = stage.invoke(function())
    stage.ready(hot)
    [delivered] = [
        action.environment.environment_id
        for action in stage.of(messages.DeliverEvent)
        if action.invocation is fourth
    ]
    assert delivered == (hot if waits else cool)


def test_an_environment_that_ends_after_its_answer_is_started_again_for_the_next_caller() -> None:
    stage = Stage()
    environment_id = answered(stage)
    second = stage.invoke(function())
    stage.take(stage.core.environment_exited(environment_id, Exit(code=0), 40))
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.ready(environment_id)
    stage.respond(environment_id, second)
    assert report_of(stage, second).cold


def test_a_runtime_that_never_asks_again_is_replaced_after_the_timeout() -> None:
    stage = Stage()
    environment_id = answered(stage, timeout_s=3)
    second = stage.invoke(function(timeout_s=3))
    stage.advance(3.0)
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.ready(environment_id)
    stage.respond(environment_id, second)
    assert stage.completion(second).result is not None


def test_a_handler_error_keeps_the_environment() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    body = json.dumps({"errorMessage": "no", "errorType": "ValueError"}).encode()
    stage.take(stage.core.runtime_error(environment_id, invocation.request_id, body, "", 40))
    stage.ready(environment_id)
    result = stage.completion(invocation).result
    assert result is not None
    assert (result.status_code, result.function_error, result.payload) == (200, "Unhandled", body)
    stage.invoke(function())
    assert stage.environment_ids() == [environment_id]
    assert "Status: error\tError Type: ValueError" in stage.logs()


def test_a_timeout_answers_as_aws_and_resets_the_environment_keeping_tmp() -> None:
    stage = Stage()
    invocation = stage.invoke(function(timeout_s=3))
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    stage.advance(3.0)
    answer = payload_of(stage, invocation)
    assert answer["errorType"] == "Sandbox.Timedout"
    assert (
        answer["errorMessage"]
        == f"RequestId: {invocation.request_id} Error: Task timed out after 3.00 seconds"
    )
    assert stage.of(messages.StopEnvironment)[-1].keep_tmp
    assert "Status: timeout" in stage.logs()
    again = stage.invoke(function(timeout_s=3))
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.ready(environment_id)
    stage.respond(environment_id, again)
    assert "reset" in report_of(stage, again).why


def test_a_late_timer_of_an_earlier_invocation_kills_nobody() -> None:
    stage = Stage()
    environment_id = stage.run_warm(function(timeout_s=3))
    stage.advance(2.0)
    second = stage.invoke(function(timeout_s=3))
    stage.advance(1.5)
    stage.respond(environment_id, second)
    result = stage.completion(second).result
    assert result is not None
    assert result.function_error is None


@pytest.mark.parametrize(
    ("exit_", "message", "report_type"),
    [
        pytest.param(Exit(code=1), "exit status 1", "Runtime.ExitError", id="exit status"),
        pytest.param(
            Exit(code=0), "Runtime exited without providing a reason", "Runtime.ExitError", id="exit 0"
        ),
        pytest.param(Exit(signal=9), "signal: killed", "Runtime.ExitError", id="killed"),
        pytest.param(
            Exit(signal=9, out_of_memory=True), "signal: killed", "Runtime.OutOfMemory", id="out of memory"
        ),
    ],
)
def test_an_exit_while_handling_is_a_runtime_exit_error(exit_: Exit, message: str, report_type: str) -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    stage.take(stage.core.environment_exited(environment_id, exit_, 60))
    answer = payload_of(stage, invocation)
    assert answer["errorType"] == "Runtime.ExitError"
    assert message in answer["errorMessage"]
    assert f"Error Type: {report_type}" in stage.logs()


def test_a_failed_init_is_repeated_once_within_the_invocation() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    body = json.dumps({"errorMessage": "Unable to import", "errorType": "Runtime.ImportModuleError"}).encode()
    stage.take(stage.core.runtime_init_error(environment_id, body, ""))
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.take(stage.core.runtime_init_error(environment_id, body, ""))
    assert payload_of(stage, invocation)["errorType"] == "Runtime.ImportModuleError"
    assert "Phase: init\tStatus: error" in stage.logs()
    assert "Phase: invoke\tStatus: error" in stage.logs()


def test_an_init_over_ten_seconds_is_repeated_under_the_function_timeout() -> None:
    stage = Stage()
    invocation = stage.invoke(function(timeout_s=4))
    [environment_id] = stage.environment_ids()
    stage.advance(quotas.INIT_TIMEOUT_S)
    assert stage.environment_ids() == [environment_id, environment_id]
    stage.advance(1.0)
    stage.ready(environment_id)
    stage.advance(1.0)
    stage.respond(environment_id, invocation)
    record = report_of(stage, invocation)
    assert record.report is not None
    assert record.report.init_duration_ms is None
    assert record.report.duration_ms == 2000.0


def test_a_second_init_that_is_too_slow_is_a_timeout() -> None:
    stage = Stage()
    invocation = stage.invoke(function(timeout_s=4))
    stage.advance(quotas.INIT_TIMEOUT_S + 4.0)
    assert payload_of(stage, invocation)["errorType"] == "Sandbox.Timedout"


def test_a_response_over_six_megabytes_fails_and_the_runtime_hears_413() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    big = b'"' + b"x" * quotas.SYNC_PAYLOAD_BYTES + b'"'
    stage.take(stage.core.runtime_response(environment_id, invocation.request_id, big, 40))
    assert payload_of(stage, invocation)["errorType"] == "Function.ResponseSizeTooLarge"
    assert stage.of(messages.RefuseRuntime)[0].status == 413


def test_an_answer_for_another_request_is_refused_and_changes_nothing() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    [refusal] = stage.core.runtime_response(environment_id, "forged", b"1", 40)
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.status == 400
    stage.respond(environment_id, invocation)
    assert stage.completion(invocation).result is not None


def test_an_answer_before_the_event_is_refused() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    [refusal] = stage.core.runtime_response(environment_id, invocation.request_id, b"1", 40)
    assert isinstance(refusal, messages.RefuseRuntime)
    assert refusal.status == 403


def test_the_account_limit_throttles_with_its_reason() -> None:
    stage = Stage(account_limit=1)
    stage.invoke(function())
    second = stage.invoke(function("other"))
    error = stage.completion(second).error
    assert isinstance(error, TooManyRequestsException)
    assert error.members["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_reserved_concurrency_throttles_only_its_own_function() -> None:
    stage = Stage()
    limited = function(reserved_concurrency=1)
    stage.invoke(limited)
    error = stage.completion(stage.invoke(limited)).error
    assert isinstance(error, TooManyRequestsException)
    assert error.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    stage.invoke(function("other"))
    assert len(stage.environment_ids()) == 2


def test_an_event_is_stored_before_it_is_accepted_and_forgotten_after_it_ran() -> None:
    stage = Stage()
    event = stage.invoke(function(), event=True)
    kinds = [type(action) for action in stage.actions]
    assert kinds.index(messages.StoreEvent) < kinds.index(messages.Complete)
    result = stage.completion(event).result
    assert result is not None
    assert result.status_code == 202
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    stage.respond(environment_id, event)
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == [event.request_id]


def test_a_failing_event_is_tried_three_times_after_one_and_two_minutes() -> None:
    stage = Stage()
    stage.invoke(function(), event=True)
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    for wait_s in (60.0, 120.0, 0.0):
        delivered = stage.of(messages.DeliverEvent)[-1].invocation
        stage.take(stage.core.runtime_error(environment_id, delivered.request_id, b"{}", "Boom", 40))
        stage.ready(environment_id)
        stage.advance(wait_s)
    records = [a.record for a in stage.of(messages.Record)]
    assert [record.invocation.attempt for record in records] == [1, 2, 3]
    assert [record.started_at - record.invocation.arrived_at for record in records] == [0.0, 60.0, 180.0]
    assert len(stage.core.queue) == 0
    assert stage.of(messages.ForgetEvent)


def test_a_throttled_event_waits_for_concurrency_and_keeps_its_attempts() -> None:
    stage = Stage(account_limit=1)
    first = stage.invoke(function())
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    event = stage.invoke(function(), event=True)
    stage.respond(environment_id, first)
    delivered = stage.of(messages.DeliverEvent)[-1].invocation
    assert delivered.request_id == event.request_id
    assert delivered.attempt == 1


def test_an_update_stops_idle_environments_and_lets_busy_ones_finish() -> None:
    stage = Stage()
    idle = stage.run_warm(function())
    first, second = stage.invoke(function()), stage.invoke(function())
    busy = stage.environment_ids()[-1]
    stage.ready(busy)
    stage.respond(idle, first)
    updated = function(revision_id="r2")
    stage.take(stage.core.retire(updated.arn, updated))
    assert [a.environment.environment_id for a in stage.of(messages.StopEnvironment)] == [idle]
    stage.respond(busy, second)
    assert stage.of(messages.StopEnvironment)[-1].environment.environment_id == busy
    stage.invoke(updated)
    assert len(stage.environment_ids()) == 3


def test_a_waiting_event_runs_the_new_code_after_an_update() -> None:
    stage = Stage()
    stage.invoke(function(), event=True)
    [environment_id] = stage.environment_ids()
    stage.ready(environment_id)
    delivered = stage.of(messages.DeliverEvent)[-1].invocation
    stage.take(stage.core.runtime_error(environment_id, delivered.request_id, b"{}", "Boom", 40))
    stage.ready(environment_id)
    updated = function(revision_id="r2")
    stage.take(stage.core.retire(updated.arn, updated))
    stage.advance(60.0)
    assert stage.of(messages.StartEnvironment)[-1].environment.function.revision_id == "r2"


def test_a_deleted_function_takes_its_waiting_events_along() -> None:
    stage = Stage(account_limit=1)
    stage.invoke(function("other"))
    event = stage.invoke(function(), event=True)
    stage.take(stage.core.retire(function().arn, None))
    assert [a.request_id for a in stage.of(messages.ForgetEvent)] == [event.request_id]


def test_an_idle_environment_is_stopped_after_its_lifetime() -> None:
    stage = Stage(idle_lifetime_s=300.0)
    environment_id = stage.run_warm(function())
    stage.advance(299.0)
    assert not stage.of(messages.StopEnvironment)
    stage.advance(2.0)
    [stop] = stage.of(messages.StopEnvironment)
    assert (stop.environment.environment_id, stop.environment.state) == (environment_id, State.STOPPED)


def test_stopping_all_answers_callers_that_wait() -> None:
    stage = Stage()
    invocation = stage.invoke(function())
    stage.take(stage.core.stop_all("shutdown"))
    assert payload_of(stage, invocation)["errorType"] == "Runtime.ExitError"


def test_the_same_signals_at_the_same_times_give_the_same_environment_ids() -> None:
    ids = []
    for _ in range(2):
        stage = Stage(seed="7")
        stage.invoke(function())
        ids.append(stage.environment_ids())
    assert ids[0] == ids[1]
