"""What a checkpoint does: its updates, all of them or none, applied to one execution."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.durable import limits, outcomes, tokens
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import (
    CALLBACK,
    CANCELLED,
    CHAINED_INVOKE,
    CONTEXT,
    EXECUTION,
    FAILED,
    PENDING,
    STARTED,
    STEP,
    SUCCEEDED,
    WAIT,
    Error,
    Operation,
)
from lambda_sandbox.errors import InvalidParameterValueException

Update = Mapping[str, Any]
# UNCONFIRMED: that callbacks and chained invokes may be cancelled; the model has the action for every type.
_ACTIONS = {
    EXECUTION: ("SUCCEED", "FAIL"),
    CONTEXT: ("START", "SUCCEED", "FAIL"),
    STEP: ("START", "SUCCEED", "FAIL", "RETRY"),
    WAIT: ("START", "CANCEL"),
    CALLBACK: ("START", "CANCEL"),
    CHAINED_INVOKE: ("START", "CANCEL"),
}
_LIMIT = "DurableExecutionLimitExceeded"  # UNCONFIRMED


class _LimitExceeded(Exception):
    """A quota of the execution is used up: it fails."""


def checkpoint(machine: Machine, token: str, updates: Iterable[Update], now: float) -> bool:
    """Apply ``updates``; return whether the invocation may go on, with a new token.

    It may not where the execution has ended by them, used up a quota, or was paused. Raises
    ``InvalidParameterValueException``, and then nothing has changed.
    """
    check_token(machine, token)
    machine.refuse_unless_running()
    execution = machine.execution
    updates = list(updates)
    saved = _Saved(machine, updates)
    try:
        for update in updates:
            _apply(machine, update, now)
    except _LimitExceeded as limit:
        saved.restore()
        machine.end(FAILED, now, error={"ErrorType": _LIMIT, "ErrorMessage": str(limit)})
    except InvalidParameterValueException:
        saved.restore()
        raise
    execution.token += 1
    execution.told = execution.changes
    return not execution.ended and not machine.reach_checkpoint(now)


def check_token(machine: Machine, token: str) -> None:
    """Raises ``InvalidParameterValueException`` for a token that is not the newest one."""
    execution = machine.execution
    if token != tokens.checkpoint_token(execution.execution_id, execution.token):
        raise tokens.stale_token()


class _Saved:
    """An execution as it was before a checkpoint."""

    def __init__(self, machine: Machine, updates: Iterable[Update]) -> None:
        self._machine = machine
        self._execution = copy.copy(machine.execution)
        named = {update["Id"] for update in updates} | {machine.execution.execution_id}
        self._operations = {
            each: copy.copy(machine.operations[each]) for each in named if each in machine.operations
        }
        self._names = set(machine.operations)
        self._events = len(machine.events)

    def restore(self) -> None:
        machine = self._machine
        _set(machine.execution, self._execution)
        for name, operation in self._operations.items():
            _set(machine.operations[name], operation)
        for name in set(machine.operations) - self._names:
            machine.forget(name)
        del machine.events[self._events :]


def _set(struct: Any, saved: Any) -> None:
    for name in struct.__struct_fields__:
        setattr(struct, name, getattr(saved, name))


def _apply(machine: Machine, update: Update, now: float) -> None:
    kind, action = update["Type"], update["Action"]
    if action not in _ACTIONS[kind]:
        raise InvalidParameterValueException(f"Invalid {kind} action: {action}")
    _check_sizes(machine, update)
    if kind == EXECUTION:
        _end(machine, update, now)
        return
    operation = machine.operations.get(update["Id"])
    if operation is not None and operation.type != kind:
        raise InvalidParameterValueException(
            f"Inconsistent operation type: {operation.id} is {operation.type}"
        )
    if operation is not None and operation.ended:
        raise InvalidParameterValueException(f"Operation {operation.id} is already {operation.status}")
    if operation is None:
        operation = _new(machine, update, now)
    _APPLIES[kind](machine, operation, update, now)


def _new(machine: Machine, update: Update, now: float) -> Operation:
    if update["Type"] in (WAIT, CALLBACK, CHAINED_INVOKE) and update["Action"] != "START":
        raise InvalidParameterValueException(f"Operation {update['Id']} has not started")
    parent = update.get("ParentId")
    if parent and (parent not in machine.operations or machine.operations[parent].type != CONTEXT):
        raise InvalidParameterValueException(f"Invalid parent operation id: {parent}")
    if len(machine.operations) > quotas.DURABLE_OPERATIONS:  # the execution itself is one of them
        raise _LimitExceeded(f"The execution has more than {quotas.DURABLE_OPERATIONS} operations.")
    return machine.add(
        update["Id"],
        update["Type"],
        now,
        parent_id=parent or "",
        name=update.get("Name") or "",
        sub_type=update.get("SubType") or "",
    )


def _check_sizes(machine: Machine, update: Update) -> None:
    payload, error = update.get("Payload"), update.get("Error")
    limit = quotas.DURABLE_PAYLOAD_BYTES
    if update["Type"] == EXECUTION and machine.execution.synchronous:
        limit = limits.SYNC_RESULT_BYTES
    # UNCONFIRMED: wording of both
    if outcomes.size(payload, None) > limit:
        raise InvalidParameterValueException(f"{update['Type']} payload must be at most {limit} bytes.")
    if outcomes.size(None, error) > quotas.DURABLE_PAYLOAD_BYTES:
        raise InvalidParameterValueException(
            f"Error object must be at most {quotas.DURABLE_PAYLOAD_BYTES} bytes."
        )
    if update["Type"] == EXECUTION:
        return  # counted by its end
    written = outcomes.size(payload, error)
    if machine.execution.bytes_written + written > quotas.DURABLE_BYTES:
        raise _LimitExceeded(f"The execution has written more than {quotas.DURABLE_BYTES} bytes.")
    machine.bill(0, written)


def _end(machine: Machine, update: Update, now: float) -> None:
    if update["Action"] == "SUCCEED":
        machine.end(SUCCEEDED, now, result=update.get("Payload"))
    else:
        machine.end(FAILED, now, error=update.get("Error") or {})


def _context(machine: Machine, operation: Operation, update: Update, now: float) -> None:
    if update["Action"] == "START":
        machine.record("ContextStarted", now, operation, ContextStartedDetails={})
        return
    options = update.get("ContextOptions") or {}
    operation.replay_children = bool(options.get("ReplayChildren"))
    machine.bill(1, 0)
    _finish(machine, operation, update, now, "Context")


def _step(machine: Machine, operation: Operation, update: Update, now: float) -> None:
    action = update["Action"]
    if action == "START":
        if operation.status == PENDING:
            raise InvalidParameterValueException(f"Step {operation.id} is not to be tried again yet")
        operation.status = STARTED
        machine.touch(operation)
        machine.record("StepStarted", now, operation, StepStartedDetails={})
        return
    machine.bill(1, 0)
    retry = {"CurrentAttempt": operation.attempt + 1}
    if action != "RETRY":
        _finish(machine, operation, update, now, "Step", RetryDetails=retry)
        return
    # AWS: `Attempt` counts the attempts that are over; a payload is what the next one begins with.
    delay = (update.get("StepOptions") or {}).get("NextAttemptDelaySeconds", 1)
    operation.status, operation.seconds, operation.due_at = PENDING, delay, now + delay
    operation.attempt += 1
    operation.result, operation.error = update.get("Payload"), update.get("Error")
    machine.touch(operation)
    retry["NextAttemptDelaySeconds"] = delay
    error = _payload(update.get("Error") or {})
    machine.record("StepFailed", now, operation, StepFailedDetails={"Error": error, "RetryDetails": retry})


def _wait(machine: Machine, operation: Operation, update: Update, now: float) -> None:
    if update["Action"] == "CANCEL":
        _cancel(machine, operation, now)
        error = _payload(update.get("Error") or {})
        machine.record("WaitCancelled", now, operation, WaitCancelledDetails={"Error": error})
        return
    _refuse_second_start(operation)
    operation.seconds = (update.get("WaitOptions") or {}).get("WaitSeconds", 1)
    operation.due_at = now + operation.seconds
    machine.bill(1, 0)
    details = {"Duration": operation.seconds, "ScheduledEndTimestamp": operation.due_at}
    machine.record("WaitStarted", now, operation, WaitStartedDetails=details)


def _callback(machine: Machine, operation: Operation, update: Update, now: float) -> None:
    if update["Action"] == "CANCEL":
        _cancel(machine, operation, now)
        return
    _refuse_second_start(operation)
    options = update.get("CallbackOptions") or {}
    operation.callback_id = tokens.callback_id(machine.execution.arn, operation.id)
    operation.seconds = options.get("TimeoutSeconds") or 0
    operation.heartbeat_s, operation.beat_at = options.get("HeartbeatTimeoutSeconds") or 0, now
    operation.due_at = now + operation.seconds if operation.seconds else 0.0
    machine.bill(1, 0)
    details = {
        "CallbackId": operation.callback_id,
        "Timeout": operation.seconds,
        "HeartbeatTimeout": operation.heartbeat_s,
    }
    machine.record("CallbackStarted", now, operation, CallbackStartedDetails=details)


def _chained_invoke(machine: Machine, operation: Operation, update: Update, now: float) -> None:
    if update["Action"] == "CANCEL":
        _cancel(machine, operation, now)
        return
    _refuse_second_start(operation)
    options = update.get("ChainedInvokeOptions") or {}
    if not options.get("FunctionName"):
        raise InvalidParameterValueException("ChainedInvokeOptions.FunctionName is required")
    operation.target = options["FunctionName"]
    operation.tenant_id = options.get("TenantId") or ""
    operation.trace_header = options.get("XAmznTraceId") or ""
    operation.input = update.get("Payload")
    machine.bill(1, 0)
    details: dict[str, Any] = {
        "FunctionName": operation.target,
        "Input": {"Payload": operation.input or ""},
    }
    if operation.tenant_id:
        details["TenantId"] = operation.tenant_id
    machine.record("ChainedInvokeStarted", now, operation, ChainedInvokeStartedDetails=details)


_APPLIES: dict[str, Callable[[Machine, Operation, Update, float], None]] = {
    CONTEXT: _context,
    STEP: _step,
    WAIT: _wait,
    CALLBACK: _callback,
    CHAINED_INVOKE: _chained_invoke,
}


def _finish(
    machine: Machine, operation: Operation, update: Update, now: float, noun: str, **details: Any
) -> None:
    """End an operation that the function's own code ran."""
    if update["Action"] == "SUCCEED":
        machine.finish(operation, SUCCEEDED, now, result=update.get("Payload"))
        told = details | {"Result": _payload(update.get("Payload") or "")}
        machine.record(f"{noun}Succeeded", now, operation, **{f"{noun}SucceededDetails": told})
    else:
        error: Error = update.get("Error") or {}
        machine.finish(operation, FAILED, now, error=error)
        told = details | {"Error": _payload(error)}
        machine.record(f"{noun}Failed", now, operation, **{f"{noun}FailedDetails": told})


def _cancel(machine: Machine, operation: Operation, now: float) -> None:
    machine.finish(operation, CANCELLED, now)


def _refuse_second_start(operation: Operation) -> None:
    if operation.seconds or operation.callback_id or operation.target:
        raise InvalidParameterValueException(f"Operation {operation.id} has already started")


def _payload(value: Any) -> dict[str, Any]:
    return {"Payload": value}
