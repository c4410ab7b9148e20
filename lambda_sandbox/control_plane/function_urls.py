"""Operations on the configuration of function URLs."""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from lambda_sandbox.control_plane import names
from lambda_sandbox.control_plane.context import Context, Operations, Params
from lambda_sandbox.control_plane.coverage import Coverage
from lambda_sandbox.control_plane.pages import page
from lambda_sandbox.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambda_sandbox.resources import LATEST, Caller, Cors, FunctionConfiguration, FunctionUrl

_PAGE = 50  # Source: AWS Lambda API Reference, "ListFunctionUrlConfigs", read 2026-11
_ID_CHARS = string.ascii_lowercase + string.digits
_ID_LENGTH = 32
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "*")
_NO_KEY = ("", "", "", "")
_GONE = "The resource you requested does not exist."
_TARGET = {"FunctionName", "Qualifier"}
_SETTINGS = {
    "AuthType",
    "InvokeMode",
    *(
        f"Cors.{name}"
        for name in (
            "AllowCredentials",
            "AllowHeaders",
            "AllowMethods",
            "AllowOrigins",
            "ExposeHeaders",
            "MaxAge",
        )
    ),
}

COVERAGE: dict[str, Coverage] = {
    "CreateFunctionUrlConfig": Coverage(works=frozenset({*_TARGET, *_SETTINGS})),
    "GetFunctionUrlConfig": Coverage(works=frozenset(_TARGET)),
    "UpdateFunctionUrlConfig": Coverage(works=frozenset({*_TARGET, *_SETTINGS})),
    "DeleteFunctionUrlConfig": Coverage(works=frozenset(_TARGET)),
    "ListFunctionUrlConfigs": Coverage(works=frozenset({"FunctionName", "Marker", "MaxItems"})),
}


class FunctionUrls:
    """The five operations, and the way from a URL's id to what it fronts."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._store = context.store
        self._lookup = context.lookup
        self._base_url = context.base_url
        self._urls = context.store.function_urls
        self._keys: dict[str, tuple[str, str, str, str]] = {}
        self.operations: Operations = {
            "CreateFunctionUrlConfig": self.create,
            "GetFunctionUrlConfig": self.get,
            "UpdateFunctionUrlConfig": self.update,
            "DeleteFunctionUrlConfig": self.delete,
            "ListFunctionUrlConfigs": self.list,
        }

    def by_id(self, url_id: str) -> FunctionUrl | None:
        """Return the function URL whose host name begins with ``url_id``, or ``None``."""
        found = self._urls.get(*self._keys.get(url_id, _NO_KEY))
        if found is None or found.url_id != url_id:  # not seen yet, or made anew since
            found = next((each for each in self._urls.all() if each.url_id == url_id), None)
        if found is not None:
            self._keys[url_id] = (found.account_id, found.region, found.function_name, found.qualifier)
        return found

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        function, qualifier = self._target(params, caller)
        refuse_tenants(function)
        cors = _cors(params.get("Cors"))
        if self._urls.get(function.account_id, function.region, function.function_name, qualifier):
            arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
            raise ResourceConflictException(  # UNCONFIRMED: wording
                f"Failed to create function url config for [functionArn = {arn}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function"
            )
        now = _moment(self._clock.now())
        url = FunctionUrl(
            account_id=function.account_id,
            region=function.region,
            function_name=function.function_name,
            qualifier=qualifier,
            url_id="".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH)),
            auth_type=params["AuthType"],
            creation_time=now,
            last_modified_time=now,
            invoke_mode=params.get("InvokeMode") or "BUFFERED",
            cors=cors,
        )
        self._urls.put(url)
        wire = self._wire(url, caller)
        del wire["LastModifiedTime"]
        return wire

    def get(self, params: Params, caller: Caller) -> dict[str, Any]:
        return self._wire(self._existing(params, caller), caller)

    def update(self, params: Params, caller: Caller) -> dict[str, Any]:
        url = self._existing(params, caller)
        updated = replace(
            url,
            auth_type=params.get("AuthType") or url.auth_type,
            invoke_mode=params.get("InvokeMode") or url.invoke_mode,
            cors=url.cors if params.get("Cors") is None else _cors(params["Cors"]),
            last_modified_time=_moment(self._clock.now()),
        )
        self._urls.put(updated)
        return self._wire(updated, caller)

    def delete(self, params: Params, caller: Caller) -> dict[str, Any]:
        self._urls.delete(self._existing(params, caller))
        return {}

    def list(self, params: Params, caller: Caller) -> dict[str, Any]:
        function = self._lookup.function(params["FunctionName"], caller)
        urls = self._urls.owned(function.account_id, function.region, function.function_name)
        shown, marker = page(urls, lambda each: each.qualifier, params, _PAGE)
        return {"FunctionUrlConfigs": [self._wire(each, caller) for each in shown], "NextMarker": marker}

    def address(self, url: FunctionUrl, caller: Caller) -> str:
        """Return the URL of a function, with the port of the endpoint that the caller used.

        DIFFERS: a function URL is ``http://<url-id>.lambda-url.<region>.localhost:<port>/`` and not ``https://….on.aws/``. Take it from
        ``FunctionUrl`` in the answer, and never put it together yourself.
        """
        port = (caller.host or urlsplit(self._base_url()).netloc).rpartition(":")[2]
        place = f"localhost:{port}" if port.isdigit() else "localhost"
        return f"http://{url.url_id}.lambda-url.{url.region}.{place}/"

    def _target(self, params: Params, caller: Caller) -> tuple[FunctionConfiguration, str]:
        """Return the function and the alias, empty for ``$LATEST``; the model lets no version through."""
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        qualifier = "" if name.qualifier in (None, LATEST) else str(name.qualifier)
        owner = (caller.account_id, caller.region, name.name)
        function = self._store.function(*owner)
        if function is None or (qualifier and self._store.aliases.get(*owner, qualifier) is None):
            raise ResourceNotFoundException("Function does not exist")  # UNCONFIRMED: wording
        return function, qualifier

    def _existing(self, params: Params, caller: Caller) -> FunctionUrl:
        name = names.parse(params["FunctionName"], params.get("Qualifier"), caller)
        qualifier = "" if name.qualifier in (None, LATEST) else str(name.qualifier)
        found = self._urls.get(caller.account_id, caller.region, name.name, qualifier)
        if found is None:
            raise ResourceNotFoundException(_GONE)
        return found

    def _wire(self, url: FunctionUrl, caller: Caller) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "FunctionUrl": self.address(url, caller),
            "FunctionArn": url.function_arn,
            "AuthType": url.auth_type,
            "CreationTime": url.creation_time,
            "LastModifiedTime": url.last_modified_time,
            "InvokeMode": url.invoke_mode,
        }
        if url.cors is not None:
            wire["Cors"] = _cors_to_wire(url.cors)
        return wire


def refuse_tenants(function: FunctionConfiguration) -> None:
    """Raise ``InvalidParameterValueException``: a function URL has no way to say whose request it is.

    Source: AWS Lambda Developer Guide, "Tenant isolation", read 2026-11.
    """
    if function.tenant_isolation:
        # UNCONFIRMED: wording
        raise InvalidParameterValueException(
            "Function URLs are not supported for functions with tenant isolation."
        )


def _moment(seconds: float) -> str:
    """Return AWS's text for the times of a URL: ISO 8601 in UTC with microseconds."""  # UNCONFIRMED: the digits
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cors(given: Any) -> Cors | None:
    """Read the cross-origin rules; an empty object stands for none. Raises ``InvalidParameterValueException``."""
    if not given:
        return None
    for method in given.get("AllowMethods") or ():
        if method not in _METHODS:
            raise InvalidParameterValueException(  # UNCONFIRMED: wording
                f"Value {method} at 'cors.allowMethods' is not valid: You can use GET, PUT, POST, DELETE, HEAD, PATCH, "
                "and the wildcard character (*)."
            )
    return Cors(
        allow_credentials=bool(given.get("AllowCredentials")),
        allow_headers=tuple(given.get("AllowHeaders") or ()),
        allow_methods=tuple(given.get("AllowMethods") or ()),
        allow_origins=tuple(given.get("AllowOrigins") or ()),
        expose_headers=tuple(given.get("ExposeHeaders") or ()),
        max_age_s=given.get("MaxAge"),
    )


def _cors_to_wire(cors: Cors) -> dict[str, Any]:
    wire: dict[str, Any] = {"AllowCredentials": True} if cors.allow_credentials else {}
    for member, values in (
        ("AllowHeaders", cors.allow_headers),
        ("AllowMethods", cors.allow_methods),
        ("AllowOrigins", cors.allow_origins),
        ("ExposeHeaders", cors.expose_headers),
    ):
        if values:
            wire[member] = list(values)
    if cors.max_age_s is not None:
        wire["MaxAge"] = cors.max_age_s
    return wire
