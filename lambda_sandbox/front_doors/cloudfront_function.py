"""The event of a CloudFront function, version 1.0, and what its result means. No I/O.

Source: Amazon CloudFront Developer Guide, "CloudFront Functions event structure", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from lambda_sandbox.front_doors.edge_event import Distribution, EdgeRequest, EdgeResponse, phrase
from lambda_sandbox.front_doors.edge_headers import BadResult, Headers, disallowed

CODE_BYTES = 10 * 1024  # Source: "Quotas on CloudFront Functions"
_READ_ONLY = {
    "viewer-request": ("content-length", "host", "transfer-encoding", "via"),
    "viewer-response": ("content-encoding", "content-length", "transfer-encoding", "warning", "via"),
}


def event(
    kind: str, distribution: Distribution, request: EdgeRequest, response: EdgeResponse | None = None
) -> dict[str, Any]:
    """Return the event of a ``viewer-request`` or, with ``response``, of a ``viewer-response``."""
    made: dict[str, Any] = {
        "version": "1.0",
        "context": {
            "distributionDomainName": distribution.domain_name,
            "distributionId": distribution.distribution_id,
            "eventType": kind,
            "requestId": distribution.request_id,
        },
        "viewer": {"ip": request.client_ip},
        "request": {
            "method": request.method,
            "uri": request.uri,
            "querystring": _grouped(_pairs(request.query)),
            "headers": _headers(request.headers, "cookie"),
            "cookies": _grouped(_cookies(request.headers)),
        },
    }
    if response is not None:
        made["response"] = {
            "statusCode": response.status,
            "statusDescription": response.description or phrase(response.status),
            "headers": _headers(response.headers, "set-cookie"),
            "cookies": _set_cookies(response.headers),
        }
    return made


def of_request(sent: Mapping[str, Any], result: Any, request: EdgeRequest) -> EdgeRequest | EdgeResponse:
    """Return the request to go on with, or the response made instead. Raises ``BadResult``."""
    if not isinstance(result, dict):
        raise BadResult("the function returned neither a request nor a response")
    if "statusCode" in result:
        return _response(result, b"")
    if result.get("method") != request.method:
        raise BadResult("method is read-only")
    uri = result.get("uri")
    if not isinstance(uri, str) or not uri.startswith("/"):
        raise BadResult("uri does not begin with a slash")
    headers = _returned("viewer-request", sent["request"]["headers"], result.get("headers"))
    cookies = "; ".join(f"{name}={value}" for name, value in _flat(result.get("cookies")))
    query = "&".join(f"{name}={value}" if value else name for name, value in _flat(result.get("querystring")))
    return replace(
        request, uri=uri, query=query, headers=(*headers, ("cookie", cookies)) if cookies else headers
    )


def of_response(sent: Mapping[str, Any], result: Any, response: EdgeResponse) -> EdgeResponse:
    """Return the response to go on with. Raises ``BadResult``."""
    if not isinstance(result, dict):
        raise BadResult("the function returned no response")
    if result.get("statusCode", response.status) != response.status:
        raise BadResult("the status cannot be changed in a viewer response")
    _returned("viewer-response", sent["response"]["headers"], result.get("headers"))
    made = _response({**result, "statusCode": response.status}, response.body)
    return replace(made, description=response.description)


def _response(result: Mapping[str, Any], otherwise: bytes) -> EdgeResponse:
    status = result["statusCode"]
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise BadResult(f"statusCode is {status!r}, not a number from 200 to 599")
    headers = _checked(result.get("headers"))
    cookies = [
        (
            "set-cookie",
            f"{name}={each['value']}" + (f"; {each['attributes']}" if each.get("attributes") else ""),
        )
        for name, each in _each(result.get("cookies"))
    ]
    body = _body(result["body"]) if "body" in result else otherwise
    return EdgeResponse(status, (*headers, *cookies), body, str(result.get("statusDescription") or ""))


def _body(body: Any) -> bytes:
    """A body is text, or an object with ``data`` and ``encoding``."""
    data, encoding = (body.get("data"), body.get("encoding")) if isinstance(body, dict) else (body, "text")
    if not isinstance(data, str) or encoding not in ("text", "base64"):
        raise BadResult("body is neither text nor an object with data and encoding")
    try:
        return base64.b64decode(data, validate=True) if encoding == "base64" else data.encode()
    except (binascii.Error, ValueError):
        raise BadResult("the body is not base64") from None


def _returned(kind: str, before: Mapping[str, Any], headers: Any) -> Headers:
    made = _checked(headers)
    for name in _READ_ONLY[kind]:
        had = [value for _, value in _flat({name: before[name]})] if name in before else []
        if had != [value for key, value in made if key == name]:
            raise BadResult(f"the header {name} is read-only")
    return made


def _checked(headers: Any) -> Headers:
    made = tuple(_flat(headers))
    for name, value in made:
        if name != name.lower() or disallowed(name):
            raise BadResult(f"functions may not add the header {name}, or it is not in lower case")
        if any(char in value for char in "\r\n\0"):
            raise BadResult(f"the header {name} is not one line of text")
    return made


def _pairs(query: str) -> list[tuple[str, str]]:
    found = [part.partition("=") for part in query.split("&") if part]
    return [(name, value) for name, _, value in found]


def _cookies(headers: Headers) -> list[tuple[str, str]]:
    lines = [value for name, value in headers if name.lower() == "cookie"]
    found = [each.strip().partition("=") for line in lines for each in line.split(";") if each.strip()]
    return [(name, value) for name, _, value in found]


def _set_cookies(headers: Headers) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in headers:
        if name.lower() == "set-cookie":
            first, _, attributes = value.partition(";")
            key, _, text = first.partition("=")
            entry = {"value": text, **({"attributes": attributes.strip()} if attributes.strip() else {})}
            _add(made, quote(key.strip(), safe="!#$&'*+^`|~"), entry)
    return made


def _headers(headers: Headers, apart: str) -> dict[str, Any]:
    shown = [(name.lower(), value) for name, value in headers]
    return _grouped((name, value) for name, value in shown if name != apart and not disallowed(name))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        _add(made, name, {"value": value})
    return made


def _add(made: dict[str, Any], name: str, entry: dict[str, str]) -> None:
    """The first value stays where it is; several are listed, the first among them."""
    if name in made:
        first = {key: value for key, value in made[name].items() if key != "multiValue"}
        made[name].setdefault("multiValue", [first]).append(entry)
    else:
        made[name] = dict(entry)


def _each(grouped: Any) -> list[tuple[str, dict[str, Any]]]:
    if grouped is None:
        return []
    if not isinstance(grouped, dict):
        raise BadResult("headers, cookies and querystring are objects")
    found: list[tuple[str, dict[str, Any]]] = []
    for name, entry in grouped.items():
        entries = entry.get("multiValue") or [entry] if isinstance(entry, dict) else [None]
        for each in entries:
            if not isinstance(each, dict) or not isinstance(each.get("value"), str):
                raise BadResult(f"{name} has no value that is text")
            found.append((name, each))
    return found


def _flat(grouped: Any) -> list[tuple[str, str]]:
    return [(name, each["value"]) for name, each in _each(grouped)]
