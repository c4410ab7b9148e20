"""Operations on functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

from lambda_sandbox.control_plane import (
    capacity_providers,
    code_signing,
    configuration_answer,
    function_configuration,
    layer_versions,
    names,
    tags,
)
from lambda_sandbox.control_plane.configuration_rules import settled
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.function_coverage import COVERAGE
from lambda_sandbox.control_plane.locations import Locations
from lambda_sandbox.control_plane.package_sources import PackageSources, resolved_image_uri
from lambda_sandbox.control_plane.pages import page_of
from lambda_sandbox.control_plane.preconditions import check_revision
from lambda_sandbox.control_plane.publishing import Publisher, refuse_while_changing
from lambda_sandbox.errors import InvalidParameterValueException, ResourceConflictException
from lambda_sandbox.resources import LATEST, Caller, FunctionConfiguration, LayerReference

__all__ = ["COVERAGE", "Functions"]

_PAGE = 50  # Source: AWS Lambda API Reference, "ListFunctions", read 2026-11


class Functions:
    """The seven operations. ``locations`` opens the links of their answers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._sources = PackageSources(context)
        self._publisher = Publisher(context)
        self._snapshots = context.snapshot_states
        self.locations = Locations(context.clock, context.code, context.base_url)
        self.operations: Operations = {
            "CreateFunction": self.create,
            "GetFunction": self.get,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list,
            "UpdateFunctionCode": self.update_code,
            "UpdateFunctionConfiguration": self.update_configuration,
            "DeleteFunction": self.delete,
        }

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse_unqualified(params["FunctionName"], caller)
        names.check_length(name.name)
        fields = function_configuration.changes(params)
        self._check_capacity_provider(fields, caller)
        tags.check({}, params.get("Tags") or {})
        if self._store.function(caller.account_id, caller.region, name.name) is not None:
            raise ResourceConflictException(f"Function already exist: {name.name}")
        function = FunctionConfiguration(
            **{**_BLANK, **fields},
            account_id=caller.account_id,
            region=caller.region,
            function_name=name.name,
            code_signing_config_arn=params.get("CodeSigningConfigArn") or "",
            **self._now(),
            pending_until=self._clock.now() + self._context.config.transition_s,
        )
        settled(self._with_layers(function, params, caller, check_size=False))
        code_signing.check_deployment(self._store, function, caller)
        code = self._sources.read(params["Code"], function.package_type, caller, "CreateFunction")
        with self._sources.kept_on_success(code["code_sha256"]), self._store.database.transaction():
            function = settled(self._with_layers(replace(function, **code), params, caller))
            self._store.put_function(function, params.get("Tags"))
            published = self._published(function, params)
        if published is not None:
            return configuration_answer.while_creating(published, published.version)
        return configuration_answer.while_creating(function)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.version(params["FunctionName"], params.get("Qualifier"), caller)[0]
        answer = {
            "Configuration": self.get_configuration(params, caller),
            "Code": self._code_answer(function, caller),
        }
        latest = self._store.function(function.account_id, function.region, function.function_name)
        if latest is not None and latest.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": latest.reserved_concurrency}
        given = self._store.tags(function.arn)
        return answer | {"Tags": given} if given else answer

    def get_configuration(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        function = self._lookup.version(params["FunctionName"], params.get("Qualifier"), caller)[0]
        snapshot = self._snapshots.of(function)
        wire = configuration_answer.to_wire(function, self._clock.now(), name.qualifier, snapshot)
        notice = self._context.runtime_notice(function.runtime) if function.runtime else None
        if notice:
            # DIFFERS: ``RuntimeVersionConfig.Error`` in GetFunctionConfiguration names the interpreter of this machine that stands in for
            # a runtime whose own version is not installed. On AWS it says why a runtime version was not found.
            wire["RuntimeVersionConfig"]["Error"] = {"ErrorCode": "Sandbox.StandIn", "Message": notice}
        return wire

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        every_version = params.get("FunctionVersion") == "ALL"
        if params.get("MasterRegion") not in (None, "ALL", caller.region):
            return {"Functions": []}  # nothing is replicated, so no function has another master Region

        def after(key: tuple[str, ...]) -> Iterator[FunctionConfiguration]:
            following = self._store.versions.following(caller.account_id, caller.region, key)
            return (each for each in following if every_version or each.version == LATEST)

        shown, marker = page_of(after, lambda each: (each.function_name, each.version), params, _PAGE)
        wire = [
            configuration_answer.in_list(
                each, each.version if every_version else None, self._snapshots.of(each)
            )
            for each in shown
        ]
        return {"Functions": wire, "NextMarker": marker}

    def update_code(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._changeable(params, caller)
        code_signing.check_deployment(self._store, function, caller)
        code = self._sources.read(
            params, function.package_type, caller, "UpdateFunctionCode", keep=not params.get("DryRun")
        )
        fields = function_configuration.changes({"Architectures": params.get("Architectures")})
        updated = replace(function, **code, **fields, **self._now(), **self._updating())
        if params.get("DryRun"):
            return configuration_answer.to_wire(updated, updated.updating_until)
        with self._sources.kept_on_success(updated.code_sha256):
            if updated.package_type == "Zip":
                layer_versions.check_size(self._context, updated.layers, updated.code_sha256)
            answer = self._put_updated(updated, params)
        self._sources.release(function.code_sha256)
        return answer

    def update_configuration(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._changeable(params, caller)
        fields = function_configuration.changes(params)
        self._check_capacity_provider(fields, caller)
        if params.get("DurableConfig") and function.durable_timeout_s is None:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(
                "DurableConfig can only be updated for functions that were created with it."
            )
        updated = replace(function, **fields, **self._now(), **self._updating())
        return self._put_updated(settled(self._with_layers(updated, params, caller)), {})

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        function = self._lookup.function(params["FunctionName"], caller)
        if name.qualifier is None:
            released = {
                each.code_sha256
                for each in self._store.versions.owned(*name.owner(caller), function.function_name)
            }
            self._store.delete_function(function)
        else:
            released = self._delete_version(function, name.qualifier)
        self._context.on_change(function.arn)
        for code_sha256 in released:
            self._sources.release(code_sha256)
        return {"StatusCode": 204}

    # --- parts ---------------------------------------------------------------------------------------

    def _delete_version(self, function: FunctionConfiguration, qualifier: str) -> set[str]:
        """Delete one version and return its package. AWS: a version that is not there is deleted without a word."""
        if qualifier == LATEST:
            raise InvalidParameterValueException(
                "$LATEST version cannot be deleted without deleting the function."
            )
        owner = (function.account_id, function.region, function.function_name)
        if not names.is_version(qualifier):
            # UNCONFIRMED: wording
            raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
        aliases = [
            alias.name
            for alias in self._store.aliases.owned(*owner)
            if qualifier in (alias.function_version, *(version for version, _ in alias.additional_versions))
        ]
        if aliases:
            raise ResourceConflictException(
                f"Unable to delete version because the following aliases reference it: [{', '.join(aliases)}]"
            )
        version = self._store.function(*owner, qualifier)
        if version is None:
            return set()
        self._store.delete_qualifier(function, qualifier)
        return {version.code_sha256}

    def _changeable(self, params: Params, caller: Caller) -> FunctionConfiguration:
        """Return ``$LATEST`` where nothing speaks against changing it."""
        name = names.parse_unqualified(params["FunctionName"], caller)
        function = self._lookup.function(name.name, caller)
        check_revision(params, function.revision_id)
        refuse_while_changing(function, self._clock.now())
        return function

    def _put_updated(self, updated: FunctionConfiguration, params: Params) -> dict[str, Any]:
        with self._store.database.transaction():
            self._store.put_function(updated)
            published = self._published(updated, params)
        self._context.on_change(updated.arn)
        if published is not None:
            snapshot = self._snapshots.of(published)
            return configuration_answer.while_updating(published, published.version, snapshot)
        return configuration_answer.while_updating(updated)

    def _published(self, latest: FunctionConfiguration, params: Params) -> FunctionConfiguration | None:
        if not params.get("Publish") and not params.get("PublishTo"):
            return None
        return self._publisher.publish(latest, to=params.get("PublishTo"))

    def _with_layers(
        self, function: FunctionConfiguration, params: Params, caller: Caller, *, check_size: bool = True
    ) -> FunctionConfiguration:
        arns = params.get("Layers")
        if arns is None:
            return function
        if function.package_type == "Image":
            return replace(function, layers=tuple(LayerReference(arn, "", 0) for arn in arns))
        package = function.code_sha256 if check_size else None
        return replace(function, layers=layer_versions.references(self._context, arns, caller, package))

    def _check_capacity_provider(self, fields: dict[str, Any], caller: Caller) -> None:
        use = fields.get("capacity_provider")
        if use is None:
            return
        name = use.arn.rpartition(":")[2]
        kept = capacity_providers.collection(self._store).get(caller.account_id, caller.region, name)
        if kept is None or kept.arn != use.arn:
            # UNCONFIRMED: wording
            raise InvalidParameterValueException(f"The capacity provider {use.arn} does not exist.")

    def _code_answer(self, function: FunctionConfiguration, caller: Caller) -> dict[str, Any]:
        if function.package_type == "Image":
            return {
                "RepositoryType": "ECR",
                "ImageUri": function.image_uri,
                "ResolvedImageUri": resolved_image_uri(function.image_uri),
            }
        answer: dict[str, Any] = {
            "RepositoryType": "S3",
            "Location": self.locations.link(function.code_sha256, caller),
        }
        if function.s3_object is not None:
            given = function.s3_object
            found = {"S3Bucket": given.bucket, "S3Key": given.key, "S3ObjectVersion": given.version}
            answer["ResolvedS3Object"] = {name: value for name, value in found.items() if value}
        if function.source_kms_key_arn:
            answer["SourceKMSKeyArn"] = function.source_kms_key_arn
        return answer

    def _now(self) -> dict[str, Any]:
        return {
            "revision_id": str(uuid4()),
            "last_modified": function_configuration.iso_time(self._clock.now()),
        }

    def _updating(self) -> dict[str, Any]:
        """DIFFERS: an update of code or configuration holds for the very next invocation. On AWS invocations get the old one until
        ``LastUpdateStatus`` is ``Successful``, so wait for that (``function_updated_v2``) in code that is to run there."""
        return {"updating_until": self._clock.now() + self._context.config.transition_s}


# What a function has before its request is read.
_BLANK: dict[str, Any] = {"runtime": "", "handler": "", "code_sha256": "", "code_size": 0}
