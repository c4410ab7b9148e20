"""Operations on functions."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any
from uuid import uuid4

from lambda_sandbox.control_plane import function_configuration, names, tags
from lambda_sandbox.control_plane.code import check_direct_size
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import LATEST, Caller, FunctionConfiguration

_PAGE = 50  # Source: AWS Lambda API Reference, "ListFunctions", read 2026-11
_LOCATION_SECONDS = 600.0  # Source: AWS Lambda API Reference, "GetFunction": the link is valid for 10 minutes
_SETTINGS = {
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "EphemeralStorage",
    "LoggingConfig.LogGroup",
}
_SETTING_VALUES: dict[str, tuple[Any, ...]] = {
    "Runtime": function_configuration.RUNTIMES,
    "LoggingConfig.LogFormat": ("Text",),
    "SnapStart.ApplyOn": ("None",),
}
_SOURCES = {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"}

_LATEST_ONLY = {"Qualifier": "only $LATEST"}

COVERAGE: dict[str, Coverage] = {
    "CreateFunction": Coverage(
        works=frozenset({"FunctionName", "Tags", *_SETTINGS, *(f"Code.{name}" for name in _SOURCES)}),
        stored=frozenset({"Architectures", "TracingConfig"}),
        only={
            **_SETTING_VALUES,
            "Publish": (False,),
            "PackageType": ("Zip",),
            "Code.S3ObjectStorageMode": ("COPY",),
        },
    ),
    "GetFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"}), notes=_LATEST_ONLY),
    "GetFunctionConfiguration": Coverage(works=frozenset({"FunctionName", "Qualifier"}), notes=_LATEST_ONLY),
    "ListFunctions": Coverage(works=frozenset({"FunctionVersion", "Marker", "MaxItems"})),
    "UpdateFunctionCode": Coverage(
        works=frozenset({"FunctionName", "DryRun", "RevisionId", *_SOURCES}),
        stored=frozenset({"Architectures"}),
        only={"Publish": (False,), "S3ObjectStorageMode": ("COPY",)},
    ),
    "UpdateFunctionConfiguration": Coverage(
        works=frozenset({"FunctionName", "RevisionId", *_SETTINGS}),
        stored=frozenset({"TracingConfig"}),
        only=_SETTING_VALUES,
    ),
    "DeleteFunction": Coverage(works=frozenset({"FunctionName", "Qualifier"})),
}


class Functions:
    """The seven operations. ``on_change`` hears the ARN of a function that was updated or deleted."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._code = context.code
        self._fetch_object = context.fetch_object
        self._on_change = context.on_change
        self._base_url = context.base_url
        self._locations: dict[str, tuple[str, float]] = {}
        self.operations: Operations = {
            "CreateFunction": self.create,
            "GetFunction": self.get,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list,
            "UpdateFunctionCode": self.update_code,
            "UpdateFunctionConfiguration": self.update_configuration,
            "DeleteFunction": self.delete,
        }

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration:
        """Return the version that a name, ARN or partial ARN means. Raises ``ResourceNotFoundException``."""
        if qualifier is None or qualifier == LATEST:  # almost every invoke: a plain name
            found = self._store.function(caller.account_id, caller.region, function_name)
            if found is not None:
                return found
        name = names.parse(function_name, qualifier, caller)
        found = self._store.function(caller.account_id, caller.region, name.name, name.qualifier or LATEST)
        if found is None:
            raise ResourceNotFoundException(f"Function not found: {name.arn(caller)}")
        return found

    def code_zip(self, token: str) -> bytes | None:
        """Return the package behind a link of GetFunction, or ``None`` when the link is unknown or too old."""
        code_sha256, expires = self._locations.get(token, ("", 0.0))
        return self._code.package(code_sha256) if self._clock.now() < expires else None

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse(params["FunctionName"], None, caller)
        function_configuration.check_name(name.name)
        if name.qualifier not in (None, LATEST):
            raise InvalidParameterValueException(
                "A function is created without a version or alias in its name."
            )
        if not params.get("Runtime") or not params.get("Handler"):
            raise InvalidParameterValueException(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        fields = function_configuration.changes(params)
        tags.check({}, params.get("Tags") or {})
        if self._store.function(caller.account_id, caller.region, name.name) is not None:
            raise ResourceConflictException(f"Function already exist: {name.name}")
        package = self._package(params["Code"], "CreateFunction")
        function = FunctionConfiguration(
            account_id=caller.account_id,
            region=caller.region,
            function_name=name.name,
            code_sha256=self._code.put(package),
            code_size=len(package),
            **self._revision(),
            **fields,
        )
        self._store.put_function(function, params.get("Tags"))
        return function_configuration.while_creating(function)

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self.resolve(params["FunctionName"], params.get("Qualifier"), caller)
        answer = {
            "Configuration": function_configuration.to_wire(function, _is_qualified(params)),
            "Code": {"RepositoryType": "S3", "Location": self._location(function.code_sha256)},
        }
        given = self._store.tags(function.arn)
        return answer | {"Tags": given} if given else answer

    def get_configuration(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self.resolve(params["FunctionName"], params.get("Qualifier"), caller)
        return function_configuration.to_wire(function, _is_qualified(params))

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        every_version = params.get("FunctionVersion") == "ALL"
        functions = self._store.functions(caller.account_id, caller.region)
        if not every_version:
            functions = [function for function in functions if function.version == LATEST]
        shown, marker = page(functions, lambda each: f"{each.function_name}:{each.version}", params, _PAGE)
        wire = [function_configuration.to_wire(each, every_version, states=False) for each in shown]
        return {"Functions": wire, "NextMarker": marker}

    def update_code(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._latest(params, caller)
        package = self._package(params, "UpdateFunctionCode")
        code_sha256 = self._code.check(package) if params.get("DryRun") else self._code.put(package)
        updated = replace(
            function,
            code_sha256=code_sha256,
            code_size=len(package),
            **self._revision(),
            **function_configuration.changes({"Architectures": params.get("Architectures")}),
        )
        if params.get("DryRun"):
            return function_configuration.to_wire(updated)
        self._store.put_function(updated)
        self._on_change(updated.arn)
        self._release(function.code_sha256)
        return function_configuration.while_updating(updated)

    def update_configuration(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._latest(params, caller)
        updated = replace(function, **self._revision(), **function_configuration.changes(params))
        self._store.put_function(updated)
        self._on_change(updated.arn)
        return function_configuration.while_updating(updated)

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        function = self.resolve(params["FunctionName"], params.get("Qualifier"), caller)
        if name.qualifier == LATEST:
            raise InvalidParameterValueException(
                "$LATEST version cannot be deleted without deleting the function."
            )
        self._store.delete_function(function)
        self._on_change(function.arn)
        self._release(function.code_sha256)
        return {"StatusCode": 204}

    def _latest(self, params: Params, caller: Caller) -> FunctionConfiguration:
        function = self.resolve(params["FunctionName"], None, caller)
        expected = params.get("RevisionId")
        if expected and expected != function.revision_id:
            raise PreconditionFailedException(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id"
            )
        return function

    def _package(self, source: Params, operation: str) -> bytes:
        direct, bucket, key = source.get("ZipFile"), source.get("S3Bucket"), source.get("S3Key")
        if direct is not None:
            if bucket or key:
                raise InvalidParameterValueException(
                    "Please do not provide other FunctionCode parameters when providing a ZipFile."
                )
            check_direct_size(direct, operation)
            return bytes(direct)
        if not bucket or not key:
            raise InvalidParameterValueException("Please provide a source for function code.")
        return self._fetch_object(bucket, key, source.get("S3ObjectVersion"))

    def _revision(self) -> dict[str, Any]:
        return {
            "revision_id": str(uuid4()),
            "last_modified": function_configuration.iso_time(self._clock.now()),
        }

    def _location(self, code_sha256: str) -> str:
        now = self._clock.now()
        self._locations = {token: kept for token, kept in self._locations.items() if now < kept[1]}
        token = secrets.token_urlsafe(24)
        self._locations[token] = (code_sha256, now + _LOCATION_SECONDS)
        return f"{self._base_url()}/_sandbox/code/{token}"

    def _release(self, code_sha256: str) -> None:
        if all(function.code_sha256 != code_sha256 for function in self._store.all_functions()):
            self._code.release(code_sha256, self._clock.now())
        self._code.collect(self._clock.now())


def _is_qualified(params: Params) -> bool:
    return bool(params.get("Qualifier")) or params["FunctionName"].endswith(f":{LATEST}")
