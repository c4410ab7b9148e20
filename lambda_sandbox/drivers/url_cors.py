"""Cross-origin rules of a function URL: Lambda answers preflights itself, and its headers replace the function's.

Source: AWS Lambda Developer Guide, "Cross-origin resource sharing (CORS)" under "Creating and managing function URLs",
read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import Cors


def is_preflight(request: Request) -> bool:
    return request.method == b"OPTIONS" and bool(
        request.header(b"origin") and request.header(b"access-control-request-method")
    )


def preflight_headers(cors: Cors, request: Request) -> dict[str, str]:
    """Return the headers of the answer to a preflight; none when the origin or the method is not allowed."""
    headers = _origin_headers(cors, request)
    method = request.header(b"access-control-request-method").decode("latin-1").upper()
    if not headers or not ({"*", method} & set(cors.allow_methods)):
        return {}
    headers["access-control-allow-methods"] = ",".join(cors.allow_methods)
    if cors.allow_headers:
        headers["access-control-allow-headers"] = ",".join(cors.allow_headers)
    if cors.max_age_s is not None:
        headers["access-control-max-age"] = str(cors.max_age_s)
    return headers


def apply(cors: Cors | None, request: Request, headers: dict[str, str]) -> None:
    """Put the rules into the headers of an answer. Without rules the function's own headers stay."""
    if cors is None:
        return
    for name in [name for name in headers if name.startswith("access-control-")]:
        del headers[name]
    allowed = _origin_headers(cors, request)
    if allowed and cors.expose_headers:
        allowed["access-control-expose-headers"] = ",".join(cors.expose_headers)
    headers |= allowed


def _origin_headers(cors: Cors, request: Request) -> dict[str, str]:
    origin = request.header(b"origin").decode("latin-1")
    if not origin or not any(_matches(allowed, origin) for allowed in cors.allow_origins):
        return {}
    # A browser takes no "*" together with credentials.
    anyone = "*" in cors.allow_origins and not cors.allow_credentials
    headers = {"access-control-allow-origin": "*" if anyone else origin, "vary": "Origin"}
    if cors.allow_credentials:
        headers["access-control-allow-credentials"] = "true"
    return headers


def _matches(allowed: str, origin: str) -> bool:
    return allowed in ("*", origin)
