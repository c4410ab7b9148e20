"""Durable executions on a real server, by AWS's own SDK for Python."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox import quotas
from lambda_sandbox.durable import limits
from tests.contract.conftest import Server
from tests.contract.durable_functions import SOURCE
from tests.contract.durable_stage import (
    CONFIG,
    begin,
    callback_id,
    do,
    ended,
    events,
    kinds,
    refusal,
    sandbox,
    until,
)
from tests.contract.durable_stage import lambdas as lambdas


@pytest.mark.proves("GetDurableExecution")
@pytest.mark.proves("GetDurableExecutionHistory")
@pytest.mark.proves("CheckpointDurableExecution")
@pytest.mark.proves("Invoke")
def test_execution_runs_its_steps_once_and_suspends_while_it_waits(lambdas: Any) -> None:
    answer = do(lambdas, "add_wait_double", n=4)
    assert answer["said"] == {"a": 5, "b": 10}
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["StatusCode"] == 200
    arn = answer["DurableExecutionArn"]
    assert kinds(lambdas, arn) == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    found = lambdas.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Version"]) == ("SUCCEEDED", "$LATEST")
    assert json.loads(found["Result"]) == {"a": 5, "b": 10}
    assert json.loads(found["InputPayload"])["n"] == 4
    assert found["DurableConfig"] == CONFIG
    spare = lambdas.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=False)
    assert "Result" not in spare
    assert "InputPayload" not in spare
    assert spare["ExecutionDataIncluded"] is False


def test_history_can_be_read_in_pages_backwards_and_without_data(lambdas: Any) -> None:
    arn = do(lambdas, "add_wait_double", n=1)["DurableExecutionArn"]
    whole = events(lambdas, arn)
    assert [each["EventId"] for each in whole] == list(range(1, len(whole) + 1))
    first = lambdas.get_durable_execution_history(DurableExecutionArn=arn, MaxItems=4)
    rest = lambdas.get_durable_execution_history(DurableExecutionArn=arn, Marker=first["NextMarker"])
    assert first["Events"] + rest["Events"] == whole
    assert "NextMarker" not in rest
    assert events(lambdas, arn, ReverseOrder=True) == whole[::-1]
    bare = events(lambdas, arn, IncludeExecutionData=False)
    assert bare[0]["ExecutionStartedDetails"]["Input"] == {"Truncated": True}
    assert whole[0]["ExecutionStartedDetails"]["Input"]["Payload"] == json.dumps(
        {"do": "add_wait_double", "n": 1}
    )


def test_a_bare_name_is_refused_as_on_aws(lambdas: Any) -> None:
    code, message = refusal(lambda: lambdas.invoke(FunctionName="work", Payload=b"{}"))
    assert code == "InvalidParameterValueException"
    assert message == "You cannot invoke a durable function using an unqualified ARN."


def test_a_failing_step_is_tried_again_after_its_delay(lambdas: Any) -> None:
    answer = do(lambdas, "retried", key=str(uuid.uuid4()), good=3)
    assert answer["said"] == 3
    steps = [each for each in events(lambdas, answer["DurableExecutionArn"]) if "Step" in each["EventType"]]
    assert [each["EventType"] for each in steps] == ["StepStarted", "StepFailed"] * 2 + [
        "StepStarted",
        "StepSucceeded",
    ]
    failed = steps[1]["StepFailedDetails"]
    assert failed["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
    assert failed["Error"]["Payload"]["ErrorMessage"] == "not yet"
    assert (steps[2]["EventTimestamp"] - steps[1]["EventTimestamp"]).total_seconds() >= 1.0
    assert steps[-1]["StepSucceededDetails"]["RetryDetails"]["CurrentAttempt"] == 3


def test_a_step_that_fails_for_good_fails_the_execution_and_its_caller_sees_why(lambdas: Any) -> None:
    answer = do(lambdas, "retried", key=str(uuid.uuid4()), good=9)
    assert answer["FunctionError"] == "Unhandled"
    assert answer["said"]["errorMessage"] == "not yet"
    found = lambdas.get_durable_execution(DurableExecutionArn=answer["DurableExecutionArn"])
    assert found["Status"] == "FAILED"
    assert found["Error"]["ErrorMessage"] == "not yet"


def test_a_process_that_dies_in_a_step_is_replaced_and_the_step_runs_again(lambdas: Any) -> None:
    answer = do(lambdas, "crashing", key=str(uuid.uuid4()), once=False)
    assert answer["said"] == "alive"
    crashed = [
        each
        for each in events(lambdas, answer["DurableExecutionArn"])
        if each["EventType"] == "InvocationCompleted"
    ]
    assert "Runtime" in crashed[0]["InvocationCompletedDetails"]["Error"]["Payload"]["ErrorType"]
    assert "Error" not in crashed[1]["InvocationCompletedDetails"]


def test_a_step_that_may_run_once_at_most_is_not_run_again_after_a_crash(lambdas: Any) -> None:
    answer = do(lambdas, "crashing", key=str(uuid.uuid4()), once=True)
    assert answer["FunctionError"] == "Unhandled"
    assert "interrupted" in answer["said"]["errorMessage"]
    assert kinds(lambdas, answer["DurableExecutionArn"]).count("StepStarted") == 1


def test_an_invocation_that_times_out_is_followed_by_one_that_goes_on(server: Server, lambdas: Any) -> None:
    server.deploy("hasty", SOURCE, Timeout=4, MemorySize=1769, DurableConfig=CONFIG)
    arn = begin(lambdas, "slow", function="hasty", key=str(uuid.uuid4()))
    assert json.loads(ended(lambdas, arn)["Result"]) == "after a timeout"
    assert kinds(lambdas, arn).count("StepSucceeded") == 1


@pytest.mark.proves("SendDurableExecutionCallbackSuccess")
def test_a_callback_that_succeeds_resumes_the_execution_with_its_result(lambdas: Any) -> None:
    arn = begin(lambdas, "called_back")
    callback = callback_id(lambdas, arn)
    lambdas.send_durable_execution_callback_success(CallbackId=callback, Result=b"by Ann")
    assert json.loads(ended(lambdas, arn)["Result"]) == {"approved": "by Ann"}
    again = refusal(lambda: lambdas.send_durable_execution_callback_success(CallbackId=callback))
    assert again[0] == "CallbackTimeoutException"


@pytest.mark.proves("SendDurableExecutionCallbackFailure")
def test_a_callback_that_fails_fails_what_waited_for_it(lambdas: Any) -> None:
    arn = begin(lambdas, "called_back")
    error = {"ErrorType": "Refused", "ErrorMessage": "not today"}
    lambdas.send_durable_execution_callback_failure(CallbackId=callback_id(lambdas, arn), Error=error)
    found = ended(lambdas, arn)
    assert found["Status"] == "FAILED"
    assert found["Error"]["ErrorMessage"] == "not today"
    assert "CallbackFailed" in kinds(lambdas, arn)


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"timeout": 1}, "Callback.Timeout"), ({"timeout": 30, "heartbeat": 1}, "Callback.Heartbeat")],
    ids=["as a whole", "for want of a heartbeat"],
)
def test_a_callback_that_nobody_answers_times_out(lambdas: Any, options: dict[str, int], kind: str) -> None:
    arn = begin(lambdas, "called_back", **options)
    assert ended(lambdas, arn)["Status"] == "FAILED"
    [timed_out] = [each for each in events(lambdas, arn) if each["EventType"] == "CallbackTimedOut"]
    assert timed_out["CallbackTimedOutDetails"]["Error"]["Payload"]["ErrorType"] == kind


@pytest.mark.proves("SendDurableExecutionCallbackHeartbeat")
def test_heartbeats_keep_a_callback_open(lambdas: Any) -> None:
    arn = begin(lambdas, "called_back", heartbeat=2)
    callback = callback_id(lambdas, arn)
    started = time.monotonic()
    while time.monotonic() - started < 3.0:
        lambdas.send_durable_execution_callback_heartbeat(CallbackId=callback)
        time.sleep(0.2)
    lambdas.send_durable_execution_callback_success(CallbackId=callback, Result=b"late")
    assert ended(lambdas, arn)["Status"] == "SUCCEEDED"


def test_a_function_may_answer_its_own_callback(lambdas: Any) -> None:
    assert do(lambdas, "wait_for_callback")["said"] == "yes"


def test_parallel_branches_wait_at_the_same_time(lambdas: Any) -> None:
    answer = do(lambdas, "in_parallel")
    assert answer["said"] == [0, 10, 20]
    found = events(lambdas, answer["DurableExecutionArn"])
    waits = [each["EventTimestamp"] for each in found if each["EventType"] == "WaitStarted"]
    over = [each["EventTimestamp"] for each in found if each["EventType"] == "WaitSucceeded"]
    assert len(waits) == len(over) == 3
    assert max(waits) < min(over)
    parents = {each["Name"]: each.get("ParentId") for each in found if each["EventType"] == "StepSucceeded"}
    assert len(set(parents.values())) == 3


def test_map_runs_a_child_context_for_each_item(lambdas: Any) -> None:
    answer = do(lambdas, "mapped", items=[1, 2, 3, 4])
    assert answer["said"] == [1, 4, 9, 16]
    found = events(lambdas, answer["DurableExecutionArn"])
    assert sum(each["EventType"] == "ContextSucceeded" for each in found) == 5


def test_a_condition_is_polled_until_it_holds(lambdas: Any) -> None:
    assert do(lambdas, "polled")["said"] == 2


@pytest.mark.parametrize(
    ("target", "payload", "said"),
    [
        ("plain", {"n": 21}, {"twice": 42}),
        ("work:$LATEST", {"do": "add_wait_double", "n": 1}, {"a": 2, "b": 4}),
    ],
    ids=["that is not durable", "that is durable itself"],
)
def test_a_chained_invoke_waits_for_another_function(
    lambdas: Any, target: str, payload: Any, said: Any
) -> None:
    answer = do(lambdas, "chained", target=target, payload=payload)
    assert answer["said"] == said
    assert "ChainedInvokeSucceeded" in kinds(lambdas, answer["DurableExecutionArn"])


@pytest.mark.parametrize(
    ("target", "payload", "why"),
    [
        ("plain", {"fail": True}, "plainly no"),
        ("work:$LATEST", {"do": "loud"}, "no such order"),
        ("nobody", {}, "Function not found"),
        ("work", {"do": "only_answer"}, "unqualified"),
    ],
    ids=[
        "whose code fails",
        "whose execution fails",
        "that does not exist",
        "that is durable and not qualified",
    ],
)
def test_a_chained_invoke_of_a_function_fails(lambdas: Any, target: str, payload: Any, why: str) -> None:
    answer = do(lambdas, "chained", target=target, payload=payload)
    assert answer["FunctionError"] == "Unhandled"
    assert why in answer["said"]["errorMessage"]
    assert "ChainedInvokeFailed" in kinds(lambdas, answer["DurableExecutionArn"])


def test_a_name_stands_for_one_execution(lambdas: Any) -> None:
    name = f"order-{uuid.uuid4()}"
    first = begin(lambdas, "only_answer", name=name, n=1)
    assert f"/durable-execution/{name}/" in first
    assert begin(lambdas, "only_answer", name=name, n=1) == first
    ended(lambdas, first)
    assert begin(lambdas, "only_answer", name=name, n=1) == first
    code, _ = refusal(lambda: begin(lambdas, "only_answer", name=name, n=2))
    assert code == "DurableExecutionAlreadyStartedException"
    assert kinds(lambdas, first).count("ExecutionStarted") == 1


@pytest.mark.parametrize(
    ("function", "name", "code"),
    [("work:$LATEST", "a name", "ValidationException"), ("plain", "order", "InvalidParameterValueException")],
    ids=["that AWS takes nowhere", "for a function that is not durable"],
)
def test_a_name_is_refused(lambdas: Any, function: str, name: str, code: str) -> None:
    call = {"FunctionName": function, "DurableExecutionName": name, "Payload": b"{}"}
    assert refusal(lambda: lambdas.invoke(**call))[0] == code


def test_an_execution_that_may_take_longer_than_a_caller_waits_is_started_asynchronously(
    server: Server, lambdas: Any
) -> None:
    server.deploy(
        "patient", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG | {"ExecutionTimeout": 901}
    )
    code, message = refusal(lambda: lambdas.invoke(FunctionName="patient:$LATEST", Payload=b"{}"))
    assert code == "InvalidParameterValueException"
    assert "15 minutes" in message
    assert ended(lambdas, begin(lambdas, "only_answer", function="patient"))["Status"] == "SUCCEEDED"


def test_an_execution_times_out_however_long_it_would_wait(server: Server, lambdas: Any) -> None:
    server.deploy(
        "brief", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG | {"ExecutionTimeout": 5}
    )
    answer = lambdas.invoke(FunctionName="brief:$LATEST", Payload=b'{"do": "waiting", "seconds": 600}')
    assert answer["FunctionError"] == "Unhandled"
    arn = answer["DurableExecutionArn"]
    assert lambdas.get_durable_execution(DurableExecutionArn=arn)["Status"] == "TIMED_OUT"
    assert kinds(lambdas, arn)[-1] == "ExecutionTimedOut"


@pytest.mark.proves("StopDurableExecution")
@pytest.mark.proves("DeleteDurableExecution")
def test_an_execution_is_stopped_and_then_deleted(lambdas: Any) -> None:
    arn = begin(lambdas, "called_back")
    callback = callback_id(lambdas, arn)
    assert (
        refusal(lambda: lambdas.delete_durable_execution(DurableExecutionArn=arn))[0]
        == "ResourceConflictException"
    )
    error = {"ErrorType": "Cancelled", "ErrorMessage": "the customer left"}
    stopped = lambdas.stop_durable_execution(DurableExecutionArn=arn, Error=error)
    found = lambdas.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Error"]) == ("STOPPED", error)
    assert found["EndTimestamp"] == stopped["StopTimestamp"]
    late = refusal(lambda: lambdas.send_durable_execution_callback_success(CallbackId=callback))
    assert late[0] == "CallbackTimeoutException"
    lambdas.delete_durable_execution(DurableExecutionArn=arn)
    gone = refusal(lambda: lambdas.get_durable_execution(DurableExecutionArn=arn))
    assert gone[0] == "ResourceNotFoundException"


@pytest.mark.proves("PauseDurableExecution")
@pytest.mark.proves("ResumeDurableExecution")
def test_a_paused_execution_is_not_invoked_until_it_is_resumed(lambdas: Any) -> None:
    arn = begin(lambdas, "called_back")
    callback = callback_id(lambdas, arn)
    lambdas.pause_durable_execution(DurableExecutionArn=arn, Reason="lunch")

    def status() -> Any:
        return lambdas.get_durable_execution(DurableExecutionArn=arn)

    paused = until(lambda: found if (found := status())["Status"] == "PAUSED" else None)
    assert paused["PauseDetails"]["Reason"] == "lunch"
    assert (
        refusal(lambda: lambdas.pause_durable_execution(DurableExecutionArn=arn))[0]
        == "ResourceConflictException"
    )
    lambdas.send_durable_execution_callback_success(CallbackId=callback, Result=b"early")
    assert status()["Status"] == "PAUSED"
    before = kinds(lambdas, arn).count("InvocationCompleted")
    lambdas.resume_durable_execution(DurableExecutionArn=arn, Reason="back")
    assert json.loads(ended(lambdas, arn)["Result"]) == {"approved": "early"}
    seen = kinds(lambdas, arn)
    assert seen.count("InvocationCompleted") == before + 1
    assert [each for each in seen if each in ("ExecutionPaused", "ExecutionResumed")] == [
        "ExecutionPaused",
        "ExecutionResumed",
    ]


@pytest.mark.proves("ListDurableExecutionsByFunction")
def test_executions_are_listed_by_function_version_name_status_and_time(server: Server, lambdas: Any) -> None:
    server.deploy("listed", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    version = lambdas.publish_version(FunctionName="listed")["Version"]
    lambdas.create_alias(FunctionName="listed", Name="live", FunctionVersion=version)
    first = begin(lambdas, "only_answer", function="listed", name="one")
    ended(lambdas, first)
    second = lambdas.invoke(FunctionName="listed:live", Payload=b'{"do": "loud"}')["DurableExecutionArn"]
    assert f":function:listed:{version}/durable-execution/" in second

    def listed(**options: Any) -> list[str]:
        found = lambdas.list_durable_executions_by_function(FunctionName="listed", **options)
        return [each["DurableExecutionArn"] for each in found["DurableExecutions"]]

    assert listed() == [second, first]
    assert listed(ReverseOrder=True) == [first, second]
    assert listed(Qualifier="live") == listed(Qualifier=version) == [second]
    assert listed(DurableExecutionName="one") == listed(Statuses=["SUCCEEDED"]) == [first]
    # botocore sends whole seconds.
    before = lambdas.get_durable_execution(DurableExecutionArn=first)["StartTimestamp"] - timedelta(seconds=2)
    assert listed(StartedAfter=before) == [second, first]
    assert listed(StartedBefore=before) == listed(StartedAfter=before + timedelta(hours=1)) == []
    page = lambdas.list_durable_executions_by_function(FunctionName="listed", MaxItems=1)
    assert listed(MaxItems=1, Marker=page["NextMarker"]) == [first]


def test_a_deleted_function_takes_its_executions_along(server: Server, lambdas: Any) -> None:
    server.deploy("leaving", SOURCE, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    arn = begin(lambdas, "called_back", function="leaving")
    callback_id(lambdas, arn)
    lambdas.delete_function(FunctionName="leaving")
    until(lambda: _is_gone(lambdas, arn))
    gone = refusal(lambda: lambdas.get_durable_execution(DurableExecutionArn=arn))
    assert gone[0] == "ResourceNotFoundException"


def _is_gone(lambdas: Any, arn: str) -> bool:
    try:
        lambdas.get_durable_execution(DurableExecutionArn=arn)
    except ClientError:
        return True
    return False


@pytest.mark.proves("GetDurableExecutionState")
def test_a_state_of_several_pages_is_replayed_whole(lambdas: Any) -> None:
    answer = do(lambdas, "many", steps=130)
    assert answer["said"] == 130
    found = events(lambdas, answer["DurableExecutionArn"], MaxItems=1000)
    assert sum(each["EventType"] == "StepSucceeded" for each in found) == 130


def test_a_result_that_is_too_large_for_an_answer_is_checkpointed_by_the_sdk(lambdas: Any) -> None:
    answer = do(lambdas, "large", characters=limits.SYNC_RESULT_BYTES - 40)
    assert len(answer["said"]) == limits.SYNC_RESULT_BYTES - 40


def test_an_asynchronous_execution_that_answers_more_than_a_megabyte_fails(lambdas: Any) -> None:
    arn = begin(lambdas, "large", characters=quotas.DURABLE_PAYLOAD_BYTES)
    found = ended(lambdas, arn)
    assert found["Status"] == "FAILED"
    assert "larger than the quota" in found["Error"]["ErrorMessage"]


def test_a_handler_without_the_sdk_fails_its_execution_at_once(server: Server, lambdas: Any) -> None:
    server.deploy("bare", "def handler(e, c): return {'ok': 1}", Timeout=5, DurableConfig=CONFIG)
    answer = lambdas.invoke(FunctionName="bare:$LATEST", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    assert b"Invalid Status in invocation output" in answer["Payload"].read()


def test_history_explains_what_suspended_an_execution_and_what_resumed_it(
    server: Server, lambdas: Any
) -> None:
    name = f"told-{uuid.uuid4()}"
    arn = begin(lambdas, "add_wait_double", name=name, n=2)
    ended(lambdas, arn)
    said = [each["why"] for each in sandbox(server, "history")["deliveries"] if name in each["why"]]
    assert said == [
        f"durable execution {name} suspends: RUNNING, waits for wait pause",
        f"durable execution {name} resumes: wait pause is SUCCEEDED",
        f"durable execution {name} is over: SUCCEEDED",
    ]
    whys = [each["why"] for each in sandbox(server, "history")["invocations"] if name in each["why"]]
    assert f"durable execution {name} begins" in whys[0]
    assert f"durable execution {name} resumes: wait pause is SUCCEEDED" in whys[1]
