"""Neighbours that somebody else started: their queues, streams and tables outlive this sandbox, and a ``kill -9`` of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from lambda_sandbox.config import Config
from lambda_sandbox.http1 import ClientConnection, Headers, Response, encode_request
from lambda_sandbox.services.addressing import path_style
from lambda_sandbox.services.forwarder import TOKEN_VARIABLE
from lambda_sandbox.services.neighbours import CONNECTIONS_MAX, Neighbours, Status
from lambda_sandbox.services.unavailable import unavailable


class SharedNeighbours(Neighbours):
    """Speaks to the Unix socket ``config.neighbours_socket``. What calls Lambda from there goes where its starter said."""

    def __init__(self, config: Config, socket_path: Path, endpoint: str | None = None) -> None:
        super().__init__(config, endpoint)
        self._socket_path = socket_path
        self.token = os.environ.get(TOKEN_VARIABLE) or self.token  # what its starter gave to moto's process
        self._idle: list[ClientConnection] = []
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    @property
    def status(self) -> Status:
        return "running" if self._socket_path.exists() else "stopped"

    @property
    def url(self) -> str:
        return f"unix://{self._socket_path}"

    async def start(self) -> None:
        """Nothing is started."""

    async def ready(self) -> bool:
        return self._socket_path.exists()

    async def reset(self) -> None:
        headers = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]
        await self.forward(b"POST", b"/moto-api/reset", headers, b"")

    async def stop(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _forward(self, method: bytes, target: bytes, headers: Headers, body: bytes) -> Response:
        moved_target, moved_headers = path_style(target, headers)
        data = encode_request(method, moved_target, self._with_account(moved_headers), body)
        try:
            async with self._places:
                connection = await self._connect()
                response = await connection.request(data, head=method == b"HEAD")
        except OSError as reason:
            why = f"The neighbours behind {self._socket_path} do not answer ({reason}): start them again."
            return unavailable(why, headers)
        if connection.usable:
            self._idle.append(connection)
        return response

    async def _connect(self) -> ClientConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_unix_connection(ClientConnection, str(self._socket_path))
        return made
