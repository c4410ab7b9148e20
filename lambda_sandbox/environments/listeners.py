"""Serves an environment's two listeners, which its launcher made inside and handed over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from lambda_sandbox.environments.running import RunningEnvironment

Maker = Callable[[str], asyncio.BaseProtocol]


class Listeners:
    """``makers`` make a protocol for a connection: the Runtime API's and the endpoint's, by environment id."""

    def __init__(self, loop: asyncio.AbstractEventLoop, makers: tuple[Maker, Maker]) -> None:
        self._loop = loop
        self._makers = makers
        self._tasks: set[asyncio.Task[None]] = set()

    def accept_on(self, environment: RunningEnvironment, fds: list[int]) -> None:
        """Take over the descriptors of both listeners."""
        for fd, maker in zip(fds, self._makers, strict=True):
            listener = socket.socket(fileno=fd)
            if environment.stopped:
                listener.close()
                continue
            environment.listeners.append(listener)
            task = self._loop.create_task(self._serve(environment, listener, maker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, environment: RunningEnvironment, listener: socket.socket, maker: Maker) -> None:
        server = await self._loop.create_server(lambda: maker(environment.environment_id), sock=listener)
        if environment.stopped:
            server.close()
        else:
            environment.servers.append(server)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
