"""A request as a function behind an Application Load Balancer sees it. No I/O.

Source: Elastic Load Balancing, "Use Lambda functions as targets of an Application Load Balancer", read 2026-11.
"""

from __future__ import annotations

import base64
from typing import Any

from lambda_sandbox.front_doors.http_request import HttpRequest

BODY_BYTES = 1024 * 1024  # Source: as above, "Limits"; the same for the answer's JSON
_TEXT = ("text/", "application/json", "application/javascript", "application/xml")
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te"})


def event(request: HttpRequest, target_group_arn: str, *, multi_value: bool, trace: str) -> dict[str, Any]:
    """Return the event for ``request``; names of headers are in lower case, query parameters stay percent-encoded.

    ``multi_value`` is the target group's attribute; without it the last of several values is taken.
    """
    headers = _headers(request, trace)
    parameters = _parameters(request.query)
    made: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": target_group_arn}},
        "httpMethod": request.method,
        "path": request.path,
    }
    if multi_value:
        made |= {"multiValueQueryStringParameters": parameters, "multiValueHeaders": headers}
    else:
        made["queryStringParameters"] = {name: values[-1] for name, values in parameters.items()}
        made["headers"] = {name: values[-1] for name, values in headers.items()}
    text = _text(request)
    made["body"] = base64.b64encode(request.body).decode() if text is None else text
    made["isBase64Encoded"] = text is None
    return made


def _headers(request: HttpRequest, trace: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.lower() not in _OF_THE_CONNECTION:
            headers.setdefault(name.lower(), []).append(value)
    before = headers.get("x-forwarded-for", [])
    headers["x-amzn-trace-id"] = [trace]
    headers["x-forwarded-for"] = [", ".join([*before, request.source_ip])]
    headers["x-forwarded-port"] = [str(request.port)]
    headers["x-forwarded-proto"] = ["http"]
    return headers


def _parameters(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.setdefault(name, []).append(value)
    return found


def _text(request: HttpRequest) -> str | None:
    """Return the body as text where the load balancer sends text, ``None`` where it sends base64."""
    if not request.body:
        return ""
    if request.header("content-encoding") or not request.header("content-type").lower().startswith(_TEXT):
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None
