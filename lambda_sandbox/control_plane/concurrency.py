"""Operations on reserved concurrency: a function's share of the account's, and its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.account_concurrency import AccountConcurrency
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import Caller, FunctionConfiguration

COVERAGE: dict[str, Coverage] = {
    "PutFunctionConcurrency": Coverage(works=frozenset({"FunctionName", "ReservedConcurrentExecutions"})),
    "GetFunctionConcurrency": Coverage(works=frozenset({"FunctionName"})),
    "DeleteFunctionConcurrency": Coverage(works=frozenset({"FunctionName"})),
}


class Concurrency:
    """The three operations."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self._lookup = context.lookup
        self._account = AccountConcurrency(context)
        self._on_change = context.on_concurrency_change
        self.operations: Operations = {
            "PutFunctionConcurrency": self.put,
            "GetFunctionConcurrency": self.get,
            "DeleteFunctionConcurrency": self.delete,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        wanted = params["ReservedConcurrentExecutions"]
        self._account.check_reserved(function, wanted)
        self._set(function, wanted)
        return {"ReservedConcurrentExecutions": wanted}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        """AWS: the answer is empty for a function that has none."""
        reserved = self._function(params, caller).reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        self._set(self._function(params, caller), None)
        return {}

    def _set(self, function: FunctionConfiguration, reserved: int | None) -> None:
        """It is kept on ``$LATEST`` and holds for every version: routing lays it over the one that runs."""
        self._store.versions.put(replace(function, reserved_concurrency=reserved))
        self._on_change(function.arn)

    def _function(self, params: Params, caller: Caller) -> FunctionConfiguration:
        if names.parse(params["FunctionName"], None, caller).qualifier is not None:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
                "operation. Please specify either a function name or an unqualified function ARN."
            )
        return self._lookup.function(params["FunctionName"], caller)
