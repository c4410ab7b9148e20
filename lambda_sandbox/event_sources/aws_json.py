"""AWS's JSON protocol, as far as a poller needs it: one POST with a target, one JSON object back."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Protocol

Headers = list[tuple[bytes, bytes]]


class Neighbour(Protocol):
    """What answers a service's API; ``services.Neighbours`` does."""

    def forward(
        self, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> Awaitable[tuple[int, Headers, bytes]]: ...


class ServiceError(Exception):
    """An error answer of a service; ``code`` is its name without the namespace."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


async def call(
    neighbour: Neighbour,
    arn: str,
    target: str,
    request: dict[str, Any],
    *,
    version: str = "1.1",
    host: str = "",
) -> dict[str, Any]:
    """Call ``target`` in the account and Region of ``arn``. Raises ``ServiceError`` for an error answer."""
    _, _, service, region, account_id, _ = arn.split(":", 5)
    scope = f"{account_id}/20260101/{region}/{service}/aws4_request"
    headers = [
        (b"Host", (host or "localhost").encode()),
        (b"Content-Type", f"application/x-amz-json-{version}".encode()),
        (b"X-Amz-Target", target.encode()),
        (b"Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode()),
    ]
    status, _, answer = await neighbour.forward(b"POST", b"/", headers, json.dumps(request).encode())
    return _read(status, answer)


def _read(status: int, answer: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(answer or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ServiceError("InternalFailure", f"the answer ({status}) is not a JSON object")
    if status != 200:
        code = str(parsed.get("__type", status)).rpartition("#")[2]
        raise ServiceError(code, str(parsed.get("message") or parsed.get("Message") or "no reason given"))
    return parsed
