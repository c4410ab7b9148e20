"""Whether a function that ends up calling itself is stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.publishing import refuse_while_changing
from lambda_sandbox.resources import Caller, FunctionConfiguration

COVERAGE: dict[str, Coverage] = {
    "PutFunctionRecursionConfig": Coverage(works=frozenset({"FunctionName", "RecursiveLoop"})),
    "GetFunctionRecursionConfig": Coverage(works=frozenset({"FunctionName"})),
}


class RecursionConfigs:
    """The two operations; the setting holds for all versions."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._on_change = context.on_change
        self.operations: Operations = {
            "PutFunctionRecursionConfig": self.put,
            "GetFunctionRecursionConfig": self.get,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        refuse_while_changing(function, self._clock.now())
        self._store.versions.put(replace(function, recursive_loop=params["RecursiveLoop"]))
        self._on_change(function.arn)
        return {"RecursiveLoop": params["RecursiveLoop"]}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return {"RecursiveLoop": self._function(params, caller).recursive_loop}

    def _function(self, params: Params, caller: Caller) -> FunctionConfiguration:
        name = names.parse_unqualified(params["FunctionName"], caller)
        return self._lookup.function(name.name, caller)
