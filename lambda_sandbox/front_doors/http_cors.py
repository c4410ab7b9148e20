"""The CORS configuration of an HTTP API: it answers preflights itself, and its headers replace the function's.

Source: API Gateway Developer Guide, "Configure CORS for HTTP APIs", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse

Cors = Mapping[str, Any]  # a CorsConfiguration as the API has it


def preflight(cors: Cors | None, request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a preflight request, ``None`` when ``request`` is none or the API has no CORS configuration."""
    if not cors or request.method != "OPTIONS":
        return None
    if not request.header("origin") or not request.header("access-control-request-method"):
        return None
    headers = _of_origin(cors, request)
    if headers:
        headers += _joined("access-control-allow-methods", cors.get("allowMethods"))
        headers += _joined("access-control-allow-headers", cors.get("allowHeaders"))
        if cors.get("maxAge"):
            headers.append(("access-control-max-age", str(cors["maxAge"])))
    return HttpResponse(204, tuple(headers))


def applied(cors: Cors | None, request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the response with the configuration's headers; without a configuration the function's own stay."""
    if not cors:
        return response
    kept = [pair for pair in response.headers if not pair[0].lower().startswith("access-control-")]
    own = _of_origin(cors, request) if request.header("origin") else []
    if own:
        own += _joined("access-control-expose-headers", cors.get("exposeHeaders"))
    return HttpResponse(response.status, (*kept, *own), response.body)


def _of_origin(cors: Cors, request: HttpRequest) -> list[tuple[str, str]]:
    origin = request.header("origin")
    allowed = cors.get("allowOrigins") or []
    if not any(_matches(each, origin) for each in allowed):
        return []
    credentials = bool(cors.get("allowCredentials"))
    headers = [("access-control-allow-origin", "*" if "*" in allowed and not credentials else origin)]
    if headers[0][1] != "*":
        headers.append(("vary", "Origin"))
    if credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return headers


def _matches(allowed: str, origin: str) -> bool:
    """``*`` is any origin, ``https://*`` any of a scheme."""
    if allowed == "*" or allowed.lower() == origin.lower():
        return True
    return allowed.endswith("://*") and origin.lower().startswith(allowed[:-1].lower())


def _joined(name: str, values: list[str] | None) -> list[tuple[str, str]]:
    return [(name, ",".join(values))] if values else []
