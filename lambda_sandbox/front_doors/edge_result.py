"""What a function at the edge returned, checked as CloudFront checks it. No I/O.

Sources: Amazon CloudFront Developer Guide, "Generate HTTP responses in request triggers", "Update HTTP responses in origin
response triggers", "Restrictions on all edge functions" and "Quotas", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.front_doors import edge_headers
from lambda_sandbox.front_doors.edge_event import EdgeRequest, EdgeResponse, limit_bytes
from lambda_sandbox.front_doors.edge_headers import BadResult

_URL_CHARS = 8192
_ORIGIN_KINDS = ("custom", "s3")


def of_request(
    event: str, sent: Mapping[str, Any], result: Any, request: EdgeRequest
) -> EdgeRequest | EdgeResponse:
    """Return the request to go on with, or the response that the function made instead.

    ``sent`` is the event that it got. Raises ``BadResult``.
    """
    if not isinstance(result, dict):
        raise BadResult("the function returned neither a request nor a response")
    if "status" in result:
        return _generated(event, result)
    shown = sent["Records"][0]["cf"]["request"]
    for member in ("method", "clientIp"):
        if result.get(member) != shown[member]:
            raise BadResult(f"{member} is read-only")
    uri, query = result.get("uri"), result.get("querystring", "")
    if not isinstance(uri, str) or not uri.startswith("/"):
        raise BadResult("uri does not begin with a slash")
    if (
        not isinstance(query, str)
        or len(uri) + len(query) > _URL_CHARS
        or any(char in uri + query for char in "\r\n #")
    ):
        raise BadResult(
            f"querystring is not text, or the URL has more than {_URL_CHARS} characters, blanks or a fragment"
        )
    headers = edge_headers.returned(result.get("headers"))
    edge_headers.check_read_only(event, shown["headers"], headers)
    changed = replace(request, uri=uri, query=query.removeprefix("?"), headers=headers)
    if "body" in result:
        changed = replace(changed, body=_replaced(event, result["body"], request.body))
    if event == "origin-request":
        changed = replace(changed, origin=_origin(result.get("origin")))
    return changed


def of_response(event: str, sent: Mapping[str, Any], result: Any, response: EdgeResponse) -> EdgeResponse:
    """Return the response to go on with. Raises ``BadResult``.

    POLICY: a viewer-response function that changes the status gets its result refused, like any invalid one. CloudFront documents that
    it must not, not what happens.
    """
    if not isinstance(result, dict) or "status" not in result:
        raise BadResult("the function returned no response")
    shown = sent["Records"][0]["cf"]["response"]
    status = _status(result)
    if event == "viewer-response" and status != response.status:
        raise BadResult("the status cannot be changed in a viewer response")
    headers = edge_headers.returned(result.get("headers"))
    edge_headers.check_read_only(event, shown["headers"], headers)
    description = _description(result)
    if event == "viewer-response" or "body" not in result:
        return EdgeResponse(status, headers, response.body, description)
    body = _body(result)
    _check_size(event, headers, body)
    return EdgeResponse(status, headers, body, description)


def _generated(event: str, result: Mapping[str, Any]) -> EdgeResponse:
    headers = edge_headers.returned(result.get("headers"))
    for name, _ in headers:
        if name.lower() in ("transfer-encoding", "via"):
            raise BadResult(f"a response that a function makes may not have the header {name}")
    body = _body(result)
    _check_size(event, headers, body)
    return EdgeResponse(_status(result), headers, body, _description(result))


def _status(result: Mapping[str, Any]) -> int:
    text = str(result["status"])
    if not text.isdigit() or not 200 <= int(text) <= 599:
        raise BadResult(f"the status {text!r} is not between 200 and 599")
    return int(text)


def _description(result: Mapping[str, Any]) -> str:
    text = result.get("statusDescription") or ""
    if not isinstance(text, str) or "\r" in text or "\n" in text:
        raise BadResult("statusDescription is not one line of text")
    return text


def _body(result: Mapping[str, Any]) -> bytes:
    return _decoded(result.get("body") or "", result.get("bodyEncoding") or "text")


def _decoded(data: Any, encoding: Any) -> bytes:
    if not isinstance(data, str) or encoding not in ("text", "base64"):
        raise BadResult("the body is not text, or its encoding is neither text nor base64")
    if encoding == "text":
        return data.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadResult("the body is not base64") from None


def _check_size(event: str, headers: edge_headers.Headers, body: bytes) -> None:
    size = len(body) + sum(len(name) + len(value) for name, value in headers)
    if size > limit_bytes(event):
        raise BadResult(f"the response has {size} bytes, and {event} functions may make {limit_bytes(event)}")


def _replaced(event: str, body: Any, before: bytes) -> bytes:
    """``read-only`` leaves the viewer's whole body, whatever part of it the function saw."""
    if not isinstance(body, dict) or body.get("action") not in ("read-only", "replace"):
        raise BadResult("body.action is neither read-only nor replace")
    if body["action"] == "read-only":
        return before
    data = _decoded(body.get("data") or "", body.get("encoding") or "text")
    if len(data) > limit_bytes(event):
        raise BadResult(
            f"the new body has {len(data)} bytes, and {event} functions may send {limit_bytes(event)}"
        )
    return data


def _origin(origin: Any) -> Mapping[str, Any]:
    if not isinstance(origin, dict) or len(origin) != 1 or next(iter(origin)) not in _ORIGIN_KINDS:
        raise BadResult("origin is not an object with either custom or s3")
    kind, parts = next(iter(origin.items()))
    if not isinstance(parts, dict) or not isinstance(parts.get("domainName"), str):
        raise BadResult(f"origin.{kind} has no domainName")
    if kind == "custom" and (
        parts.get("protocol") not in ("http", "https") or not isinstance(parts.get("port"), int)
    ):
        raise BadResult("origin.custom needs protocol, which is http or https, and port")
    edge_headers.returned(parts.get("customHeaders"))
    made: Mapping[str, Any] = origin
    return made
