"""Operations on durable executions. DIFFERS: nothing runs durably here, so every execution and callback is unknown."""

from __future__ import annotations

from typing import Any, NoReturn

from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.errors import InvalidParameterValueException, ResourceNotFoundException
from lambda_sandbox.resources import Caller

_NO_EXECUTION = (
    "no function runs durably here, so no execution exists: the answer is ResourceNotFoundException"
)
_NO_CALLBACK = "no function runs durably here, so no callback exists: the answer is ResourceNotFoundException"


def _unknown_execution(*members: str) -> Coverage:
    return Coverage(works=frozenset({"DurableExecutionArn", *members}), limit=_NO_EXECUTION)


def _unknown_callback(*members: str) -> Coverage:
    return Coverage(works=frozenset({"CallbackId", *members}), limit=_NO_CALLBACK)


COVERAGE: dict[str, Coverage] = {
    "GetDurableExecution": _unknown_execution("IncludeExecutionData"),
    "GetDurableExecutionHistory": _unknown_execution(
        "IncludeExecutionData", "MaxItems", "Marker", "ReverseOrder"
    ),
    "GetDurableExecutionState": _unknown_execution("CheckpointToken", "Marker", "MaxItems"),
    "StopDurableExecution": _unknown_execution("Error"),
    "PauseDurableExecution": _unknown_execution("ClientToken", "Reason", "ExecutionTimeoutPaused"),
    "ResumeDurableExecution": _unknown_execution("ClientToken", "Reason"),
    "DeleteDurableExecution": _unknown_execution(),
    "CheckpointDurableExecution": _unknown_execution("CheckpointToken", "Updates", "ClientToken"),
    "SendDurableExecutionCallbackSuccess": _unknown_callback("Result"),
    "SendDurableExecutionCallbackFailure": _unknown_callback("Error"),
    "SendDurableExecutionCallbackHeartbeat": _unknown_callback(),
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
        ),
        limit="no function runs durably here, so the list is empty",
    ),
}


class DurableExecutions:
    """All operations answer as AWS does for what does not exist; the model's constraints come first."""

    def __init__(self, context: Context) -> None:
        self._lookup = context.lookup
        self.operations: Operations = {
            "GetDurableExecution": self.execution,
            "GetDurableExecutionHistory": self.execution,
            "GetDurableExecutionState": self.execution,
            "StopDurableExecution": self.execution,
            "PauseDurableExecution": self.execution,
            "ResumeDurableExecution": self.execution,
            "DeleteDurableExecution": self.execution,
            "CheckpointDurableExecution": self.execution,
            "SendDurableExecutionCallbackSuccess": self.callback,
            "SendDurableExecutionCallbackFailure": self.callback,
            "SendDurableExecutionCallbackHeartbeat": self.callback,
            "ListDurableExecutionsByFunction": self.list,
        }

    def execution(self, params: Params, caller: Caller) -> NoReturn:
        # UNCONFIRMED: wording
        raise ResourceNotFoundException(f"Durable execution not found: {params['DurableExecutionArn']}")

    def callback(self, params: Params, caller: Caller) -> NoReturn:
        # UNCONFIRMED: wording
        raise ResourceNotFoundException(f"Callback not found: {params['CallbackId']}")

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        self._lookup.version(params["FunctionName"], params.get("Qualifier"), caller)
        after, before = params.get("StartedAfter"), params.get("StartedBefore")
        if after is not None and before is not None and after > before:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("StartedAfter must not be later than StartedBefore.")
        return {"DurableExecutions": []}
