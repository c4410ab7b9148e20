"""What API Gateway serves, as the neighbours' process tells it: whole definitions, kept until something may have changed."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Protocol

_HEADERS = [(b"Host", b"localhost")]


class Neighbour(Protocol):
    def forward(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Awaitable[tuple[int, list[tuple[bytes, bytes]], bytes]]: ...


class ApiDefinitions:
    """POLICY: of two sandboxes that share one set of other services, each sees an API that the other one changed after its own next
    change to an API."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour
        self._kept: dict[str, dict[str, Any]] = {}
        self._generation = 0

    async def find(self, api_id: str) -> dict[str, Any] | None:
        """Return the definition of an API of any kind, ``None`` when there is none with this id."""
        kept = self._kept.get(api_id)
        if kept is not None:
            return kept
        generation = self._generation
        target = f"/_sandbox/apis/{api_id}".encode()
        status, _, body = await self._neighbour.forward(b"GET", target, _HEADERS, b"")
        if status != 200:
            return None
        found: dict[str, Any] = json.loads(body)
        if generation == self._generation:
            self._kept[api_id] = found
        return found

    def forget(self) -> None:
        """Something may have changed: ask again."""
        self._generation += 1
        self._kept.clear()
