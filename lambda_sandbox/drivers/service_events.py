"""Tells EventBridge what happens in the sandbox itself: events of AWS's own services, on the default bus of their account."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from lambda_sandbox.services.service_events import PATH

_HEADERS = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]


class Neighbours(Protocol):
    @property
    def status(self) -> str: ...

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class ServiceEvents:
    """Belongs to the event loop. Rules live with the neighbours: while they do not run, nobody listens."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._waiting: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, event: dict[str, Any]) -> None:
        """Put a whole event on its account's default bus, behind those that were put before."""
        if self._neighbours.status not in ("running", "starting"):
            return
        self._waiting.append(event)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tell(), name="service events")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _tell(self) -> None:
        try:
            while self._waiting:
                question = {"event": self._waiting.pop(0)}
                await self._neighbours.forward("POST", PATH, _HEADERS, json.dumps(question).encode())
        finally:
            self._task = None
