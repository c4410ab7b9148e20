"""Joins what an environment connects to, where ``--allow-network`` opened a host and port, with the real one.

The bytes go through untouched and unseen, in both directions, each of which may end before the other. What cannot be
reached is a connection that is reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, cast

from lambda_sandbox.environments.openings import Opening

Address = tuple[Any, ...]  # of a socket: host and port first
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

_CONNECT_TIMEOUT_S = 30.0
# POLICY: an execution environment may have 256 connections at a time to the places that ``--allow-network`` opened; each takes two
# of the server's file descriptors. A function has 1,024 descriptors of its own.
MOST_CONNECTIONS = 256
_log = logging.getLogger(__name__)


class OpenNetwork:
    """``own_ports()`` are the ports that this server listens on: through an opening they are out of reach.

    ``resolve(host, port)`` returns the addresses of a socket to try, in order; as the machine does, unless given.
    """

    def __init__(self, own_ports: Callable[[], Collection[int]], resolve: Resolve | None = None) -> None:
        self._own_ports = own_ports
        self._resolve = resolve or _resolve
        self._said: dict[Opening, str] = {}

    def protocol(self, opening: Opening, connections: set[asyncio.Transport]) -> asyncio.Protocol:
        """Return the protocol for a connection from inside. ``connections`` are its environment's, kept up to date."""
        return _Inside(self, opening, connections)

    async def connect(self, opening: Opening, outside: asyncio.Protocol) -> None:
        """Connect ``outside`` to the opened host. Raises ``OSError``; the reason is logged, once while it stays."""
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await self._connect(await self._addresses(opening), outside)
        except OSError as error:  # TimeoutError and the resolver's errors among them
            sentence = f"--allow-network {opening}: a function could not reach it: {error or 'timed out'}"
            if self._said.get(opening) != sentence:
                self._said[opening] = sentence
                _log.warning("%s", sentence)
            raise
        self._said.pop(opening, None)

    async def _addresses(self, opening: Opening) -> Sequence[Address]:
        addresses = await self._resolve(opening.host, opening.port)
        # What was looked at is what is connected to: the name is not asked for a second time.
        if any(self._is_own(address) for address in addresses):
            raise PermissionError("it is the sandbox itself, which functions reach at AWS_ENDPOINT_URL")
        return addresses

    def _is_own(self, address: Address) -> bool:
        return address[1] in self._own_ports() and _on_this_machine(str(address[0]))

    async def _connect(self, addresses: Sequence[Address], outside: asyncio.Protocol) -> None:
        failure: OSError = OSError("the name has no address")
        loop = asyncio.get_running_loop()
        for host, port, *_ in addresses:
            try:
                await loop.create_connection(lambda: outside, host, port)
            except OSError as error:
                failure = error
            else:
                return
        raise failure


async def _resolve(host: str, port: int) -> Sequence[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [address for *_, address in found]


def _on_this_machine(address: str) -> bool:
    """Whether the machine has the address: then, and only then, a socket can be bound to it."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


class _End(asyncio.Protocol):
    """One of the two ends: what arrives here is written to the ``other``."""

    transport: asyncio.Transport
    other: _End

    def __init__(self) -> None:
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """The other end hears that no more comes, and may go on."""
        self.ended = True
        if self.other.ended:
            self.transport.close()
            self.other.transport.close()
        elif not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.other.transport.is_closing():
            reset(self.other.transport)


class _Outside(_End):
    def __init__(self, inside: _Inside) -> None:
        super().__init__()
        self.other = inside


class _Inside(_End):
    """Nothing is read from inside before there is somebody to read it."""

    def __init__(self, network: OpenNetwork, opening: Opening, connections: set[asyncio.Transport]) -> None:
        super().__init__()
        self._network = network
        self._opening = opening
        self._connections = connections
        self._joined = False
        self._early = bytearray()  # what came before anybody could be written to
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._connections) >= MOST_CONNECTIONS:
            reset(self.transport)
            return
        self._connections.add(self.transport)
        loop = asyncio.get_running_loop()
        self._pause()
        loop.call_soon(self._pause)  # uvloop begins to read after this function
        self._task = loop.create_task(self._join())

    def _pause(self) -> None:
        if not self._joined and not self.transport.is_closing():
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._joined:
            super().data_received(data)
        else:
            self._early += data

    def eof_received(self) -> bool:
        if self._joined:
            return super().eof_received()
        self.ended = True
        return True

    async def _join(self) -> None:
        self.other = _Outside(self)
        try:
            await self._network.connect(self._opening, self.other)
        except OSError:
            reset(self.transport)
            return
        self._joined = True
        if self.transport.is_closing():
            if not self.other.transport.is_closing():
                reset(self.other.transport)
            return
        super().data_received(bytes(self._early))
        if self.ended:
            super().eof_received()
        else:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self.transport)
        if self._joined:
            super().connection_lost(exc)
        elif self._task is not None:
            self._task.cancel()


def reset(transport: asyncio.Transport) -> None:
    """Close at once, so that the peer is told that it broke off and was not the end."""
    with (
        contextlib.suppress(OSError),
        socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same,
    ):
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
