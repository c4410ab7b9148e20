"""Function URLs, payload format 2.0: a request as the function sees it, and what its answer means. No I/O.

Source: AWS Lambda Developer Guide, "Invoking Lambda function URLs", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from lambda_sandbox.front_doors import stream_head
from lambda_sandbox.front_doors.stream_head import EndlessHead, StreamHead
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import FunctionUrl

INTEGRATION = "application/vnd.awslambda.http-integration-response"
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
# The connection's own affair, not the function's.
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


class MalformedResponse(Exception):
    """The function's answer cannot become an HTTP response: the caller gets 502."""


@dataclass(slots=True)
class UrlResponse:
    """``headers`` in lower case; each of ``cookies`` becomes a ``Set-Cookie``."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    body: bytes = b""


def event(
    request: Request, url: FunctionUrl, request_id: str, now: float, address: tuple[str, int], trace: str
) -> dict[str, Any]:
    """Return the event for ``request``. ``now`` is seconds; ``address`` is the caller's IP and our port.

    DIFFERS: in the event of a function URL ``requestContext.domainName`` ends in ``.localhost``, and the ``x-amzn-tls-*`` headers are
    missing, since nothing is encrypted.
    """
    raw_path, _, query = request.target.decode("latin-1").partition("?")
    headers, cookies = _headers(request)
    headers |= {
        "x-amzn-trace-id": trace,
        "x-forwarded-for": address[0],
        "x-forwarded-port": str(address[1]),
        "x-forwarded-proto": "http",
    }
    domain = headers.get("host", "").rsplit(":", 1)[0]
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(raw_path) or "/",
        "rawQueryString": query,
    }
    if cookies:
        made["cookies"] = cookies
    made["headers"] = headers
    if query:
        made["queryStringParameters"] = _parameters(query)
    moment = datetime.fromtimestamp(now, UTC)
    made["requestContext"] = {
        "accountId": "anonymous",
        "apiId": url.url_id,
        "domainName": domain,
        "domainPrefix": url.url_id,
        "http": {
            "method": request.method.decode(),
            "path": unquote(raw_path) or "/",
            "protocol": "HTTP/1.1",
            "sourceIp": address[0],
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{moment:%d/%b/%Y:%H:%M:%S} +0000",
        "timeEpoch": int(now * 1000),
    }
    text = _text(request.body, headers.get("content-type", "")) if request.body else None
    if request.body:
        made["body"] = base64.b64encode(request.body).decode() if text is None else text
    made["isBase64Encoded"] = bool(request.body) and text is None
    return made


def iam_authorizer(account_id: str, access_key: str, user_arn: str, user_id: str) -> dict[str, Any]:
    """Return ``requestContext.authorizer`` of a signed request."""
    return {
        "iam": {
            "accessKey": access_key,
            "accountId": account_id,
            "callerId": user_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": user_arn,
            "userId": user_id,
        }
    }


def response(payload: bytes) -> UrlResponse:
    """Return what a function's result means: an object with ``statusCode`` is taken at its word, all else is the body.

    Raises ``MalformedResponse``.
    """
    # A streaming function behind a ``BUFFERED`` URL. JSON cannot hold a NUL byte, so nothing else looks like it.
    prelude = stream_head.split(payload)
    if prelude is not None:
        made = from_prelude(prelude[0])
        made.body = prelude[1]
        return made
    try:
        value = json.loads(payload)
    except ValueError:
        raise MalformedResponse("the result is not JSON") from None
    if isinstance(value, dict) and "statusCode" in value:
        return _explicit(value)
    body = value.encode() if isinstance(value, str) else payload
    return UrlResponse(200, {"content-type": "application/json"}, [], body)


class Prelude:
    """The head of a streamed response, read."""

    def __init__(self) -> None:
        self._head = StreamHead()

    def feed(self, data: bytes) -> tuple[UrlResponse, bytes] | None:
        """Return the response's head and the first bytes of its body, ``None`` while the delimiter is not yet there.

        Raises ``MalformedResponse``.
        """
        try:
            found = self._head.feed(data)
        except EndlessHead as reason:
            raise MalformedResponse(str(reason)) from None
        return None if found is None else (from_prelude(found[0]), found[1])


def from_prelude(head: bytes) -> UrlResponse:
    """Return the head of a response from its metadata. Raises ``MalformedResponse``."""
    try:
        value = json.loads(head)
    except ValueError:
        raise MalformedResponse("the metadata is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedResponse("the metadata is not an object")
    made = _explicit({"statusCode": 200, **value, "body": ""})
    if not any(name.lower() == "content-type" for name in value.get("headers") or {}):
        made.headers["content-type"] = "application/octet-stream"
    return made


def _explicit(value: dict[str, Any]) -> UrlResponse:
    try:
        status = int(value["statusCode"])
    except (TypeError, ValueError):
        raise MalformedResponse("statusCode is not a number") from None
    if not 100 <= status <= 599:
        raise MalformedResponse(f"{status} is no HTTP status")
    headers = value.get("headers") or {}
    cookies = value.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise MalformedResponse("headers is not an object, or cookies is not a list")
    made = UrlResponse(status, {"content-type": "application/json"}, [_value(each) for each in cookies])
    for name, each in headers.items():
        if name.lower() not in _FRAMING:
            made.headers[_value(name.lower())] = _value(each)
    made.body = _body(value)
    return made


def _body(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if not value.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponse("the body is not base64") from None


def _value(each: Any) -> str:
    if isinstance(each, bool):
        text = "true" if each else "false"
    else:
        text = ",".join(map(str, each)) if isinstance(each, list) else str(each)
    if "\r" in text or "\n" in text:
        raise MalformedResponse("a header holds a line break")
    return text


def _headers(request: Request) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for key, value in request.headers:
        name, text = key.decode("latin-1"), value.decode("latin-1")
        if name == "cookie":
            cookies += [each.strip() for each in text.split(";") if each.strip()]
        else:
            headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers, cookies


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _text(body: bytes, content_type: str) -> str | None:
    """Return the body as text where AWS sends text, ``None`` where it sends base64."""
    if not content_type.lower().startswith(_TEXT_TYPES):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
