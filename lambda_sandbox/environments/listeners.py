"""Serves an environment's listeners, which its launcher made inside and handed over, and reads what it sends as traces."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from lambda_sandbox.environments import wire
from lambda_sandbox.environments.open_network import OpenNetwork, reset
from lambda_sandbox.environments.openings import Opening
from lambda_sandbox.environments.running import RunningEnvironment

Maker = Callable[[str], asyncio.Protocol]
_DATAGRAM_BYTES = 65_536


class Listeners:
    """``makers`` make a protocol for a connection: the Runtime API's and the endpoint's, by environment id.

    ``on_datagram(environment_id, data)`` hears what is sent to the address of X-Ray's daemon. ``openings`` have a listener
    each in an environment that has its own network, and ``open_network`` joins their connections with the real hosts.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        makers: tuple[Maker, Maker],
        on_datagram: Callable[[str, bytes], None],
        open_network: OpenNetwork,
        openings: Sequence[Opening],
    ) -> None:
        self._loop = loop
        self._makers = makers
        self._on_datagram = on_datagram
        self._open_network = open_network
        self._openings = openings
        self._tasks: set[asyncio.Task[None]] = set()

    def accept_on(self, environment: RunningEnvironment, fds: list[int]) -> None:
        """Take over the descriptors: both of the wire to the runtime's own client, of both listeners, of the socket for traces
        and of what listens for the openings."""
        to_runtime, from_runtime, runtime_api, endpoint, datagrams, *opened = fds
        environment.wire = to_runtime, from_runtime
        if environment.stopped:
            environment.close_listeners()
        elif environment.environment_id:
            self.connect_wire(environment)
        self._take_datagrams(environment, socket.socket(fileno=datagrams))
        for fd, maker in zip((runtime_api, endpoint), self._makers, strict=True):
            self._accept(environment, fd, self._maker(environment, maker))
        if opened:
            for fd, opening in zip(opened, self._openings, strict=True):
                self._accept(environment, fd, self._opened_maker(environment, opening))

    def connect_wire(self, environment: RunningEnvironment) -> None:
        """Serve the wire: now, as from here on it is known for whom the environment is."""
        ends, environment.wire = environment.wire, None
        if ends is not None:
            make = self._maker(environment, self._makers[0])
            self._spawn(wire.connect(self._loop, make, *ends))

    def _maker(self, environment: RunningEnvironment, maker: Maker) -> Callable[[], asyncio.Protocol]:
        return lambda: maker(environment.environment_id)  # a blank one has its id later

    def _opened_maker(
        self, environment: RunningEnvironment, opening: Opening
    ) -> Callable[[], asyncio.BaseProtocol]:
        return lambda: self._open_network.protocol(opening, environment.opened)

    def _accept(
        self, environment: RunningEnvironment, fd: int, make: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        listener = socket.socket(fileno=fd)
        if environment.stopped:
            listener.close()
            return
        environment.listeners.append(listener)
        self._spawn(self._serve(environment, listener, make))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(work)
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
        for transport in list(environment.opened):
            reset(transport)
        datagrams, environment.datagrams = environment.datagrams, None
        if datagrams is not None:
            self._loop.remove_reader(datagrams.fileno())
            datagrams.close()

    async def _serve(
        self,
        environment: RunningEnvironment,
        listener: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        server = await self._loop.create_server(make, sock=listener)
        if environment.stopped:
            server.close()
        else:
            environment.servers.append(server)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
