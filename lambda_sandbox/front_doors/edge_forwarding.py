"""What a distribution makes of a viewer's request on the way to its origin. No I/O.

Source: Amazon CloudFront Developer Guide, "Request and response behavior for custom origins", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors import edge_cache
from lambda_sandbox.front_doors.edge_event import EdgeRequest
from lambda_sandbox.front_doors.edge_headers import Headers
from lambda_sandbox.front_doors.http_request import HttpRequest

_ALWAYS = frozenset(
    {"content-type", "content-encoding", "content-language", "range", "if-none-match", "if-modified-since"}
)
_NEVER = frozenset(
    {"connection", "transfer-encoding", "content-length", "cookie", "x-forwarded-for", "via", "host"}
)


def from_viewer(request: HttpRequest) -> EdgeRequest:
    return EdgeRequest(
        request.method, request.path, request.query, request.headers, request.body, request.source_ip
    )


def to_origin(
    behaviour: Mapping[str, Any], origin: Mapping[str, Any], request: EdgeRequest, via: str
) -> EdgeRequest:
    """Return the request with the headers, cookies and query that the behaviour forwards, and its origin in it."""
    wanted: list[str] = behaviour["headers"]
    everything = "*" in wanted
    headers = [
        (name, value)
        for name, value in request.headers
        if name.lower() not in _NEVER and (everything or name.lower() in _ALWAYS or name.lower() in wanted)
    ]
    if not everything and "user-agent" not in wanted:
        headers.append(("User-Agent", "Amazon CloudFront"))
    cookies = edge_cache.forwarded_cookies(behaviour, request)
    if cookies:
        headers.append(("Cookie", cookies))
    before = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    headers.append(("X-Forwarded-For", ", ".join([*before, request.client_ip])))
    headers.append(("Via", via))
    asked_host = next((value for name, value in request.headers if name.lower() == "host"), "")
    host = asked_host if everything or "host" in wanted else str(origin["domain_name"])
    made: Headers = (("Host", host), *headers)
    query = edge_cache.forwarded_query(behaviour, request.query)
    return EdgeRequest(
        request.method, request.uri, query, made, request.body, request.client_ip, _origin(origin)
    )


def _origin(origin: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object that origin events have for the origin."""
    headers = {
        name.lower(): [{"key": name, "value": value}] for name, value in origin["custom_headers"].items()
    }
    parts = {"customHeaders": headers, "domainName": origin["domain_name"], "path": origin["path"]}
    if origin["kind"] == "s3":
        return {"s3": {"authMethod": "none", **parts}}
    https = origin["protocol_policy"] == "https-only"
    return {
        "custom": {
            **parts,
            "keepaliveTimeout": origin["keepalive_timeout_s"],
            "port": origin["https_port"] if https else origin["http_port"],
            "protocol": "https" if https else "http",
            "readTimeout": origin["read_timeout_s"],
            "sslProtocols": origin["ssl_protocols"],
        }
    }
