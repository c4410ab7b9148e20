"""Two pipes as one connection: how our own Python client speaks to the Runtime API.

A message through a pipe and the switch to whom it wakes take half of what they do through a pair of sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import cast

_WIDE_BYTES = 1 << 20


def _widen(fd: int) -> None:
    """Let a pipe take a megabyte in place of 64 KB, if its user may have as much."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _WIDE_BYTES)


async def connect(
    loop: asyncio.AbstractEventLoop, make: Callable[[], asyncio.Protocol], writing: int, reading: int
) -> None:
    """Serve one connection. ``writing`` and ``reading`` are this end's descriptors, which it takes over."""
    out, into = os.fdopen(writing, "wb", 0), os.fdopen(reading, "rb", 0)
    outgoing = _Outgoing(writing)
    writer, _ = await loop.connect_write_pipe(lambda: outgoing, out)
    await loop.connect_read_pipe(lambda: _Incoming(make(), writer, outgoing), into)


class _Wire(asyncio.Transport):
    def __init__(self, reader: asyncio.ReadTransport, writer: asyncio.WriteTransport) -> None:
        super().__init__()
        self._ends = writer, reader
        # Found on the instance, without a step in between: each invocation asks for them.
        self.write = writer.write  # type: ignore[method-assign]
        self.is_closing = writer.is_closing  # type: ignore[method-assign]
        self.pause_reading = reader.pause_reading  # type: ignore[method-assign]
        self.resume_reading = reader.resume_reading  # type: ignore[method-assign]

    def close(self) -> None:
        for end in self._ends:
            end.close()


class _Outgoing(asyncio.BaseProtocol):
    """The pipe out; once nobody reads it any more, the connection is over."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.over: Callable[[], None] = lambda: None

    def pause_writing(self) -> None:
        """More is to be written than fits: whoever sends this much once will do so again."""
        _widen(self._fd)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over()


class _Incoming(asyncio.Protocol):
    def __init__(
        self, protocol: asyncio.Protocol, writer: asyncio.WriteTransport, outgoing: _Outgoing
    ) -> None:
        self._protocol = protocol
        self._writer = writer
        self._outgoing = outgoing
        self.data_received = protocol.data_received  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reader = cast(asyncio.ReadTransport, transport)
        self._outgoing.over = reader.close
        self._protocol.connection_made(_Wire(reader, self._writer))

    def connection_lost(self, exc: Exception | None) -> None:
        self._writer.close()
        self._protocol.connection_lost(exc)
