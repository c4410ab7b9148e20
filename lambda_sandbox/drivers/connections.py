"""The connections of WebSocket APIs, and the management API (``/@connections/{id}``) by which functions reach them.

Source: API Gateway Developer Guide, "Use @connections commands in your backend service", read 2026-11.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from lambda_sandbox.drivers.web_sockets import WebSocket
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.front_doors.websocket_event import MESSAGE_BYTES

MARK = "/@connections/"


@dataclass(slots=True)
class Connection:
    """Times are seconds since the epoch."""

    api_id: str
    stage: str
    socket: WebSocket
    connected_at: float
    source_ip: str
    user_agent: str
    last_active_at: float


class Connections:
    """Every open connection by its id. Belongs to one loop."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def add(self, connection_id: str, connection: Connection) -> None:
        self._open[connection_id] = connection

    def touch(self, connection_id: str, now: float) -> None:
        if connection_id in self._open:
            self._open[connection_id].last_active_at = now

    def remove(self, connection_id: str) -> None:
        self._open.pop(connection_id, None)

    def close(self) -> None:
        """End every connection: the sandbox stops, or was reset."""
        for connection in list(self._open.values()):
            connection.socket.close(1001, "Going away")

    def place(self, request: HttpRequest) -> tuple[str, str]:
        """Return the API and the stage of the connection that a call is about, both empty for an unknown one."""
        found = self._open.get(unquote(request.path.rpartition(MARK)[2]))
        return (found.api_id, found.stage) if found is not None else ("", "")

    def answer(self, request: HttpRequest, api_id: str = "", stage: str = "") -> HttpResponse:
        """Carry out a call of the management API; ids are unique, so ``api_id`` and ``stage`` may be left out.

        The caller's permission must have been looked at before.
        """
        connection_id = unquote(request.path.rpartition(MARK)[2])
        found = self._open.get(connection_id)
        if found is None or (api_id and api_id != found.api_id) or (stage and stage != found.stage):
            return _error(410, "GoneException", None)
        if request.method == "POST":
            return self._post(found, request)
        if request.method == "DELETE":
            found.socket.close(1000, "Connection Closed Normally")
            return HttpResponse(204)
        if request.method == "GET":
            return HttpResponse(
                200, (("Content-Type", "application/json"),), json.dumps(_shown(found)).encode()
            )
        return _error(403, "ForbiddenException", "Forbidden")

    def _post(self, found: Connection, request: HttpRequest) -> HttpResponse:
        if len(request.body) > MESSAGE_BYTES:
            return _error(413, "PayloadTooLargeException", "Message too long")  # UNCONFIRMED: wording
        try:
            found.socket.send(request.body.decode())
        except UnicodeDecodeError:
            found.socket.send(request.body)
        return HttpResponse(200)


def _shown(connection: Connection) -> dict[str, object]:
    return {
        "connectedAt": _moment(connection.connected_at),
        "identity": {"sourceIp": connection.source_ip, "userAgent": connection.user_agent},
        "lastActiveAt": _moment(connection.last_active_at),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(status: int, code: str, message: str | None) -> HttpResponse:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", code))
    return HttpResponse(status, headers, json.dumps({"message": message}).encode() if message else b"{}")
