"""What a REST API makes of the result of a Lambda proxy integration, whole or streamed.

Source: API Gateway Developer Guide, "Output format of a Lambda function for proxy integration", "Important notes"
(headers) and "Set up a Lambda proxy integration with payload response streaming in API Gateway", read 2026-11.
"""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.front_doors import bodies
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse

_MEMBERS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
# API Gateway keeps these for itself; the function's go out under another name.
_REMAPPED = frozenset(
    {
        "authorization",
        "connection",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    }
)
_FRAMING = frozenset({"content-length", "transfer-encoding", "keep-alive"})


class MalformedResponse(ValueError):
    """The result cannot become an HTTP response; the text says why, for the learner and not for the caller."""


def response(payload: bytes, request: HttpRequest, binary_media_types: list[str]) -> HttpResponse:
    """Return the HTTP response for a function's result. Raises ``MalformedResponse``."""
    value = _result(payload)
    status = _status(value)
    headers = _typed(_headers(value))
    return HttpResponse(status, tuple(headers), _body(value, request, binary_media_types))


def streamed_head(metadata: bytes) -> HttpResponse:
    """Return status and headers of a streamed answer from its metadata, without a body. Raises ``MalformedResponse``.

    UNCONFIRMED: that a ``statusCode`` that is missing means 200, as with a function URL, that members beside the documented ones are
    passed over, and that the type is ``application/json`` when none is named, as with a buffered answer.
    """
    value = _object(metadata, "metadata")
    cookies = value.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedResponse("cookies is not a list")
    status, headers = _status({"statusCode": 200, **value}), _typed(_headers(value))
    headers += [("Set-Cookie", _text("cookies", each)) for each in cookies]
    return HttpResponse(status, tuple(headers))


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        raise MalformedResponse(f"the {what} is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedResponse(f"the {what} is not an object but {json.dumps(value)[:100]}")
    return value


def _result(payload: bytes) -> dict[str, Any]:
    value = _object(payload, "result")
    unknown = sorted(value.keys() - _MEMBERS)
    if unknown:  # UNCONFIRMED: AWS documents the format, not that others are refused
        raise MalformedResponse(f"the result has {unknown[0]!r}, which is no member of a proxy response")
    if "statusCode" not in value:
        raise MalformedResponse("the result has no statusCode")
    return value


def _status(value: dict[str, Any]) -> int:
    try:
        status = int(value["statusCode"])
    except (TypeError, ValueError):
        raise MalformedResponse(f"statusCode is {value['statusCode']!r}, not a number") from None
    if not 100 <= status <= 599:
        raise MalformedResponse(f"statusCode is {status}, which is no HTTP status")
    return status


def _headers(value: dict[str, Any]) -> list[tuple[str, str]]:
    """Merge both maps: a header that is in both takes the many values."""
    single, many = value.get("headers") or {}, value.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(many, dict):
        raise MalformedResponse("headers or multiValueHeaders is not an object")
    taken = {name.lower() for name in many}
    pairs = [(name, each) for name, each in single.items() if name.lower() not in taken]
    for name, values in many.items():
        if not isinstance(values, list):
            raise MalformedResponse(f"multiValueHeaders has {name!r}, whose value is not a list")
        pairs += [(name, each) for each in values]
    return [(_name(name), _text(name, each)) for name, each in pairs if name.lower() not in _FRAMING]


def _typed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if any(name.lower() == "content-type" for name, _ in headers):
        return headers
    return [("Content-Type", "application/json"), *headers]


def _name(name: str) -> str:
    if not name or any(character <= " " or character in '\x7f":,;' for character in name):
        raise MalformedResponse(f"{name!r} is no name of a header")
    return f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name


def _text(name: str, each: Any) -> str:
    if isinstance(each, bool):
        return "true" if each else "false"
    if not isinstance(each, str | int | float):
        raise MalformedResponse(f"the header {name!r} is neither text nor a number")
    text = str(each)
    if "\r" in text or "\n" in text:
        raise MalformedResponse(f"the header {name!r} holds a line break")
    return text


def _body(value: dict[str, Any], request: HttpRequest, binary_media_types: list[str]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse("body is not text: use json.dumps")
    accepted = bodies.first_accepted(request.header("accept"))
    if not value.get("isBase64Encoded") or not bodies.is_binary(accepted, binary_media_types):
        return body.encode("utf-8", "surrogatepass")
    try:
        return bodies.decoded(body)
    except bodies.NotBase64:
        raise MalformedResponse("isBase64Encoded is true and body is not base64") from None
