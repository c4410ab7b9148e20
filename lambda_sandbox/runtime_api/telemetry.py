"""The Telemetry API 2022-07-01: subscriptions, checked.

Source: AWS Lambda Developer Guide, "Lambda Telemetry API reference", read 2026-11.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from lambda_sandbox.http_server import HttpConnection, Request
from lambda_sandbox.invocation.messages import RefuseRuntime
from lambda_sandbox.runtime_api.extensions import identifier, refuse

PATH = b"/2022-07-01/telemetry"
LOGS_PATH = b"/2020-08-15/logs"
PLATFORM, FUNCTION, EXTENSION = "platform", "function", "extension"
# POLICY: the Telemetry API sends the same events for each of its three schema versions; AWS calls the newest backward compatible.
_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
_RUNTIME_API_PORT = 9001
# Name: default, least and most.
_BUFFERING = {
    "maxItems": (1_000, 1_000, 10_000),
    "maxBytes": (262_144, 262_144, 1_048_576),
    "timeoutMs": (1_000, 25, 30_000),
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one extension wants and where. ``http_path`` is ``None`` for TCP."""

    types: tuple[str, ...]
    port: int
    http_path: str | None
    max_items: int
    max_bytes: int
    timeout_ms: int


class TelemetryHost(Protocol):
    """What the protocol needs of the driver."""

    def subscribe(
        self, environment_id: str, extension_id: str, subscription: Subscription
    ) -> RefuseRuntime | None: ...


def handle(host: TelemetryHost, environment_id: str, connection: HttpConnection, request: Request) -> None:
    """Answer a request to ``/2022-07-01/telemetry``, or to the Logs API, which it has replaced."""
    refusal = _subscribe(host, environment_id, request)
    if refusal is not None:
        refuse(connection, refusal)
    else:
        connection.answer_json(200, "OK")


def _subscribe(host: TelemetryHost, environment_id: str, request: Request) -> RefuseRuntime | None:
    if request.target.startswith(LOGS_PATH):
        # DIFFERS: the Logs API of old extensions is refused with ``Logs.NotSupported``; on AWS it still works. Use the Telemetry API.
        message = "the Logs API is not emulated; the Telemetry API, which replaced it, is"
        return RefuseRuntime(403, "Logs.NotSupported", message)
    if request.method != b"PUT" or request.target.rstrip(b"/") != PATH:
        return RefuseRuntime(404, "NotFound", "no such Telemetry API path")
    found = identifier(request)
    if isinstance(found, RefuseRuntime):
        return found
    try:
        wanted = parse(json.loads(request.body or b"null"))
    except ValueError as reason:
        return RefuseRuntime(400, "ValidationError", str(reason))
    return host.subscribe(environment_id, found, wanted)


def parse(body: Any) -> Subscription:
    """Return the subscription that a request's JSON asks for. Raises ``ValueError`` that names the member that is wrong."""
    members = _object(body, "the body")
    if members.get("schemaVersion") not in _SCHEMAS:
        raise ValueError(f"schemaVersion must be one of {', '.join(_SCHEMAS)}")
    types = members.get("types")
    if not isinstance(types, list) or not types:
        raise ValueError("types must be a list of platform, function, extension")
    for each in types:
        if each not in (PLATFORM, FUNCTION, EXTENSION):
            raise ValueError(f"types holds {each!r}; it takes platform, function, extension")
    port, path = _destination(_object(members.get("destination"), "destination"))
    buffering = _object(members.get("buffering") or {}, "buffering")
    sizes = [_size(buffering, name) for name in _BUFFERING]
    return Subscription(tuple(dict.fromkeys(types)), port, path, *sizes)


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object")
    return value


def _destination(members: dict[str, Any]) -> tuple[int, str | None]:
    protocol = members.get("protocol")
    if protocol == "TCP":
        port = members.get("port")
        if port is None:
            port = urlsplit(str(members.get("URI", ""))).port
        return _port(port), None
    if protocol != "HTTP":
        raise ValueError("destination.protocol must be HTTP or TCP")
    uri = urlsplit(str(members.get("URI", "")))
    if uri.scheme != "http" or uri.hostname not in ("sandbox.localdomain", "sandbox"):
        raise ValueError("destination.URI must begin with http://sandbox.localdomain")
    return _port(uri.port or 80), f"{uri.path or '/'}{'?' + uri.query if uri.query else ''}"


def _port(port: Any) -> int:
    if not isinstance(port, int) or not 0 < port < 65_536:
        raise ValueError("destination needs a port")
    if port == _RUNTIME_API_PORT:
        raise ValueError(f"port {port} is reserved")
    return port


def _size(buffering: dict[str, Any], name: str) -> int:
    default, least, most = _BUFFERING[name]
    value = buffering.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"buffering.{name} must be between {least} and {most}")
    return value
