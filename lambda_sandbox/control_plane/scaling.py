"""Operations on the scaling configuration of functions that run on a capacity provider (Managed Instances).

DIFFERS: the scaling configuration of a function on Lambda Managed Instances is checked, kept and shown. Its environments come and go
with the calls, as those of any function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import Caller, FunctionConfiguration

_QUALIFIED = frozenset({"FunctionName", "Qualifier"})

COVERAGE: dict[str, Coverage] = {
    "PutFunctionScalingConfig": Coverage(
        works=_QUALIFIED,
        stored=frozenset({"FunctionScalingConfig"}),
        notes={
            "FunctionScalingConfig": "no instance is started: environments come and go with the calls, as for any function"
        },
    ),
    "GetFunctionScalingConfig": Coverage(works=_QUALIFIED),
}


@dataclass(frozen=True, slots=True)
class ScalingConfig:
    """How many environments one version has at least and at most."""

    account_id: str
    region: str
    function_name: str
    qualifier: str
    minimum: int | None = None
    maximum: int | None = None


class FunctionScaling:
    """The two operations."""

    def __init__(self, context: Context) -> None:
        self._lookup = context.lookup
        self._kept = context.store.of_functions(
            "scaling-config", ScalingConfig, lambda each: (each.function_name, each.qualifier)
        )
        self.operations: Operations = {
            "PutFunctionScalingConfig": self.put,
            "GetFunctionScalingConfig": self.get,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        """Replace the configuration; without one the version goes back to AWS's own limits."""
        version = self._version(params, caller)
        given = params.get("FunctionScalingConfig") or {}
        minimum, maximum = given.get("MinExecutionEnvironments"), given.get("MaxExecutionEnvironments")
        if minimum is not None and maximum is not None and minimum > maximum:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments."
            )
        self._kept.put(
            ScalingConfig(
                version.account_id, version.region, version.function_name, version.version, minimum, maximum
            )
        )
        return {"FunctionState": version.state}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        version = self._version(params, caller)
        kept = self._kept.get(version.account_id, version.region, version.function_name, version.version)
        wire: dict[str, Any] = {"FunctionArn": version.qualified_arn}
        if kept is not None:
            config = {"MinExecutionEnvironments": kept.minimum, "MaxExecutionEnvironments": kept.maximum}
            requested = {name: value for name, value in config.items() if value is not None}
            wire |= {"RequestedFunctionScalingConfig": requested, "AppliedFunctionScalingConfig": requested}
        return wire

    def _version(self, params: Params, caller: Caller) -> FunctionConfiguration:
        name = names.parse(params["FunctionName"], params["Qualifier"], caller)
        version, _ = self._lookup.version(name.name, name.qualifier, caller)
        if version.capacity_provider is None:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "FunctionScalingConfig is supported only for functions with a capacity provider."
            )
        return version
