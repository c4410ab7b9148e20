"""What an HTTP API makes of a function's result, in both payload formats.

Source: API Gateway Developer Guide, "Lambda function response for format 1.0" and "... for format 2.0", read 2026-11.
"""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.front_doors import bodies
from lambda_sandbox.front_doors.http_request import HttpResponse
from lambda_sandbox.front_doors.rest_answer import MalformedResponse

_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
_JSON = (("content-type", "application/json"),)


def response(payload: bytes, payload_format: str) -> HttpResponse:
    """Return the HTTP response for a result; ``payload_format`` is ``1.0`` or ``2.0``. Raises ``MalformedResponse``.

    Format 2.0 infers: without ``statusCode`` the whole result is the body of a 200 in JSON. Format 1.0 does not.
    """
    try:
        value = json.loads(payload)
    except ValueError:
        raise MalformedResponse("the result is not JSON") from None
    if isinstance(value, dict) and "statusCode" in value:
        return _explicit(value, payload_format)
    if payload_format == "1.0":
        raise MalformedResponse("the result has no statusCode, and payload format 1.0 infers none")
    body = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else payload
    return HttpResponse(200, _JSON, body)


def _explicit(value: dict[str, Any], payload_format: str) -> HttpResponse:
    status = _status(value["statusCode"])
    pairs = _pairs(value, payload_format)
    if not any(name == "content-type" for name, _ in pairs):
        # AWS: an answer that says nothing of its type is JSON for 2.0 and plain text for HTTP APIs' 1.0.
        pairs.insert(
            0,
            ("content-type", "text/plain; charset=utf-8" if payload_format == "1.0" else "application/json"),
        )
    return HttpResponse(status, tuple(pairs), _body(value))


def _status(given: Any) -> int:
    try:
        status = int(given)
    except (TypeError, ValueError):
        raise MalformedResponse(f"statusCode is {given!r}, not a number") from None
    if not 100 <= status <= 599:
        raise MalformedResponse(f"statusCode is {status}, which is no HTTP status")
    return status


def _pairs(value: dict[str, Any], payload_format: str) -> list[tuple[str, str]]:
    headers = value.get("headers") or {}
    many = (value.get("multiValueHeaders") or {}) if payload_format == "1.0" else {}
    cookies = (value.get("cookies") or []) if payload_format == "2.0" else []
    if not isinstance(headers, dict) or not isinstance(many, dict) or not isinstance(cookies, list):
        raise MalformedResponse("headers is not an object, or cookies is not a list")
    taken = {name.lower() for name in many}
    pairs = [(name.lower(), _text(each)) for name, each in headers.items() if name.lower() not in taken]
    for name, values in many.items():
        pairs += [(name.lower(), _text(each)) for each in (values if isinstance(values, list) else [values])]
    pairs = [pair for pair in pairs if pair[0] not in _FRAMING]
    return pairs + [("set-cookie", _text(cookie)) for cookie in cookies]


def _text(each: Any) -> str:
    if isinstance(each, bool):
        text = "true" if each else "false"
    else:
        text = ",".join(map(str, each)) if isinstance(each, list) else str(each)
    if "\r" in text or "\n" in text:
        raise MalformedResponse("a header holds a line break")
    return text


def _body(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body, separators=(",", ":")).encode()
    if not value.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return bodies.decoded(body)
    except bodies.NotBase64:
        raise MalformedResponse("isBase64Encoded is true and body is not base64") from None
