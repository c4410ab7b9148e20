"""Operations on aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.preconditions import check_revision
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import LATEST, LATEST_PUBLISHED, Alias, Caller, FunctionConfiguration

_PAGE = 50  # Source: AWS Lambda API Reference, "ListAliases", read 2026-11
_SETTINGS = {"FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig"}

COVERAGE: dict[str, Coverage] = {
    "CreateAlias": Coverage(works=frozenset(_SETTINGS)),
    "GetAlias": Coverage(works=frozenset({"FunctionName", "Name"})),
    "UpdateAlias": Coverage(works=frozenset(_SETTINGS | {"RevisionId"})),
    "DeleteAlias": Coverage(works=frozenset({"FunctionName", "Name"})),
    "ListAliases": Coverage(works=frozenset({"FunctionName", "FunctionVersion", "Marker", "MaxItems"})),
}


class Aliases:
    """The five operations."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self._lookup = context.lookup
        self._snapshots = context.snapshot_states
        self._on_change = context.on_change
        self.operations: Operations = {
            "CreateAlias": self.create,
            "GetAlias": self.get,
            "UpdateAlias": self.update,
            "DeleteAlias": self.delete,
            "ListAliases": self.list,
        }

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        alias = Alias(
            account_id=function.account_id,
            region=function.region,
            function_name=function.function_name,
            name=params["Name"],
            function_version=params["FunctionVersion"],
            revision_id=str(uuid4()),
            description=params.get("Description") or "",
            additional_versions=_weights(params),
        )
        self._check(alias, set())
        if self._find(function, alias.name) is not None:
            raise ResourceConflictException(f"Alias already exists: {alias.arn}")
        self._store.aliases.put(alias)
        return _to_wire(alias)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return _to_wire(self._existing(params, caller))

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        alias = self._existing(params, caller)
        check_revision(params, alias.revision_id)
        updated = replace(
            alias,
            revision_id=str(uuid4()),
            function_version=params.get("FunctionVersion") or alias.function_version,
            description=alias.description if params.get("Description") is None else params["Description"],
            additional_versions=(
                alias.additional_versions if params.get("RoutingConfig") is None else _weights(params)
            ),
        )
        self._check(updated, _pointed(alias))
        self._store.aliases.put(updated)
        self._on_change(updated.function_arn)
        return _to_wire(updated)

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        """AWS: an alias that is not there is deleted without a word."""
        function = self._function(params, caller)
        if self._find(function, params["Name"]) is not None:
            self._store.delete_qualifier(function, params["Name"])
            self._on_change(function.arn)
        return {}

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._function(params, caller)
        aliases = self._store.aliases.owned(function.account_id, function.region, function.function_name)
        wanted = params.get("FunctionVersion")
        if wanted is not None:
            aliases = [
                each
                for each in aliases
                if wanted in (each.function_version, *(version for version, _ in each.additional_versions))
            ]
        shown, marker = page(aliases, lambda each: each.name, params, _PAGE)
        return {"Aliases": [_to_wire(each) for each in shown], "NextMarker": marker}

    # --- parts ---------------------------------------------------------------------------------------

    def _function(self, params: Params, caller: Caller) -> FunctionConfiguration:
        """Aliases belong to the function: a name that is qualified is refused."""
        name = names.parse_unqualified(params["FunctionName"], caller)
        return self._lookup.function(name.name, caller)

    def _find(self, function: FunctionConfiguration, name: str) -> Alias | None:
        return self._store.aliases.get(function.account_id, function.region, function.function_name, name)

    def _existing(self, params: Params, caller: Caller) -> Alias:
        function = self._function(params, caller)
        alias = self._find(function, params["Name"])
        if alias is None:
            raise ResourceNotFoundException(f"Cannot find alias arn: {function.arn}:{params['Name']}")
        return alias

    def _check(self, alias: Alias, before: set[str]) -> None:
        """Hold the versions of an alias to AWS's rules; those that it meant ``before`` may have failed since.

        Raises ``ResourceNotFoundException`` for one that is not there.
        """
        main = self._version(alias, alias.function_version)
        for version in _pointed(alias) - before:
            self._snapshots.refuse_failed(self._version(alias, version))
        if not alias.additional_versions:
            return
        if alias.function_version in (LATEST, LATEST_PUBLISHED):
            raise InvalidParameterValueException(
                f"{alias.function_version} is not supported for an alias pointing to more than 1 version"
            )
        [(version, _)] = alias.additional_versions
        if version == alias.function_version:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                f"Invalid function version {version}. Function version {version} is already included in routing "
                "configuration."
            )
        other = self._version(alias, version)
        if (main.role, main.dead_letter_target_arn) != (other.role, other.dead_letter_target_arn):
            # Source: Developer Guide, "Implement Lambda canary deployments using a weighted alias", read 2026-11
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "The versions of a weighted alias must have the same execution role and dead-letter queue."
            )

    def _version(self, alias: Alias, version: str) -> FunctionConfiguration:
        found = self._store.function(alias.account_id, alias.region, alias.function_name, version)
        if found is None:
            raise ResourceNotFoundException(f"Function not found: {alias.function_arn}:{version}")
        return found


def _pointed(alias: Alias) -> set[str]:
    """Return the versions that an alias means."""
    return {alias.function_version, *(version for version, _ in alias.additional_versions)}


def _weights(params: Params) -> tuple[tuple[str, float], ...]:
    given: Mapping[str, float] = (params.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if len(given) > 1:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    return tuple(given.items())


def _to_wire(alias: Alias) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.function_version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.additional_versions:
        wire["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.additional_versions)}
    return wire
