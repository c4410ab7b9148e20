"""When a version's runtime is updated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.configuration_answer import runtime_version_arn
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.publishing import refuse_while_changing
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import LATEST, Caller, FunctionConfiguration

COVERAGE: dict[str, Coverage] = {
    # Each runtime has one version here, so there is never an update to take or to leave.
    "PutRuntimeManagementConfig": Coverage(
        works=frozenset({"FunctionName", "Qualifier"}),
        stored=frozenset({"UpdateRuntimeOn", "RuntimeVersionArn"}),
        notes=dict.fromkeys(
            ("UpdateRuntimeOn", "RuntimeVersionArn"),
            "each runtime has one version here: there are no updates",
        ),
    ),
    "GetRuntimeManagementConfig": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
}


class RuntimeManagementConfigs:
    """The two operations; each version has a setting of its own."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self.operations: Operations = {
            "PutRuntimeManagementConfig": self.put,
            "GetRuntimeManagementConfig": self.get,
        }

    def put(self, params: Params, caller: Caller) -> dict[str, Any]:
        version = self._version(params, caller)
        refuse_while_changing(version, self._clock.now())
        mode, arn = params["UpdateRuntimeOn"], params.get("RuntimeVersionArn") or ""
        if version.package_type == "Image":
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "Runtime management is not supported for functions created with container images."
            )
        if (mode == "Manual") != bool(arn):
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "RuntimeVersionArn must be provided for the Manual runtime update mode, and for no other."
            )
        if arn and arn != runtime_version_arn(replace(version, runtime_version_arn="")):
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                f"Runtime version {arn} does not exist for runtime {version.runtime}."
            )
        updated = replace(version, update_runtime_on=mode, runtime_version_arn=arn)
        self._store.versions.put(updated)
        return _to_wire(updated)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return _to_wire(self._version(params, caller))

    def _version(self, params: Params, caller: Caller) -> FunctionConfiguration:
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        if name.qualifier and not names.is_version(name.qualifier):
            # Source: API Reference, "PutRuntimeManagementConfig": $LATEST or a published version
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("Aliases have no runtime management configuration.")
        return self._lookup.version_of(name, caller)[0]


def _to_wire(version: FunctionConfiguration) -> dict[str, Any]:
    arn = version.arn if version.version == LATEST else version.qualified_arn
    wire = {"UpdateRuntimeOn": version.update_runtime_on, "FunctionArn": arn}
    return wire | ({"RuntimeVersionArn": version.runtime_version_arn} if version.runtime_version_arn else {})
