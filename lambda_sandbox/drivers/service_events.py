"""Tells EventBridge what happens in the sandbox itself: events of AWS's own services, on the default bus of their account."""

from __future__ import annotations

import asyncio
from typing import Any

from lambda_sandbox.drivers.own_questions import Neighbours, ask, listens
from lambda_sandbox.services.service_events import PATH


class ServiceEvents:
    """Belongs to the event loop. Rules live with the neighbours: while they do not run, nobody listens."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._waiting: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, event: dict[str, Any]) -> None:
        """Put a whole event on its account's default bus, behind those that were put before."""
        if not listens(self._neighbours):
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
                await ask(self._neighbours, PATH, {"event": self._waiting.pop(0)})
        finally:
            self._task = None
