"""The four events of Lambda@Edge. No I/O.

Source: Amazon CloudFront Developer Guide, "Lambda@Edge event structure", read 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from lambda_sandbox.front_doors import edge_headers
from lambda_sandbox.front_doors.edge_headers import Headers

# Of a body that is shown to a function, and of a response that it makes. Source: "Quotas on Lambda@Edge", read 2026-11.
VIEWER_BYTES = 40 * 1024
ORIGIN_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EdgeRequest:
    """A request between viewer and origin; ``origin`` is CloudFront's object for it, empty before it is known."""

    method: str
    uri: str
    query: str
    headers: Headers
    body: bytes = b""
    client_ip: str = "127.0.0.1"
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EdgeResponse:
    status: int
    headers: Headers = ()
    body: bytes = b""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What an event says of the distribution. ``request_id`` is the same in all events of a viewer's request."""

    domain_name: str
    distribution_id: str
    request_id: str


def limit_bytes(event: str) -> int:
    return VIEWER_BYTES if event.startswith("viewer") else ORIGIN_BYTES


def request_event(
    event: str, distribution: Distribution, request: EdgeRequest, *, include_body: bool
) -> dict[str, Any]:
    """Return the event of a ``viewer-request`` or an ``origin-request``."""
    shown = _request(event, request)
    if include_body:
        cut = request.body[: limit_bytes(event)]
        shown["body"] = {
            "inputTruncated": len(cut) < len(request.body),
            "action": "read-only",
            "encoding": "base64",
            "data": base64.b64encode(cut).decode(),
        }
    return _records(event, distribution, {"request": shown})


def response_event(
    event: str, distribution: Distribution, request: EdgeRequest, response: EdgeResponse
) -> dict[str, Any]:
    """Return the event of an ``origin-response`` or a ``viewer-response``. Bodies are never in it."""
    shown = {
        "status": str(response.status),
        "statusDescription": response.description or phrase(response.status),
        "headers": edge_headers.shown(response.headers),
    }
    return _records(event, distribution, {"request": _request(event, request), "response": shown})


def phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def _request(event: str, request: EdgeRequest) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "clientIp": request.client_ip,
        "headers": edge_headers.shown(request.headers),
        "method": request.method,
        "querystring": request.query,
        "uri": request.uri,
    }
    if event.startswith("origin"):
        shown["origin"] = request.origin
    return shown


def _records(event: str, distribution: Distribution, parts: dict[str, Any]) -> dict[str, Any]:
    config = {
        "distributionDomainName": distribution.domain_name,
        "distributionId": distribution.distribution_id,
        "eventType": event,
        "requestId": distribution.request_id,
    }
    return {"Records": [{"cf": {"config": config, **parts}}]}
