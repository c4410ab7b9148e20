"""What a runtime may ask of an execution: tokens in their order, all of a checkpoint or nothing, quotas; and the bill."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from lambda_sandbox import quotas
from tests.contract.conftest import Server
from tests.contract.durable_stage import CONFIG, begin, do, ended, events, refusal, sandbox, until
from tests.contract.durable_stage import lambdas as lambdas  # the same functions

# A runtime that does nothing but say what it was given: the test speaks for it.
MUTE = """
import json, time

def handler(event, context):
    print("EVENT " + json.dumps(event))
    time.sleep(60)
"""


def taken(server: Server, name: str) -> Any:
    """Return the durable event that the mute function got."""

    def look() -> Any:
        said = [each["message"] for each in sandbox(server, f"logs?function={name}")["events"]]
        found = [each.partition("EVENT ")[2] for each in said if "EVENT " in each]
        return json.loads(found[-1]) if found else None

    return until(look)


def held(server: Server, lambdas: Any, name: str, **config: Any) -> tuple[str, Any]:
    """Start an execution whose invocation is under way and leaves the talking to the test."""
    server.deploy(name, MUTE, Timeout=60, DurableConfig=CONFIG | config)
    return begin(lambdas, "nothing", function=name), taken(server, name)


def step(number: int, **members: Any) -> dict[str, Any]:
    return {"Id": f"s{number}", "Type": "STEP", "Action": "SUCCEED", "Payload": "1", **members}


def test_the_function_gets_its_arn_a_token_and_its_input(server: Server, lambdas: Any) -> None:
    arn, event = held(server, lambdas, "given")
    assert event["DurableExecutionArn"] == arn
    [root] = event["InitialExecutionState"]["Operations"]
    assert root["Id"] == arn.rpartition("/")[2]
    assert (root["Type"], root["Status"]) == ("EXECUTION", "STARTED")
    assert root["ExecutionDetails"] == {"InputPayload": json.dumps({"do": "nothing"})}
    assert isinstance(root["StartTimestamp"], int)
    assert event["InitialExecutionState"]["NextMarker"] == ""


def test_a_token_is_good_for_one_checkpoint(server: Server, lambdas: Any) -> None:
    arn, event = held(server, lambdas, "ordered")
    stale = event["CheckpointToken"]
    answer = lambdas.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=stale, Updates=[step(1)], ClientToken="once"
    )
    [made] = answer["NewExecutionState"]["Operations"]
    assert (made["Id"], made["Status"], made["StepDetails"]["Result"]) == ("s1", "SUCCEEDED", "1")
    repeated = lambdas.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=stale, Updates=[step(1)], ClientToken="once"
    )
    assert repeated["CheckpointToken"] == answer["CheckpointToken"]
    call = {"DurableExecutionArn": arn, "CheckpointToken": stale}
    late = refusal(lambda: lambdas.checkpoint_durable_execution(**call, Updates=[step(2)]))
    assert late == ("InvalidParameterValueException", "Invalid checkpoint token")
    assert refusal(lambda: lambdas.get_durable_execution_state(**call)) == late
    state = lambdas.get_durable_execution_state(
        DurableExecutionArn=arn, CheckpointToken=answer["CheckpointToken"], MaxItems=1
    )
    assert [each["Type"] for each in state["Operations"]] == ["EXECUTION"]
    rest = lambdas.get_durable_execution_state(
        DurableExecutionArn=arn, CheckpointToken=answer["CheckpointToken"], Marker=state["NextMarker"]
    )
    assert [each["Id"] for each in rest["Operations"]] == ["s1"]
    assert "NextMarker" not in rest


@pytest.mark.parametrize(
    "wrong",
    [
        step(1),
        step(2, ParentId="nobody"),
        step(2, Action="CANCEL"),
        {"Id": "w", "Type": "WAIT", "Action": "CANCEL"},
        {"Id": "s1", "Type": "WAIT", "Action": "START"},
        step(2, Payload="x" * (quotas.DURABLE_PAYLOAD_BYTES + 1)),
        step(
            2, Action="FAIL", Payload=None, Error={"ErrorMessage": "x" * (quotas.DURABLE_PAYLOAD_BYTES + 1)}
        ),
        {"Id": "i", "Type": "CHAINED_INVOKE", "Action": "START"},
    ],
    ids=[
        "of a step that is over",
        "below no context",
        "that steps do not know",
        "of a wait that never began",
        "of another type",
        "with too large a payload",
        "with too large an error",
        "of an invoke without a function",
    ],
)
def test_a_wrong_update_takes_its_whole_checkpoint_with_it(
    server: Server, lambdas: Any, wrong: dict[str, Any]
) -> None:
    arn, event = held(server, lambdas, f"atomic-{uuid4()}")
    wrong = {name: value for name, value in wrong.items() if value is not None}
    first = lambdas.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=event["CheckpointToken"], Updates=[step(1)]
    )
    call = {"DurableExecutionArn": arn, "CheckpointToken": first["CheckpointToken"]}
    code, _ = refusal(lambda: lambdas.checkpoint_durable_execution(**call, Updates=[step(9), wrong]))
    assert code == "InvalidParameterValueException"
    state = lambdas.get_durable_execution_state(**call)
    assert [each["Id"] for each in state["Operations"][1:]] == ["s1"]
    assert [each["EventType"] for each in events(lambdas, arn)] == ["ExecutionStarted", "StepSucceeded"]


def test_the_operation_above_the_quota_fails_the_execution(server: Server, lambdas: Any) -> None:
    arn, event = held(server, lambdas, "busy")
    call = {"DurableExecutionArn": arn}
    most = [step(number) for number in range(quotas.DURABLE_OPERATIONS)]
    full = lambdas.checkpoint_durable_execution(
        **call, CheckpointToken=event["CheckpointToken"], Updates=most
    )
    over = lambdas.checkpoint_durable_execution(
        **call, CheckpointToken=full["CheckpointToken"], Updates=[step(quotas.DURABLE_OPERATIONS)]
    )
    assert "CheckpointToken" not in over
    found = ended(lambdas, arn)
    assert found["Status"] == "FAILED"
    assert str(quotas.DURABLE_OPERATIONS) in found["Error"]["ErrorMessage"]


def test_pausing_ends_an_invocation_at_its_next_checkpoint(server: Server, lambdas: Any) -> None:
    arn, event = held(server, lambdas, "halting")
    lambdas.pause_durable_execution(DurableExecutionArn=arn)
    assert lambdas.get_durable_execution(DurableExecutionArn=arn)["Status"] == "PAUSING"
    answer = lambdas.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=event["CheckpointToken"], Updates=[step(1)]
    )
    assert "CheckpointToken" not in answer
    found = lambdas.get_durable_execution(DurableExecutionArn=arn)
    assert found["Status"] == "PAUSED"
    assert found["PauseDetails"]["ExecutionTimeoutPaused"] is True


def test_an_end_by_checkpoint_counts_and_nothing_comes_after_it(server: Server, lambdas: Any) -> None:
    arn, event = held(server, lambdas, "final")
    done = {"Id": arn.rpartition("/")[2], "Type": "EXECUTION", "Action": "SUCCEED", "Payload": '"all"'}
    answer = lambdas.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=event["CheckpointToken"], Updates=[done]
    )
    assert "CheckpointToken" not in answer
    found = lambdas.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Result"]) == ("SUCCEEDED", '"all"')


@pytest.mark.parametrize(
    "callback", ["YWJj", "YQBi"], ids=["that is none", "of an execution that there is not"]
)
def test_a_callback_is_unknown(lambdas: Any, callback: str) -> None:
    code, _ = refusal(lambda: lambdas.send_durable_execution_callback_heartbeat(CallbackId=callback))
    assert code in ("InvalidParameterValueException", "ResourceNotFoundException")


def test_the_bill_has_operations_and_data_and_no_duration_for_waiting(server: Server, lambdas: Any) -> None:
    server.deploy("billed", _WAITING, Timeout=30, MemorySize=1769, DurableConfig=CONFIG)
    answer = lambdas.invoke(FunctionName="billed:$LATEST", Payload=b'{"order": 7}')
    assert answer["Payload"].read() == b'"ok"'
    bill = sandbox(server, "bill")
    [row] = [each for each in bill["durable"]["rows"] if each["function_name"] == "billed"]
    # The execution's start, its one step and its wait.
    assert (row["executions"], row["operations"]) == (1, 3)
    written = len('{"order": 7}') + len('"ok"') + len('"ok"')
    assert row["written_gb"] == pytest.approx(written / 1024**3)
    assert [each["meter"] for each in row["charges"]][:2] == ["Durable operations", "Durable data written"]
    assert row["charges"][0]["usd"] == pytest.approx(3 * 8e-06)
    invocations = [each for each in bill["rows"] if each["function_name"] == "billed"]
    assert len(invocations) == 2
    assert all(each["duration_ms"] < 3_000 for each in invocations)
    [function] = [each for each in bill["all"]["functions"] if each["name"] == "billed"]
    own = sum(each["total_usd"] for each in invocations)
    assert float(function["lambda_usd"]) == pytest.approx(own + float(row["total_usd"]))


_WAITING = """
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration

@durable_execution
def handler(event, context):
    said = context.step(lambda _: "ok", name="one")
    context.wait(Duration.from_seconds(3), name="long")
    return said
"""


def test_nothing_of_an_execution_is_billed_twice(server: Server, lambdas: Any) -> None:
    before = _operations(server)
    do(lambdas, "only_answer", Status="x")
    assert _operations(server) == before + 1


def _operations(server: Server) -> int:
    rows = sandbox(server, "bill")["durable"]["rows"]
    return sum(each["operations"] for each in rows if each["function_name"] == "work")
