"""Serves an environment's listeners, which its launcher made inside and handed over, and reads what it sends as traces."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from lambda_sandbox.environments.running import RunningEnvironment

Maker = Callable[[str], asyncio.BaseProtocol]
_DATAGRAM_BYTES = 65_536


class Listeners:
    """``makers`` make a protocol for a connection: the Runtime API's and the endpoint's, by environment id.

    ``on_datagram(environment_id, data)`` hears what is sent to the address of X-Ray's daemon.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        makers: tuple[Maker, Maker],
        on_datagram: Callable[[str, bytes], None],
    ) -> None:
        self._loop = loop
        self._makers = makers
        self._on_datagram = on_datagram
        self._tasks: set[asyncio.Task[None]] = set()

    def accept_on(self, environment: RunningEnvironment, fds: list[int]) -> None:
        """Take over the descriptors of both listeners and of the socket for traces."""
        *listening, datagrams = fds
        self._take_datagrams(environment, socket.socket(fileno=datagrams))
        for fd, maker in zip(listening, self._makers, strict=True):
            listener = socket.socket(fileno=fd)
            if environment.stopped:
                listener.close()
                continue
            environment.listeners.append(listener)
            task = self._loop.create_task(self._serve(environment, listener, maker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def drain(self, environment: RunningEnvironment) -> None:
        """Read what has been sent as traces so far; never blocks."""
        datagrams = environment.datagrams
        while datagrams is not None:
            try:
                data = datagrams.recv(_DATAGRAM_BYTES)
            except OSError:  # BlockingIOError: nothing is left
                return
            self._on_datagram(environment.environment_id, data)

    def _take_datagrams(self, environment: RunningEnvironment, datagrams: socket.socket) -> None:
        if environment.stopped:
            datagrams.close()
            return
        environment.datagrams = datagrams
        self._loop.add_reader(datagrams.fileno(), self.drain, environment)

    def let_go(self, environment: RunningEnvironment) -> None:
        """Close what the environment listened on; what it sent before is read."""
        self.drain(environment)
        environment.close_listeners()
        datagrams, environment.datagrams = environment.datagrams, None
        if datagrams is not None:
            self._loop.remove_reader(datagrams.fileno())
            datagrams.close()

    async def _serve(self, environment: RunningEnvironment, listener: socket.socket, maker: Maker) -> None:
        server = await self._loop.create_server(lambda: maker(environment.environment_id), sock=listener)
        if environment.stopped:
            server.close()
        else:
            environment.servers.append(server)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
