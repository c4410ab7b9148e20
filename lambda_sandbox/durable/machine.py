"""One durable execution: signals and the time go in, and it knows what it needs. No I/O, no clock of its own.

After each signal its driver keeps what changed (``take_changes``), starts what ``chained`` and ``wants_invocation`` name, and
comes back at ``next_due``. Nothing else is remembered anywhere, so an execution that was read from disk goes on the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.durable import outcomes
from lambda_sandbox.durable.states import (
    CALLBACK,
    CHAINED_INVOKE,
    EXECUTION,
    FAILED,
    PAUSED,
    PAUSING,
    PENDING,
    READY,
    RUNNING,
    STARTED,
    STEP,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    WAIT,
    Error,
    Execution,
    HistoryEvent,
    Operation,
)
from lambda_sandbox.errors import InvalidParameterValueException, ResourceConflictException

# POLICY: a durable execution fails when its function's invocations have failed more than five times in a row. AWS documents that
# they are tried again, not how often; its own local runner gives up after five.
FAILURES_IN_A_ROW = 5
_RETRY_S = (1.0, 16.0)
_THROTTLE_S = (1.0, 60.0)
# How an end is called in the types of history's events.
_WORDS = {SUCCEEDED: "Succeeded", FAILED: "Failed", TIMED_OUT: "TimedOut", STOPPED: "Stopped"}


class Machine:
    """``operations`` are in the order of their starts. Every method's ``now`` is seconds on the waiting clock."""

    def __init__(
        self,
        execution: Execution,
        operations: Iterable[Operation] = (),
        events: Iterable[HistoryEvent] = (),
    ) -> None:
        self.execution = execution
        self.operations: dict[str, Operation] = {each.id: each for each in operations}
        self.events: list[HistoryEvent] = list(events)
        self._changed: dict[str, Operation] = {}
        self._kept_events = len(self.events)

    # --- what it needs -------------------------------------------------------------------------------

    def wants_invocation(self, now: float) -> bool:
        """Whether the function is to be invoked now: nothing runs, and there is something that it has not heard of."""
        execution = self.execution
        if execution.status != RUNNING or execution.invocation or now < execution.retry_at:
            return False
        return execution.interrupted or self._unheard()

    def chained(self) -> list[Operation]:
        """Return the chained invokes that are under way."""
        if self.execution.ended:
            return []
        return [each for each in self.operations.values() if each.type == CHAINED_INVOKE and not each.ended]

    def next_due(self) -> float | None:
        """Return when time alone changes something, ``None`` for never."""
        execution = self.execution
        if execution.ended:
            return self.forgotten_at
        moments = [moment for each in self.operations.values() for moment in _moments(each)]
        if not self._clock_stands():
            moments.append(self.times_out_at)
        moments.append(execution.started_at + quotas.DURABLE_LIFE_S)
        if execution.retry_at and execution.status == RUNNING:
            moments.append(execution.retry_at)
        return min(moments)

    @property
    def times_out_at(self) -> float:
        """When the execution times out as things are."""
        execution = self.execution
        return execution.started_at + execution.timeout_s + execution.paused_s

    @property
    def forgotten_at(self) -> float:
        """When the retention of an execution that has ended is over."""
        return self.execution.ended_at + self.execution.retention_days * 86_400.0

    def waits_for(self) -> str:
        """Return in words what a suspended execution waits for."""
        pending = [each for each in self.operations.values() if each.pending]
        return ", ".join(each.title for each in pending[:3]) + (" and more" if len(pending) > 3 else "")

    def woken_by(self) -> str:
        """Return in words why the next invocation comes."""
        execution = self.execution
        if not execution.invocations:
            return "begins"
        if execution.failures:
            return f"is tried again after {execution.failures} failed invocations in a row"
        new = [each for each in self.operations.values() if each.outside > execution.heard]
        return (
            "resumes: " + ", ".join(f"{each.title} is {each.status}" for each in new[:3])
            if new
            else "goes on"
        )

    # --- its life ------------------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        execution = self.execution
        self.add(execution.execution_id, EXECUTION, now, input=execution.input, name=execution.name)
        self.bill(1, len(execution.input.encode()))
        started = {"Input": {"Payload": execution.input}, "ExecutionTimeout": execution.timeout_s}
        self.record("ExecutionStarted", now, None, ExecutionStartedDetails=started)

    def advance(self, now: float) -> None:
        """Let everything happen that was due."""
        execution = self.execution
        if execution.ended:
            return
        for each in self.operations.values():
            if any(moment <= now for moment in _moments(each)):
                self._due(each, now)
        over = not self._clock_stands() and self.times_out_at <= now
        if over or execution.started_at + quotas.DURABLE_LIFE_S <= now:
            # UNCONFIRMED: type and wording
            error = {
                "ErrorType": "Execution.Timeout",
                "ErrorMessage": f"Execution timed out after {execution.timeout_s} seconds",
            }
            self.end(TIMED_OUT, now, error=error)

    def _due(self, operation: Operation, now: float) -> None:
        if operation.type == WAIT:
            self.finish(operation, SUCCEEDED, now, outside=True)
            self.record("WaitSucceeded", now, operation, WaitSucceededDetails={"Duration": operation.seconds})
        elif operation.type == STEP:
            operation.status, operation.due_at = READY, 0.0
            self.touch(operation, outside=True)
        else:
            beat = not operation.due_at or now < operation.due_at
            kind, what = ("Heartbeat", "heartbeat") if beat else ("Timeout", "callback")
            seconds = operation.heartbeat_s if beat else operation.seconds
            # UNCONFIRMED: wording
            error = {
                "ErrorType": f"Callback.{kind}",
                "ErrorMessage": f"No {what} within {seconds} seconds",
            }
            self.finish(operation, TIMED_OUT, now, error=error, outside=True)
            self.record("CallbackTimedOut", now, operation, CallbackTimedOutDetails=_error(error))

    def end(self, status: str, now: float, result: str | None = None, error: Error | None = None) -> None:
        """End the execution; the first end counts."""
        execution = self.execution
        if execution.ended:
            return
        execution.status, execution.ended_at = status, now
        execution.result, execution.error = result, error
        execution.retry_at = 0.0
        self.bill(0, outcomes.size(result, error))
        root = self.operations.get(execution.execution_id)
        if root is not None:
            root.status, root.ended_at = status, now
            self.touch(root)
        self._record_end("Execution", status, now, None, result, error)

    def recover(self) -> None:
        """The process that ran the execution is gone, and its invocation with it."""
        if self.execution.invocation:
            self.execution.invocation = ""
            self.execution.interrupted = True

    # --- invocations ---------------------------------------------------------------------------------

    def invocation_begins(self, request_id: str, now: float) -> list[str]:
        """The function is invoked with all that happened; return the ids of the operations that are news to it."""
        execution = self.execution
        news = [each.id for each in self.operations.values() if each.outside > execution.heard]
        execution.invocation, execution.invocation_started_at = request_id, now
        execution.invocations += 1
        execution.token += 1
        execution.told = execution.heard = execution.changes
        execution.interrupted, execution.retry_at = False, 0.0
        return news

    def invocation_throttled(self, now: float) -> None:
        """There was no room for the invocation: nothing ran, and it is tried again."""
        execution = self.execution
        execution.invocation, execution.interrupted = "", True
        execution.throttles += 1
        execution.retry_at = now + _wait_s(execution.throttles, _THROTTLE_S)

    def invocation_ended(self, request_id: str, answer: bytes, failed: bool, now: float) -> None:
        """The invocation is over. ``answer`` is what the function returned, or where it ``failed`` the error's JSON."""
        execution = self.execution
        if execution.invocation != request_id:
            return
        execution.invocation, execution.throttles = "", 0
        error = outcomes.function_error(answer) if failed else None
        self._record_invocation(request_id, error, now)
        if execution.ended:
            return
        if error is not None:
            self._failed(error, now)
            return
        try:
            outcome = outcomes.read(answer, execution.synchronous)
        except outcomes.Unreadable as problem:
            self.end(FAILED, now, error=problem.error)
            return
        if outcome.status == PENDING:
            self._suspend(now)
        else:
            self.end(outcome.status, now, outcome.result, outcome.error)

    def _failed(self, error: Error, now: float) -> None:
        execution = self.execution
        execution.failures += 1
        if execution.failures > FAILURES_IN_A_ROW:
            self.end(FAILED, now, error=error)
            return
        execution.interrupted = True
        execution.retry_at = now + _wait_s(execution.failures, _RETRY_S)
        self._pause_if_asked(now)

    def _suspend(self, now: float) -> None:
        execution = self.execution
        execution.failures = 0
        self._pause_if_asked(now)
        waits = any(each.pending for each in self.operations.values())
        if waits or self._unheard() or execution.interrupted:
            return
        error = {
            "ErrorType": "InvalidParameterValueException",
            "ErrorMessage": "Cannot return PENDING status with no pending operations.",
        }
        self.end(FAILED, now, error=error)

    def _record_invocation(self, request_id: str, error: Error | None, now: float) -> None:
        details: dict[str, Any] = {
            "StartTimestamp": self.execution.invocation_started_at,
            "EndTimestamp": now,
            "RequestId": request_id,
        }
        if error is not None:
            details |= _error(error)
        self.record("InvocationCompleted", now, None, InvocationCompletedDetails=details)

    # --- from outside --------------------------------------------------------------------------------

    def callback(self, operation_id: str) -> Operation | None:
        """Return the callback if it still waits."""
        operation = self.operations.get(operation_id)
        open_ = operation is not None and operation.type == CALLBACK and not operation.ended
        return operation if open_ and not self.execution.ended else None

    def callback_succeeded(self, operation: Operation, result: str, now: float) -> None:
        self.bill(0, len(result.encode()))
        self.finish(operation, SUCCEEDED, now, result=result, outside=True)
        details = {"Result": {"Payload": result}}
        self.record("CallbackSucceeded", now, operation, CallbackSucceededDetails=details)

    def callback_failed(self, operation: Operation, error: Error, now: float) -> None:
        self.bill(0, outcomes.size(None, error))
        self.finish(operation, FAILED, now, error=error, outside=True)
        self.record("CallbackFailed", now, operation, CallbackFailedDetails=_error(error))

    def heartbeat(self, operation: Operation, now: float) -> None:
        operation.beat_at = now
        self._changed[operation.id] = operation

    def chained_ended(
        self,
        operation_id: str,
        status: str,
        now: float,
        result: str | None = None,
        error: Error | None = None,
    ) -> None:
        """A chained invoke is over; ``status`` is the word for how."""
        operation = self.operations.get(operation_id)
        if self.execution.ended or operation is None or operation.ended:
            return
        if outcomes.size(result, error) > quotas.DURABLE_PAYLOAD_BYTES:
            status, result, error = FAILED, None, outcomes.too_large("chained invoke's result")
        self.bill(0, outcomes.size(result, error))
        self.finish(operation, status, now, result=result, error=error, outside=True)
        self._record_end("ChainedInvoke", status, now, operation, result, error)

    def stop(self, error: Error, now: float) -> None:
        self.end(STOPPED, now, error=error)

    def pause(self, reason: str, stops_timeout: bool, now: float) -> None:
        """Raises ``ResourceConflictException`` for an execution that does not run."""
        execution = self.execution
        if execution.status != RUNNING:
            # UNCONFIRMED: wording
            raise ResourceConflictException(f"The execution is {execution.status} and cannot be paused.")
        execution.status, execution.pause_requested_at = PAUSING, now
        execution.pause_reason, execution.pause_stops_timeout = reason, stops_timeout
        if not execution.invocation:
            self._pause_if_asked(now)

    def _pause_if_asked(self, now: float) -> None:
        execution = self.execution
        if execution.status != PAUSING:
            return
        execution.status, execution.paused_at = PAUSED, now
        details = {
            "PauseRequestTimestamp": execution.pause_requested_at,
            "Reason": {"Payload": execution.pause_reason},
            "ExecutionTimeoutPaused": execution.pause_stops_timeout,
        }
        self.record("ExecutionPaused", now, None, ExecutionPausedDetails=details)

    def resume(self, reason: str, now: float) -> None:
        """Raises ``ResourceConflictException`` for an execution that is not paused."""
        execution = self.execution
        if execution.status not in (PAUSED, PAUSING):
            # UNCONFIRMED: wording
            raise ResourceConflictException(f"The execution is {execution.status} and cannot be resumed.")
        was_paused = execution.status == PAUSED
        execution.status = RUNNING
        if not was_paused:
            return
        if execution.pause_stops_timeout:
            execution.paused_s += now - execution.paused_at
        details = {"ResumeRequestTimestamp": now, "Reason": {"Payload": reason}}
        self.record("ExecutionResumed", now, None, ExecutionResumedDetails=details)

    def reach_checkpoint(self, now: float) -> bool:
        """Return whether the invocation under way ends here because the execution was paused."""
        if self.execution.status != PAUSING:
            return self.execution.status == PAUSED
        self.execution.interrupted = True
        self._pause_if_asked(now)
        return True

    # --- parts that updates use as well --------------------------------------------------------------

    def add(self, operation_id: str, kind: str, now: float, **fields: Any) -> Operation:
        execution = self.execution
        operation = Operation(
            account_id=execution.account_id,
            region=execution.region,
            function_name=execution.function_name,
            version=execution.version,
            execution_id=execution.execution_id,
            number=len(self.operations) + 1,
            id=operation_id,
            type=kind,
            status=STARTED,
            started_at=now,
            **fields,
        )
        self.operations[operation_id] = operation
        self.touch(operation)
        return operation

    def touch(self, operation: Operation, *, outside: bool = False) -> None:
        """Note that ``operation`` changed; ``outside``: not by the function itself, so that it must hear of it."""
        self.execution.changes += 1
        operation.changed = self.execution.changes
        if outside:
            operation.outside = operation.changed
        self._changed[operation.id] = operation

    def finish(
        self,
        operation: Operation,
        status: str,
        now: float,
        result: str | None = None,
        error: Error | None = None,
        *,
        outside: bool = False,
    ) -> None:
        operation.status, operation.ended_at, operation.due_at = status, now, 0.0
        operation.result, operation.error = result, error
        if status == SUCCEEDED:
            self.execution.failures = 0  # it gets on, however often its invocations end badly
        self.touch(operation, outside=outside)

    def bill(self, operations: int, written: int) -> None:
        self.execution.billed_operations += operations
        self.execution.bytes_written += written

    def record(
        self, kind: str, now: float, operation: Operation | None, **details: Mapping[str, Any]
    ) -> None:
        """Add an event to the history."""
        execution = self.execution
        about = operation or self.operations.get(execution.execution_id)
        self.events.append(
            HistoryEvent(
                account_id=execution.account_id,
                region=execution.region,
                function_name=execution.function_name,
                version=execution.version,
                execution_id=execution.execution_id,
                event_id=len(self.events) + 1,
                at=now,
                type=kind,
                operation_id=about.id if about is not None else "",
                name=about.name if about is not None else "",
                parent_id=operation.parent_id if operation is not None else "",
                sub_type=operation.sub_type if operation is not None else "",
                details=dict(details),
            )
        )

    def _record_end(
        self,
        noun: str,
        status: str,
        now: float,
        operation: Operation | None,
        result: str | None,
        error: Error | None,
    ) -> None:
        kind = noun + _WORDS[status]
        details = {"Result": {"Payload": result or ""}} if status == SUCCEEDED else _error(error or {})
        self.record(kind, now, operation, **{f"{kind}Details": details})

    def forget(self, operation_id: str) -> None:
        """Take back an operation that was added and is not kept yet."""
        del self.operations[operation_id]
        self._changed.pop(operation_id, None)

    def take_changes(self) -> tuple[list[Operation], list[HistoryEvent]]:
        """Return the operations and events that are not kept yet, and take them for kept."""
        operations, events = list(self._changed.values()), self.events[self._kept_events :]
        self._changed, self._kept_events = {}, len(self.events)
        return operations, events

    def refuse_unless_running(self) -> None:
        if self.execution.ended:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("Cannot checkpoint an execution that has ended")

    def _unheard(self) -> bool:
        """Whether something happened since the last invocation began.

        POLICY: a durable function may be invoked once more than on AWS, where a wait or a callback ended while it was running: a
        replay too many changes nothing, one too few would leave the execution waiting.
        """
        heard = self.execution.heard
        return any(each.outside > heard for each in self.operations.values())

    def _clock_stands(self) -> bool:
        return self.execution.status == PAUSED and self.execution.pause_stops_timeout


def _moments(operation: Operation) -> list[float]:
    """When time alone changes the operation."""
    if operation.ended:
        return []
    moments = [operation.due_at] if operation.due_at else []
    if operation.heartbeat_s:
        moments.append(operation.beat_at + operation.heartbeat_s)
    return moments


def _error(error: Error) -> dict[str, Any]:
    return {"Error": {"Payload": error}}


def _wait_s(times: int, wait: tuple[float, float]) -> float:
    return min(wait[0] * 2.0 ** min(times - 1, 20), wait[1])
