"""Operations on the permissions of layer versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import layer_versions, policy_document
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.layer_versions import LayerPolicy, LayerVersion
from lambda_sandbox.control_plane.layers import layer_version_arn
from lambda_sandbox.errors import InvalidParameterValueException, ResourceNotFoundException
from lambda_sandbox.resources import Caller

_VERSION = {"LayerName", "VersionNumber"}
COVERAGE: dict[str, Coverage] = {
    "AddLayerVersionPermission": Coverage(
        works=frozenset({*_VERSION, "StatementId", "Action", "Principal", "OrganizationId", "RevisionId"}),
        notes={"OrganizationId": "the statement is kept; no account here belongs to an organisation"},
    ),
    "RemoveLayerVersionPermission": Coverage(works=frozenset({*_VERSION, "StatementId", "RevisionId"})),
    "GetLayerVersionPolicy": Coverage(works=frozenset(_VERSION)),
}


class LayerPermissions:
    """The three operations."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self._policies = layer_versions.policies(context.store)
        self.operations: Operations = {
            "AddLayerVersionPermission": self.add,
            "RemoveLayerVersionPermission": self.remove,
            "GetLayerVersionPolicy": self.get,
        }

    def add(self, params: Params, caller: Caller) -> dict[str, Any]:
        layer = self._layer(params, caller)
        organisation = params.get("OrganizationId")
        if organisation and params["Principal"] != "*":
            raise InvalidParameterValueException(  # UNCONFIRMED: wording
                "OrganizationId can only be used with the principal *."
            )
        statement = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": policy_document.principal(params["Principal"]),
            "Action": params["Action"],
            "Resource": layer.arn,
        }
        if organisation:
            statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organisation}}
        kept = self._kept(layer)
        policy_document.check_revision(params.get("RevisionId"), kept.revision_id if kept else "")
        document = policy_document.with_statement(kept.document if kept else None, statement)
        policy = LayerPolicy(
            layer.account_id,
            layer.region,
            layer.layer_name,
            layer.version,
            policy_document.new_revision(),
            document,
        )
        self._policies.put(policy)
        return {"Statement": policy_document.compact(statement), "RevisionId": policy.revision_id}

    def remove(self, params: Params, caller: Caller) -> dict[str, Any]:
        kept = self._kept(self._layer(params, caller))
        policy_document.check_revision(params.get("RevisionId"), kept.revision_id if kept else "")
        left = policy_document.without_statement(kept.document if kept else None, params["StatementId"])
        assert kept is not None
        if left is None:
            self._policies.delete(kept)
        else:
            self._policies.put(replace(kept, revision_id=policy_document.new_revision(), document=left))
        return {}

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        kept = self._kept(self._layer(params, caller))
        if kept is None:
            raise ResourceNotFoundException("No policy is associated with the given resource.")
        return {"Policy": kept.document, "RevisionId": kept.revision_id}

    def _layer(self, params: Params, caller: Caller) -> LayerVersion:
        arn = layer_version_arn(params, caller)
        layer = layer_versions.find(self._store, arn)
        if layer is None or (layer.account_id, layer.region) != (caller.account_id, caller.region):
            raise ResourceNotFoundException(f"Layer version {arn} does not exist.")  # UNCONFIRMED: wording
        return layer

    def _kept(self, layer: LayerVersion) -> LayerPolicy | None:
        return self._policies.get(layer.account_id, layer.region, layer.layer_name, f"{layer.version:010d}")
