"""Operations on layers and their versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.control_plane import layer_versions
from lambda_sandbox.control_plane.code import check_direct_size
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.function_configuration import iso_time
from lambda_sandbox.control_plane.layer_versions import LayerVersion, check_access, references
from lambda_sandbox.control_plane.locations import Locations
from lambda_sandbox.control_plane.package_sources import storage_used
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.errors import (
    CodeStorageExceededException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import Caller

__all__ = ["COVERAGE", "Layers", "references"]

_MODULES = (
    "python"  # where a layer's modules are looked for; what is compiled elsewhere would only show in /opt
)
_PAGE = 50  # Source: AWS Lambda API Reference, "ListLayers", read 2026-11
_GONE = "The resource you requested does not exist."
_HIGHEST = 10**10  # versions are listed newest first, pages by an ascending key
_ARN = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):layer:(?P<name>[^:]+)")

_FILTERS = {"CompatibleRuntime", "CompatibleArchitecture", "Marker", "MaxItems"}
COVERAGE: dict[str, Coverage] = {
    "PublishLayerVersion": Coverage(
        works=frozenset(
            {
                "LayerName",
                "Description",
                "LicenseInfo",
                "CompatibleRuntimes",
                "CompatibleArchitectures",
                *(f"Content.{name}" for name in ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion")),
            }
        ),
        only={"Content.S3ObjectStorageMode": ("COPY",)},
    ),
    "GetLayerVersion": Coverage(works=frozenset({"LayerName", "VersionNumber"})),
    "GetLayerVersionByArn": Coverage(works=frozenset({"Arn"})),
    "DeleteLayerVersion": Coverage(works=frozenset({"LayerName", "VersionNumber"})),
    "ListLayers": Coverage(works=frozenset(_FILTERS)),
    "ListLayerVersions": Coverage(works=frozenset({"LayerName", *_FILTERS})),
}


class Layers:
    """The six operations; permissions are next door. ``locations`` opens the links of their answers."""

    def __init__(self, context: Context) -> None:
        self._code_storage_bytes = context.config.code_storage_bytes
        self._clock = context.clock
        self._store = context.store
        self._code = context.code
        self._fetch_object = context.fetch_object
        self._versions = layer_versions.versions(context.store)
        self.locations = Locations(context.clock, context.code, context.base_url)
        self.operations: Operations = {
            "PublishLayerVersion": self.publish,
            "GetLayerVersion": self.get,
            "GetLayerVersionByArn": self.get_by_arn,
            "DeleteLayerVersion": self.delete,
            "ListLayers": self.list_layers,
            "ListLayerVersions": self.list_versions,
        }

    def publish(self, params: Params, caller: Caller) -> dict[str, Any]:
        account, region, name = layer_owner(params["LayerName"], caller)
        if (account, region) != (caller.account_id, caller.region):
            raise ResourceNotFoundException(_GONE)
        package = self._package(params["Content"])
        if storage_used(self._store, caller) + len(package) > self._code_storage_bytes:
            raise CodeStorageExceededException("Code storage limit exceeded.")
        latest = max((each.version for each in self._versions.owned(account, region, name)), default=0)
        layer = LayerVersion(
            account_id=account,
            region=region,
            layer_name=name,
            version=latest + 1,
            code_sha256=self._code.put(package, modules=_MODULES),
            code_size=len(package),
            created=iso_time(self._clock.now()),
            description=params.get("Description") or "",
            license_info=params.get("LicenseInfo") or "",
            compatible_runtimes=tuple(params.get("CompatibleRuntimes") or ()),
            compatible_architectures=tuple(params.get("CompatibleArchitectures") or ()),
        )
        self._versions.put(layer)
        return self._with_content(layer, caller)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        arn = layer_version_arn(params, caller)
        return self._with_content(self._readable(arn, caller), caller)

    def get_by_arn(self, params: Params, caller: Caller) -> dict[str, Any]:
        return self._with_content(self._readable(params["Arn"], caller), caller)

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        """AWS: deleting what is not there succeeds, and functions that use the version keep it."""
        layer = layer_versions.find(self._store, layer_version_arn(params, caller))
        if layer is not None and layer.account_id == caller.account_id:
            policies = layer_versions.policies(self._store)
            policy = policies.get(layer.account_id, layer.region, layer.layer_name, f"{layer.version:010d}")
            with self._store.database.transaction():
                self._versions.put(replace(layer, deleted=True))
                if policy is not None:
                    policies.delete(policy)
            if layer.code_sha256 not in layer_versions.packages_in_use(self._store):
                self._code.release(layer.code_sha256, self._clock.now())
        return {}

    def list_layers(self, params: Params, caller: Caller) -> dict[str, Any]:
        newest: dict[str, LayerVersion] = {}
        for layer in self._matching(params, caller):
            newest[layer.layer_name] = layer  # the collection's order is by name and ascending number
        shown, marker = page(list(newest.values()), lambda each: each.layer_name, params, _PAGE)
        listed = [
            {
                "LayerName": each.layer_name,
                "LayerArn": each.layer_arn,
                "LatestMatchingVersion": _summary(each),
            }
            for each in shown
        ]
        return {"Layers": listed, "NextMarker": marker}

    def list_versions(self, params: Params, caller: Caller) -> dict[str, Any]:
        account, region, name = layer_owner(params["LayerName"], caller)
        found = (
            self._matching(params, caller, name)
            if (account, region) == (caller.account_id, caller.region)
            else []
        )
        shown, marker = page(found[::-1], lambda each: f"{_HIGHEST - each.version:010d}", params, _PAGE)
        return {"LayerVersions": [_summary(each) for each in shown], "NextMarker": marker}

    def _readable(self, arn: str, caller: Caller) -> LayerVersion:
        layer = layer_versions.find(self._store, arn)
        if arn.split(":")[3] == caller.region:
            check_access(self._store, arn, layer, caller)
        if layer is None or layer.region != caller.region:
            raise ResourceNotFoundException(_GONE)
        return layer

    def _matching(self, params: Params, caller: Caller, *name: str) -> list[LayerVersion]:
        runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
        return [
            each
            for each in self._versions.owned(caller.account_id, caller.region, *name)
            if not each.deleted
            and (not runtime or runtime in each.compatible_runtimes)
            and (not architecture or architecture in each.compatible_architectures)
        ]

    def _package(self, content: Mapping[str, Any]) -> bytes:
        direct, bucket, key = content.get("ZipFile"), content.get("S3Bucket"), content.get("S3Key")
        if direct is not None:
            if bucket or key:
                raise InvalidParameterValueException(  # UNCONFIRMED: wording
                    "Please do not provide other LayerVersionContent parameters when providing a ZipFile."
                )
            check_direct_size(direct, "PublishLayerVersion")
            return bytes(direct)
        if not bucket or not key:
            raise InvalidParameterValueException(  # UNCONFIRMED: wording
                "Please provide a source for layer content."
            )
        return self._fetch_object(bucket, key, content.get("S3ObjectVersion"))

    def _with_content(self, layer: LayerVersion, caller: Caller) -> dict[str, Any]:
        return {
            "Content": {
                "Location": self.locations.link(layer.code_sha256, caller),
                "CodeSha256": layer.code_sha256,
                "CodeSize": layer.code_size,
            },
            "LayerArn": layer.layer_arn,
            **_summary(layer),
        }


def layer_owner(text: str, caller: Caller) -> tuple[str, str, str]:
    """Read a ``LayerName``, which may be an ARN, and return account, Region and name."""
    found = _ARN.fullmatch(text)
    if found is None:
        return caller.account_id, caller.region, text
    return found["account"], found["region"], found["name"]


def layer_version_arn(params: Params, caller: Caller) -> str:
    """Return the ARN of the layer version that a request names. Raises ``InvalidParameterValueException``."""
    if params["VersionNumber"] < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1.")  # UNCONFIRMED: wording
    account, region, name = layer_owner(params["LayerName"], caller)
    return f"arn:aws:lambda:{region}:{account}:layer:{name}:{params['VersionNumber']}"


def _summary(layer: LayerVersion) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "LayerVersionArn": layer.arn,
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": layer.created,
    }
    if layer.compatible_runtimes:
        wire["CompatibleRuntimes"] = list(layer.compatible_runtimes)
    if layer.compatible_architectures:
        wire["CompatibleArchitectures"] = list(layer.compatible_architectures)
    if layer.license_info:
        wire["LicenseInfo"] = layer.license_info
    return wire
