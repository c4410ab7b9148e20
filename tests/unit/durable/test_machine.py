from __future__ import annotations

import pytest

from lambda_sandbox import quotas
from lambda_sandbox.durable import outcomes
from lambda_sandbox.durable.machine import FAILURES_IN_A_ROW, Machine
from lambda_sandbox.errors import ResourceConflictException

from .stage import BEGIN, Stage, start, update, wait


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_suspended_execution_wants_nothing_until_its_wait_is_over(stage: Stage) -> None:
    stage.checkpoint(wait(10))
    stage.answer("PENDING")
    assert not stage.machine.wants_invocation(stage.now)
    assert stage.machine.next_due() == BEGIN + 10
    assert stage.machine.waits_for() == "wait w"
    stage.until(BEGIN + 10)
    assert stage.machine.woken_by() == "resumes: wait w is SUCCEEDED"
    assert stage.invoke() == ["w"]


def test_what_ends_while_the_function_runs_is_not_missed(stage: Stage) -> None:
    stage.checkpoint(wait(1))
    stage.until(BEGIN + 1)
    assert not stage.machine.wants_invocation(stage.now)
    stage.answer("PENDING")
    assert stage.invoke() == ["w"]


def test_pending_without_anything_to_wait_for_fails_the_execution(stage: Stage) -> None:
    stage.answer("PENDING")
    assert stage.status == "FAILED"


def test_a_step_is_ready_when_its_delay_is_over_and_counts_its_attempts(stage: Stage) -> None:
    retry = update("STEP", "RETRY", StepOptions={"NextAttemptDelaySeconds": 5}, Error={"ErrorType": "E"})
    stage.checkpoint(start("STEP"), retry)
    stage.answer("PENDING")
    assert (stage.operation("o").status, stage.operation("o").attempt) == ("PENDING", 1)
    stage.until(BEGIN + 5)
    assert stage.operation("o").status == "READY"
    stage.invoke()
    stage.checkpoint(start("STEP"), update("STEP", "SUCCEED", Payload="1"))
    assert (stage.operation("o").status, stage.operation("o").attempt) == ("SUCCEEDED", 1)


def test_a_failed_invocation_is_repeated_ever_later_and_then_given_up(stage: Stage) -> None:
    waits = []
    for _ in range(FAILURES_IN_A_ROW):
        stage.crash()
        due = stage.machine.next_due()
        assert due is not None
        waits.append(due - stage.now)
        assert not stage.machine.wants_invocation(stage.now)
        stage.until(due)
        stage.invoke()
    stage.crash()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert stage.status == "FAILED"
    assert stage.machine.execution.error == {
        "ErrorType": "Runtime.ExitError",
        "ErrorMessage": "exit status 1",
    }


def test_progress_forgives_failures(stage: Stage) -> None:
    for number in range(3 * FAILURES_IN_A_ROW):
        stage.checkpoint(update("STEP", "SUCCEED", f"s{number}", Payload="1"))
        stage.crash()
        stage.until(stage.now + 1)
        stage.invoke()
    assert stage.status == "RUNNING"


def test_an_invocation_that_finds_no_room_is_no_failure(stage: Stage) -> None:
    for _ in range(3 * FAILURES_IN_A_ROW):
        stage.machine.execution.timeout_s = 100_000
        stage.machine.invocation_throttled(stage.now)
        due = stage.machine.next_due()
        assert due is not None
        stage.until(due)
        stage.invoke()
    assert stage.status == "RUNNING"


def test_the_answer_of_an_invocation_that_is_no_longer_the_last_one_counts_for_nothing(stage: Stage) -> None:
    old = stage.request_id
    stage.crash()
    stage.until(BEGIN + 1)
    stage.invoke()
    stage.machine.invocation_ended(old, b'{"Status": "SUCCEEDED"}', False, stage.now)
    assert stage.status == "RUNNING"


def test_an_execution_times_out_in_the_middle_of_a_wait(stage: Stage) -> None:
    stage.checkpoint(wait(1_000))
    stage.answer("PENDING")
    assert stage.machine.next_due() == BEGIN + 100
    stage.until(BEGIN + 100)
    assert stage.status == "TIMED_OUT"
    assert stage.machine.execution.ended_at == BEGIN + 100
    assert stage.kinds[-1] == "ExecutionTimedOut"
    assert stage.machine.next_due() == stage.machine.forgotten_at == BEGIN + 100 + 86_400


@pytest.mark.parametrize(
    ("stops", "timeout"), [(True, BEGIN + 150), (False, BEGIN + 100)], ids=["stops", "runs on"]
)
def test_the_timeout_of_a_paused_execution(stops: bool, timeout: float) -> None:
    stage = Stage()
    stage.checkpoint(wait(1_000))
    stage.answer("PENDING")
    stage.machine.pause("", stops, stage.now)
    assert stage.status == "PAUSED"
    stage.until(BEGIN + 50)
    stage.machine.resume("", stage.now)
    assert stage.machine.times_out_at == timeout


def test_a_paused_execution_lasts_a_year_at_most(stage: Stage) -> None:
    stage.checkpoint(wait(1))
    stage.answer("PENDING")
    stage.machine.pause("", True, stage.now)
    assert stage.machine.next_due() == BEGIN + 1
    stage.until(BEGIN + 1)
    assert not stage.machine.wants_invocation(stage.now)
    assert stage.machine.next_due() == BEGIN + quotas.DURABLE_LIFE_S
    stage.until(BEGIN + quotas.DURABLE_LIFE_S)
    assert stage.status == "TIMED_OUT"


def test_a_pause_that_interrupted_nothing_resumes_into_the_same_wait(stage: Stage) -> None:
    stage.checkpoint(wait(10))
    stage.machine.pause("", True, stage.now)
    stage.answer("PENDING")
    assert stage.status == "PAUSED"
    stage.machine.resume("", stage.now)
    assert not stage.machine.wants_invocation(stage.now)


def test_a_pause_that_interrupted_an_invocation_resumes_with_another(stage: Stage) -> None:
    stage.machine.pause("", True, stage.now)
    assert not stage.checkpoint(wait(10))
    stage.answer("PENDING")
    assert stage.status == "PAUSED"
    stage.machine.resume("", stage.now)
    assert stage.machine.wants_invocation(stage.now)


def test_what_is_to_be_tried_again_is_no_reason_to_wake_a_paused_execution(stage: Stage) -> None:
    stage.crash()
    stage.machine.pause("", True, stage.now)
    stage.until(BEGIN + 5)
    assert stage.machine.next_due() == BEGIN + quotas.DURABLE_LIFE_S
    stage.machine.resume("", stage.now)
    assert stage.machine.wants_invocation(stage.now)


def test_resuming_before_the_pause_began_takes_it_back(stage: Stage) -> None:
    stage.machine.pause("", True, stage.now)
    assert stage.status == "PAUSING"
    stage.machine.resume("", stage.now)
    assert stage.checkpoint()
    assert stage.status == "RUNNING"
    assert "ExecutionPaused" not in stage.kinds


def test_only_what_runs_is_paused_and_only_what_is_paused_resumed(stage: Stage) -> None:
    with pytest.raises(ResourceConflictException):
        stage.machine.resume("", stage.now)
    stage.answer("SUCCEEDED", Result="1")
    with pytest.raises(ResourceConflictException):
        stage.machine.pause("", True, stage.now)


def test_a_heartbeat_puts_off_the_end_of_a_callback_and_never_its_timeout(stage: Stage) -> None:
    options = {"TimeoutSeconds": 25, "HeartbeatTimeoutSeconds": 10}
    stage.checkpoint(start("CALLBACK", "c", CallbackOptions=options))
    stage.answer("PENDING")
    for moment in (9.0, 18.0):
        stage.until(BEGIN + moment)
        callback = stage.machine.callback("c")
        assert callback is not None
        stage.machine.heartbeat(callback, stage.now)
    assert stage.machine.next_due() == BEGIN + 25
    stage.until(BEGIN + 25)
    error = stage.operation("c").error
    assert error is not None
    assert error["ErrorType"] == "Callback.Timeout"
    assert stage.machine.callback("c") is None


def test_a_chained_result_above_the_quota_fails_its_operation(stage: Stage) -> None:
    stage.checkpoint(start("CHAINED_INVOKE", "i", ChainedInvokeOptions={"FunctionName": "f"}, Payload="{}"))
    stage.answer("PENDING")
    assert [each.id for each in stage.machine.chained()] == ["i"]
    stage.machine.chained_ended("i", "SUCCEEDED", stage.now, "x" * (quotas.DURABLE_PAYLOAD_BYTES + 1))
    assert stage.operation("i").status == "FAILED"
    assert stage.machine.chained() == []


def test_what_was_under_way_when_the_process_ended_is_invoked_again(stage: Stage) -> None:
    stage.checkpoint(wait(10))
    kept = Machine(stage.machine.execution, stage.machine.operations.values(), stage.machine.events)
    kept.recover()
    assert kept.wants_invocation(stage.now)
    assert kept.take_changes() == ([], [])


def test_the_bill_counts_what_aws_counts(stage: Stage) -> None:
    stage.checkpoint(
        start("CONTEXT", "x"),
        start("STEP", "s", ParentId="x"),
        update("STEP", "RETRY", "s", ParentId="x", StepOptions={"NextAttemptDelaySeconds": 1}, Payload="123"),
        wait(1),
    )
    stage.answer("PENDING")
    stage.until(BEGIN + 1)
    stage.invoke()
    stage.checkpoint(
        update("STEP", "SUCCEED", "s", Payload="12"), update("CONTEXT", "SUCCEED", "x", Payload="1")
    )
    stage.answer("SUCCEEDED", Result="1234")
    execution = stage.machine.execution
    # The start, a retry, a wait, a step and its context; the input of two bytes, and four payloads.
    assert (execution.billed_operations, execution.bytes_written) == (5, 2 + 3 + 2 + 1 + 4)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"ok": 1}',
        b'{"Status": "RETRY"}',
        b'{"Status": "SUCCEEDED", "Result": 1}',
        b'{"Status": "FAILED", "Result": "1"}',
        b'{"Status": "SUCCEEDED", "Error": {}}',
        b'{"Status": "FAILED", "Error": 1}',
    ],
    ids=[
        "nothing",
        "a list",
        "no status",
        "another status",
        "a result that is no text",
        "a failure with a result",
        "a success with an error",
        "an error that is no object",
    ],
)
def test_an_answer_that_says_nothing_of_an_execution_ends_it(answer: bytes) -> None:
    stage = Stage()
    stage.machine.invocation_ended(stage.request_id, answer, False, stage.now)
    assert stage.status == "FAILED"
    assert stage.machine.execution.error is not None


@pytest.mark.parametrize(("synchronous", "status"), [(True, "SUCCEEDED"), (False, "FAILED")])
def test_who_waits_may_get_six_megabytes_and_an_event_one(synchronous: bool, status: str) -> None:
    stage = Stage(synchronous=synchronous)
    stage.answer("SUCCEEDED", Result="x" * (quotas.DURABLE_PAYLOAD_BYTES + 1))
    assert stage.status == status


def test_a_function_error_keeps_its_words_in_both_directions() -> None:
    said = b'{"errorMessage": "no", "errorType": "E", "stackTrace": ["one"]}'
    error = outcomes.function_error(said)
    assert error == {"ErrorMessage": "no", "ErrorType": "E", "StackTrace": ["one"]}
    assert outcomes.function_error(outcomes.as_function_error(error)) == error
    assert outcomes.function_error(b"not json") == {}
