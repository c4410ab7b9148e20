"""An execution as its function, its API and EventBridge show it: in AWS's casing, timestamps as seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.durable import limits, tokens
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import (
    CALLBACK,
    CHAINED_INVOKE,
    CONTEXT,
    EXECUTION,
    PAUSED,
    PAUSING,
    STEP,
    SUCCEEDED,
    WAIT,
    Execution,
    HistoryEvent,
    Operation,
)

Answer = dict[str, Any]
Wall = Callable[[float], float]
# POLICY: the event of a replay holds up to 5 MB of a durable execution's history; the SDK fetches the rest with
# GetDurableExecutionState. AWS documents no number.
EVENT_BYTES = 5 * quotas.MIB
_TIMES = frozenset({"StartTimestamp", "EndTimestamp", "NextAttemptTimestamp", "ScheduledEndTimestamp"})
_DETAILS = {
    EXECUTION: "ExecutionDetails",
    CONTEXT: "ContextDetails",
    STEP: "StepDetails",
    WAIT: "WaitDetails",
    CALLBACK: "CallbackDetails",
    CHAINED_INVOKE: "ChainedInvokeDetails",
}


def event(machine: Machine, news: Sequence[str], wall: Wall) -> bytes:
    """Return what the function is invoked with: JSON, its timestamps in milliseconds as AWS sends them there."""
    shown, marker = page(replayed(machine), "", limits.PAGE_DEFAULT, wall)
    execution = machine.execution
    said = {
        "DurableExecutionArn": execution.arn,
        "CheckpointToken": tokens.checkpoint_token(execution.execution_id, execution.token),
        "InitialExecutionState": {
            "Operations": [_in_milliseconds(each) for each in shown],
            "NextMarker": marker,
        },
        "UpdatedOperationIds": list(news),
    }
    return json.dumps(said).encode()


def replayed(machine: Machine) -> Iterator[Operation]:
    """Yield the operations that a replay needs: none below a context that is over and can speak for them."""
    hidden: set[str] = set()
    for each in machine.operations.values():
        if each.parent_id in hidden:
            hidden.add(each.id)
            continue
        if each.type == CONTEXT and each.ended and not each.replay_children:
            hidden.add(each.id)
        yield each


def page(operations: Iterable[Operation], marker: str, longest: int, wall: Wall) -> tuple[list[Answer], str]:
    """Return a page of operations and the marker of the next one, empty for none. A marker is an operation's number."""
    after, last, size = int(marker or 0), 0, 0
    shown: list[Answer] = []
    for each in operations:
        if each.number <= after:
            continue
        size += sum(len(text) for text in (each.input, each.result) if text)
        if shown and (len(shown) == longest or size > EVENT_BYTES):
            return shown, str(last)
        shown.append(operation(each, wall))
        last = each.number
    return shown, ""


def operation(each: Operation, wall: Wall) -> Answer:
    """Return an operation as the model's ``Operation``. ``wall`` translates times for those who compare them with their own."""
    said: Answer = {
        "Id": each.id,
        "Type": each.type,
        "Status": each.status,
        "StartTimestamp": wall(each.started_at),
    }
    said |= _given(ParentId=each.parent_id, Name=each.name, SubType=each.sub_type)
    if each.ended_at:
        said["EndTimestamp"] = wall(each.ended_at)
    details: Answer = {}
    if each.type == EXECUTION:
        details["InputPayload"] = each.input
    elif each.type == WAIT:
        details["ScheduledEndTimestamp"] = wall(each.started_at + each.seconds)
    else:
        details |= {"Result": each.result} if each.result is not None else {}
        details |= {"Error": each.error} if each.error is not None else {}
    if each.type == STEP:
        details["Attempt"] = each.attempt
        if each.due_at:
            details["NextAttemptTimestamp"] = wall(each.due_at)
    if each.type == CALLBACK:
        details["CallbackId"] = each.callback_id
    if each.type == CONTEXT and each.replay_children:
        details["ReplayChildren"] = True
    said[_DETAILS[each.type]] = details
    return said


def _in_milliseconds(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: int(each * 1000) if name in _TIMES else _in_milliseconds(each) for name, each in value.items()
    }


def summary(execution: Execution) -> Answer:
    """Return an execution as ``ListDurableExecutionsByFunction`` shows it."""
    said: Answer = {
        "DurableExecutionArn": execution.arn,
        "DurableExecutionName": execution.name,
        "FunctionArn": f"{execution.function_arn}:{execution.version}",
        "Status": execution.status,
        "StartTimestamp": execution.started_at,
    }
    if execution.ended:
        said["EndTimestamp"] = execution.ended_at
    return said | _given(KMSKeyArn=execution.kms_key_arn)


def description(machine: Machine, with_data: bool) -> Answer:
    """Return an execution as ``GetDurableExecution`` shows it."""
    execution = machine.execution
    said = summary(execution)
    config: Answer = {
        "ExecutionTimeout": execution.timeout_s,
        "RetentionPeriodInDays": execution.retention_days,
    } | _given(KMSKeyArn=said.pop("KMSKeyArn", ""))
    said |= {"Version": execution.version, "DurableConfig": config, "ExecutionDataIncluded": with_data}
    if execution.trace_header:
        said["TraceHeader"] = {"XAmznTraceId": execution.trace_header}
    if with_data:
        said["InputPayload"] = execution.input
        if execution.status == SUCCEEDED and execution.result is not None:
            said["Result"] = execution.result
        if execution.error is not None:
            said["Error"] = execution.error
    if execution.status in (PAUSING, PAUSED):
        said["PauseDetails"] = _pause(execution, with_data)
    if not execution.ended:
        stands = execution.status == PAUSED and execution.pause_stops_timeout
        last = execution.started_at + quotas.DURABLE_LIFE_S
        said["ExpectedExecutionTimeoutTimestamp"] = last if stands else machine.times_out_at
    return said


def _pause(execution: Execution, with_data: bool) -> Answer:
    said: Answer = {
        "PauseRequestTimestamp": execution.pause_requested_at,
        "ExecutionTimeoutPaused": execution.pause_stops_timeout,
    }
    return said | (_given(Reason=execution.pause_reason) if with_data else {})


def history_event(each: HistoryEvent, with_data: bool) -> Answer:
    """Return one event of ``GetDurableExecutionHistory``."""
    said: Answer = {"EventType": each.type, "EventId": each.event_id, "EventTimestamp": each.at}
    said |= _given(Id=each.operation_id, Name=each.name, ParentId=each.parent_id, SubType=each.sub_type)
    return said | {name: value if with_data else _without_data(value) for name, value in each.details.items()}


def _without_data(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "Payload" in value:
        return {"Truncated": True}
    return {name: _without_data(each) for name, each in value.items()}


def _given(**members: str) -> Answer:
    """Leave out what is empty."""
    return {name: value for name, value in members.items() if value}


def status_event(execution: Execution, event_id: str, wall: Wall) -> Answer:
    """Return the event that EventBridge gets when an execution has begun or ended.

    Source: AWS Lambda Developer Guide, "Monitoring durable functions", "Durable execution status change events", read 2026-11.
    """
    detail = {
        "durableExecutionArn": execution.arn,
        "durableExecutionName": execution.name,
        "functionArn": f"{execution.function_arn}:{execution.version}",
        "status": execution.status,
        "startTimestamp": _iso(wall(execution.started_at), "milliseconds"),
    }
    if execution.ended:
        detail["endTimestamp"] = _iso(wall(execution.ended_at), "milliseconds")
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Durable Execution Status Change",
        "source": "aws.lambda",
        "account": execution.account_id,
        "time": _iso(wall(execution.ended_at or execution.started_at), "seconds"),
        "region": execution.region,
        "resources": [],
        "detail": detail,
    }


def _iso(moment: float, precision: str) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
