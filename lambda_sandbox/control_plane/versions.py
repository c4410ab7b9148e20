"""Operations on published versions."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.control_plane import configuration_answer, names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.names import version_order
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.control_plane.preconditions import check_revision
from lambda_sandbox.control_plane.publishing import Publisher, refuse_while_changing
from lambda_sandbox.errors import InvalidParameterValueException
from lambda_sandbox.resources import Caller, FunctionConfiguration

_PAGE = 50  # Source: AWS Lambda API Reference, "ListVersionsByFunction", read 2026-11

COVERAGE: dict[str, Coverage] = {
    "PublishVersion": Coverage(
        works=frozenset({"FunctionName", "CodeSha256", "Description", "RevisionId", "PublishTo"})
    ),
    "ListVersionsByFunction": Coverage(works=frozenset({"FunctionName", "Marker", "MaxItems"})),
}


class Versions:
    """The two operations; GetFunction and DeleteFunction take a version as their qualifier."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._publisher = Publisher(context)
        self._snapshots = context.snapshot_states
        self.operations: Operations = {
            "PublishVersion": self.publish,
            "ListVersionsByFunction": self.list,
        }

    def publish(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse_unqualified(params["FunctionName"], caller)
        latest = self._lookup.function(name.name, caller)
        check_revision(params, latest.revision_id)
        expected = params.get("CodeSha256")
        if expected and expected != latest.code_sha256:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({latest.code_sha256}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        refuse_while_changing(latest, self._clock.now())
        version = self._publisher.publish(latest, params.get("Description"), params.get("PublishTo"))
        snapshot = self._snapshots.of(version)
        return configuration_answer.to_wire(version, self._clock.now(), version.version, snapshot)

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.function(params["FunctionName"], caller)
        versions = self._store.versions.owned(function.account_id, function.region, function.function_name)
        versions.sort(key=lambda each: version_order(each.version))
        shown, marker = page(versions, _sortable, params, _PAGE)
        wire = [configuration_answer.in_list(each, each.version, self._snapshots.of(each)) for each in shown]
        return {"Versions": wire, "NextMarker": marker}


def _sortable(version: FunctionConfiguration) -> str:
    number, text = version_order(version.version)
    return f"{number:020d}{text}"
