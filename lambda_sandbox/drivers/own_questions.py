"""Questions of the sandbox's own to the neighbours' process, answered by ``services.own_question``; never a reason to start it."""

from __future__ import annotations

import json
from typing import Any, Protocol

_HEADERS = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]


class Neighbours(Protocol):
    @property
    def status(self) -> str: ...

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


def listens(neighbours: Neighbours) -> bool:
    return neighbours.status in ("running", "starting")


async def ask(neighbours: Neighbours, path: str, question: dict[str, Any]) -> Any:
    """Return the answer, ``None`` while the neighbours do not run or do not answer."""
    if not listens(neighbours):
        return None
    status, _, body = await neighbours.forward("POST", path, _HEADERS, json.dumps(question).encode())
    return json.loads(body) if status == 200 else None
