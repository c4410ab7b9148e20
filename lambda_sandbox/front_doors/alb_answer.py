"""What a function's answer means to an Application Load Balancer, and the load balancer's own answers. No I/O.

Source: Elastic Load Balancing, "Respond to the load balancer" and "Troubleshoot your Application Load Balancers", read 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from lambda_sandbox.front_doors.alb_event import BODY_BYTES
from lambda_sandbox.front_doors.http_request import HttpResponse

_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


class BadAnswer(ValueError):
    """The answer cannot become an HTTP response: the client gets 502."""


def response(payload: bytes, *, multi_value: bool) -> HttpResponse:
    """Return the response that ``payload`` asks for. Raises ``BadAnswer``, which says what is wrong with it.

    POLICY: of a function's answer to a load balancer only ``multiValueHeaders`` counts where the target group has multi-value headers
    on, and only ``headers`` where it has not.
    """
    if len(payload) > BODY_BYTES:
        raise BadAnswer(f"the answer has {len(payload)} bytes, and a load balancer takes {BODY_BYTES}")
    try:
        answer = json.loads(payload)
    except ValueError:
        raise BadAnswer("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise BadAnswer("the answer is not an object with statusCode")
    headers = _multi_values(answer) if multi_value else _single_values(answer)
    return HttpResponse(_status(answer), headers, _body(answer), _reason(answer))


def fixed_response(config: Mapping[str, Any]) -> HttpResponse:
    """Return what a ``fixed-response`` action answers."""
    body = str(config.get("MessageBody") or "").encode()
    headers = (("Server", "awselb/2.0"), ("Content-Type", str(config.get("ContentType") or "text/plain")))
    return HttpResponse(int(config["StatusCode"]), headers, body)


def own(status: int, *headers: tuple[str, str]) -> HttpResponse:
    """Return the page that the load balancer itself answers with."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    return HttpResponse(
        status, (("Server", "awselb/2.0"), ("Content-Type", "text/html"), *headers), page.encode()
    )


def _status(answer: Mapping[str, Any]) -> int:
    status = answer.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        raise BadAnswer("statusCode is missing, or is not the number of an HTTP status")
    return status


def _reason(answer: Mapping[str, Any]) -> str:
    """``statusDescription`` is the code and the words: ``200 OK``."""
    description = answer.get("statusDescription") or ""
    if not isinstance(description, str) or "\r" in description or "\n" in description:
        raise BadAnswer("statusDescription is not one line of text")
    code, _, words = description.partition(" ")
    return words if code.isdigit() else description


def _single_values(answer: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    headers = answer.get("headers") or {}
    if not isinstance(headers, dict):
        raise BadAnswer("headers is not an object")
    return tuple(
        (name, _line(name, value)) for name, value in headers.items() if name.lower() not in _FRAMING
    )


def _multi_values(answer: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    headers = answer.get("multiValueHeaders") or {}
    if not isinstance(headers, dict) or not all(isinstance(values, list) for values in headers.values()):
        raise BadAnswer("multiValueHeaders is not an object of lists")
    return tuple(
        (name, _line(name, value))
        for name, values in headers.items()
        for value in values
        if name.lower() not in _FRAMING
    )


def _line(name: str, value: Any) -> str:
    if not isinstance(value, str) or any(char in name + value for char in "\r\n\0"):
        raise BadAnswer(f"the header {name!r} is not one line of text")
    return value


def _body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise BadAnswer("body is not text")
    if answer.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer("body is not base64") from None
