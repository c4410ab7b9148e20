"""Operations on durable executions. They live where functions run, and are asked there: ``Context.durable``."""

from __future__ import annotations

from typing import Any, NoReturn

from lambda_sandbox.control_plane.context import Answer, Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.errors import InvalidParameterValueException, ResourceNotFoundException
from lambda_sandbox.resources import Caller


def _execution(*members: str) -> Coverage:
    return Coverage(works=frozenset({"DurableExecutionArn", *members}))


def _callback(*members: str) -> Coverage:
    return Coverage(works=frozenset({"CallbackId", *members}))


COVERAGE: dict[str, Coverage] = {
    "GetDurableExecution": _execution("IncludeExecutionData"),
    "GetDurableExecutionHistory": _execution("IncludeExecutionData", "MaxItems", "Marker", "ReverseOrder"),
    "GetDurableExecutionState": _execution("CheckpointToken", "Marker", "MaxItems"),
    "StopDurableExecution": _execution("Error"),
    "PauseDurableExecution": _execution("ClientToken", "Reason", "ExecutionTimeoutPaused"),
    "ResumeDurableExecution": _execution("ClientToken", "Reason"),
    "DeleteDurableExecution": _execution(),
    "CheckpointDurableExecution": _execution("CheckpointToken", "Updates", "ClientToken"),
    "SendDurableExecutionCallbackSuccess": _callback("Result"),
    "SendDurableExecutionCallbackFailure": _callback("Error"),
    "SendDurableExecutionCallbackHeartbeat": _callback(),
    "ListDurableExecutionsByFunction": Coverage(
        works=frozenset(
            {
                "FunctionName",
                "Qualifier",
                "DurableExecutionName",
                "Statuses",
                "StartedAfter",
                "StartedBefore",
                "ReverseOrder",
                "Marker",
                "MaxItems",
            }
        )
    ),
}


class DurableExecutions:
    """Without anything that runs durably, no execution and no callback exists."""

    def __init__(self, context: Context) -> None:
        self._lookup = context.lookup
        self._durable = context.durable
        self.operations: Operations = {
            operation: self._ask(operation)
            for operation in COVERAGE
            if operation != "ListDurableExecutionsByFunction"
        } | {"ListDurableExecutionsByFunction": self.list}

    def _ask(self, operation: str) -> Any:
        def ask(params: Params, caller: Caller) -> Answer:
            if self._durable is None:
                _none(params)
            return self._durable(operation, params, caller)

        return ask

    def list(self, params: Params, caller: Caller) -> Answer:
        qualifier = params.get("Qualifier")
        function, _ = self._lookup.version(params["FunctionName"], qualifier, caller)
        after, before = params.get("StartedAfter"), params.get("StartedBefore")
        if after is not None and before is not None and after > before:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("StartedAfter must not be later than StartedBefore.")
        if self._durable is None:
            return {"DurableExecutions": []}
        named = qualifier or _qualified(params["FunctionName"])
        found = {"FunctionName": function.arn, "Qualifier": function.version if named else None}
        return self._durable("ListDurableExecutionsByFunction", {**params, **found}, caller)


def _qualified(name: str) -> bool:
    """Whether a function's name or ARN ends in a qualifier."""
    return ":" in name.rpartition("function:")[2]


def _none(params: Params) -> NoReturn:
    # UNCONFIRMED: wording
    if "CallbackId" in params:
        raise ResourceNotFoundException(f"Callback not found: {params['CallbackId']}")
    raise ResourceNotFoundException(f"Durable execution not found: {params['DurableExecutionArn']}")
