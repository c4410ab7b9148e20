"""The operations of the Lambda API on durable executions, answered on the event loop where the executions live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.drivers.durable import DurableExecutions
from lambda_sandbox.durable import answers, limits, outcomes, tokens, updates
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import Operation
from lambda_sandbox.errors import (
    CallbackTimeoutException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller

Params = Mapping[str, Any]
Answer = dict[str, Any]
_REMEMBERED = 10_000  # client tokens of checkpoints, pauses and resumes


class DurableApi:
    """``answer`` raises ``ApiError``."""

    def __init__(self, executions: DurableExecutions) -> None:
        self._executions = executions
        self._wall = executions.clock.wall
        self._answered: dict[tuple[str, str, str], tuple[float, str, Answer]] = {}
        self._operations: dict[str, Callable[[Params, Caller], Answer]] = {
            "GetDurableExecution": self._get,
            "GetDurableExecutionHistory": self._history,
            "GetDurableExecutionState": self._state,
            "CheckpointDurableExecution": self._checkpoint,
            "StopDurableExecution": self._stop,
            "PauseDurableExecution": self._pause,
            "ResumeDurableExecution": self._resume,
            "DeleteDurableExecution": self._delete,
            "SendDurableExecutionCallbackSuccess": self._succeed,
            "SendDurableExecutionCallbackFailure": self._fail,
            "SendDurableExecutionCallbackHeartbeat": self._heartbeat,
            "ListDurableExecutionsByFunction": self._list,
        }

    def answer(self, operation: str, params: Params, caller: Caller) -> Answer:
        return self._operations[operation](params, caller)

    # --- for those who look --------------------------------------------------------------------------

    def _get(self, params: Params, caller: Caller) -> Answer:
        return answers.description(self._found(params, caller), _with_data(params))

    def _history(self, params: Params, caller: Caller) -> Answer:
        machine, after = self._found(params, caller), _number(params.get("Marker"))
        events = machine.events[::-1] if params.get("ReverseOrder") else machine.events
        chosen = list(islice(events, after, after + _size(params)))
        with_data = _with_data(params)
        answer: Answer = {"Events": [answers.history_event(each, with_data) for each in chosen]}
        if after + len(chosen) < len(events):
            answer["NextMarker"] = str(after + len(chosen))
        return answer

    def _list(self, params: Params, caller: Caller) -> Answer:
        """``FunctionName`` is the function's ARN and ``Qualifier`` a version here: the control plane has looked them up."""
        found = [each.execution for each in self._executions.of_function(params["FunctionName"])]
        wanted = [
            each
            for each in found
            if _is(params.get("Qualifier"), each.version)
            and _is(params.get("DurableExecutionName"), each.name)
            and each.status in (params.get("Statuses") or (each.status,))
            and each.started_at > params.get("StartedAfter", 0.0)
            and each.started_at < params.get("StartedBefore", float("inf"))
        ]
        # AWS: the newest comes first, and in reverse order the oldest.
        wanted.sort(key=lambda each: each.started_at, reverse=not params.get("ReverseOrder"))
        after = _number(params.get("Marker"))
        shown = wanted[after : after + _size(params)]
        answer: Answer = {"DurableExecutions": [answers.summary(each) for each in shown]}
        if after + len(shown) < len(wanted):
            answer["NextMarker"] = str(after + len(shown))
        return answer

    # --- for the function's runtime ------------------------------------------------------------------

    def _checkpoint(self, params: Params, caller: Caller) -> Answer:
        machine, token = self._runtimes(params, caller), params["CheckpointToken"]
        given = params.get("ClientToken") or ""
        known = self._remembered(machine, "checkpoint", given)
        if known is not None and known[1] == token:
            return known[2]
        before = machine.execution.told
        now = self._executions.clock.now()
        goes_on = updates.checkpoint(machine, token, params.get("Updates") or (), now)
        execution = machine.execution
        changed = (each for each in machine.operations.values() if each.changed > before)
        shown, marker = answers.page(changed, "", limits.PAGE_MAX, self._wall)
        answer: Answer = {"NewExecutionState": {"Operations": shown}}
        if marker:
            answer["NewExecutionState"]["NextMarker"] = marker
        if goes_on:
            answer["CheckpointToken"] = tokens.checkpoint_token(execution.execution_id, execution.token)
        self._remember(machine, "checkpoint", given, token, answer)
        self._executions.settle(machine)
        return answer

    def _state(self, params: Params, caller: Caller) -> Answer:
        machine = self._runtimes(params, caller)
        updates.check_token(machine, params["CheckpointToken"])
        _number(params.get("Marker"))
        found = answers.page(answers.replayed(machine), params.get("Marker") or "", _size(params), self._wall)
        answer: Answer = {"Operations": found[0]}
        return answer | ({"NextMarker": found[1]} if found[1] else {})

    # --- for those who change ------------------------------------------------------------------------

    def _stop(self, params: Params, caller: Caller) -> Answer:
        machine, error = self._found(params, caller), params.get("Error") or {}
        _check_error(error)
        if not machine.execution.ended:
            machine.stop(error, self._executions.clock.now())
            self._executions.settle(machine)
        return {"StopTimestamp": machine.execution.ended_at}

    def _pause(self, params: Params, caller: Caller) -> Answer:
        machine, given = self._found(params, caller), params.get("ClientToken") or ""
        if self._remembered(machine, "pause", given) is None:
            stops = params.get("ExecutionTimeoutPaused")
            now = self._executions.clock.now()
            machine.pause(params.get("Reason") or "", True if stops is None else bool(stops), now)
            self._remember(machine, "pause", given, "", {})
            self._executions.settle(machine)
        return {}

    def _resume(self, params: Params, caller: Caller) -> Answer:
        machine, given = self._found(params, caller), params.get("ClientToken") or ""
        if self._remembered(machine, "resume", given) is None:
            machine.resume(params.get("Reason") or "", self._executions.clock.now())
            self._remember(machine, "resume", given, "", {})
            self._executions.settle(machine)
        return {}

    def _delete(self, params: Params, caller: Caller) -> Answer:
        machine = self._found(params, caller)
        if not machine.execution.ended:
            # UNCONFIRMED: wording
            raise ResourceConflictException(
                f"The execution is {machine.execution.status}: only one that has ended can be deleted."
            )
        # DIFFERS: DeleteDurableExecution removes an execution at once; on AWS its status is ``DELETING`` for a while.
        self._executions.delete(machine)
        return {"DeletionRequestTimestamp": self._executions.clock.now()}

    # --- callbacks -----------------------------------------------------------------------------------

    def _succeed(self, params: Params, caller: Caller) -> Answer:
        machine, operation = self._callback(params, caller)
        try:
            result = bytes(params.get("Result") or b"").decode()
        except UnicodeDecodeError:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("Result must be text in UTF-8.") from None
        machine.callback_succeeded(operation, result, self._executions.clock.now())
        self._executions.settle(machine)
        return {}

    def _fail(self, params: Params, caller: Caller) -> Answer:
        machine, operation = self._callback(params, caller)
        error = params.get("Error") or {}
        _check_error(error)
        machine.callback_failed(operation, error, self._executions.clock.now())
        self._executions.settle(machine)
        return {}

    def _heartbeat(self, params: Params, caller: Caller) -> Answer:
        machine, operation = self._callback(params, caller)
        machine.heartbeat(operation, self._executions.clock.now())
        self._executions.settle(machine)
        return {}

    def _callback(self, params: Params, caller: Caller) -> tuple[Machine, Operation]:
        arn, operation_id = tokens.read_callback_id(params["CallbackId"])
        machine = self._owned(arn, caller)
        if machine is None or operation_id not in machine.operations:
            # UNCONFIRMED: wording
            raise ResourceNotFoundException(f"Callback not found: {params['CallbackId']}")
        operation = machine.callback(operation_id)
        if operation is None:
            # UNCONFIRMED: wording
            raise CallbackTimeoutException("The callback has timed out or is already complete.")
        return machine, operation

    # --- parts ---------------------------------------------------------------------------------------

    def _owned(self, arn: str, caller: Caller) -> Machine | None:
        machine = self._executions.find(arn)
        if machine is None:
            return None
        execution = machine.execution
        mine = (execution.account_id, execution.region) == (caller.account_id, caller.region)
        return machine if mine else None

    def _found(self, params: Params, caller: Caller) -> Machine:
        machine = self._owned(params["DurableExecutionArn"], caller)
        if machine is None:
            # UNCONFIRMED: wording
            raise ResourceNotFoundException(f"Durable execution not found: {params['DurableExecutionArn']}")
        return machine

    def _runtimes(self, params: Params, caller: Caller) -> Machine:
        """AWS: to the runtime's two operations a token that means nothing is invalid, and nothing is "not found"."""
        machine = self._owned(params["DurableExecutionArn"], caller)
        if machine is None:
            raise tokens.stale_token()
        return machine

    def _remembered(self, machine: Machine, what: str, given: str) -> tuple[float, str, Answer] | None:
        known = self._answered.get((machine.execution.arn, what, given)) if given else None
        fresh = known is not None and self._executions.clock.now() - known[0] < limits.CLIENT_TOKEN_S
        return known if fresh else None

    def _remember(self, machine: Machine, what: str, given: str, token: str, answer: Answer) -> None:
        if not given:
            return
        if len(self._answered) >= _REMEMBERED:
            for key in list(islice(self._answered, _REMEMBERED // 2)):
                del self._answered[key]
        self._answered[machine.execution.arn, what, given] = (self._executions.clock.now(), token, answer)


def _with_data(params: Params) -> bool:
    return params.get("IncludeExecutionData") is not False


def _size(params: Params) -> int:
    return min(params.get("MaxItems") or limits.PAGE_DEFAULT, limits.PAGE_MAX)


def _number(marker: str | None) -> int:
    if not marker:
        return 0
    if not marker.isdecimal() or len(marker) > 9:
        raise InvalidParameterValueException(f"Invalid marker: {marker}")
    return int(marker)


def _is(wanted: str | None, value: str) -> bool:
    return not wanted or wanted == value


def _check_error(error: Mapping[str, Any]) -> None:
    if outcomes.size(None, dict(error)) > quotas.DURABLE_PAYLOAD_BYTES:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            f"Error object must be at most {quotas.DURABLE_PAYLOAD_BYTES} bytes."
        )
