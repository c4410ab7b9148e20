"""Two pipes as one connection: how our own Python client speaks to the Runtime API.

A message through a pipe and the switch to whom it wakes take three fifths of what they do through a pair of sockets.
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
    # uvloop closes a descriptor itself, and then the file, when the number may be another's already.
    closes = isinstance(loop, asyncio.BaseEventLoop)
    out, into = os.fdopen(writing, "wb", 0, closefd=closes), os.fdopen(reading, "rb", 0, closefd=closes)
    try:
        writer, _ = await loop.connect_write_pipe(lambda: _Outgoing(writing), out)
    except BaseException:
        if closes:
            into.close()
        else:
            os.close(reading)
        raise
    try:
        await loop.connect_read_pipe(lambda: _Incoming(make(), writer), into)
    except BaseException:
        writer.close()
        raise


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
    """The pipe out. Its end is not the connection's: what was sent before may still be in the other one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def pause_writing(self) -> None:
        """More is to be written than fits: whoever sends this much once will do so again."""
        _widen(self._fd)


class _Incoming(asyncio.Protocol):
    def __init__(self, protocol: asyncio.Protocol, writer: asyncio.WriteTransport) -> None:
        self._protocol = protocol
        self._writer = writer
        self.data_received = protocol.data_received  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(_Wire(cast(asyncio.ReadTransport, transport), self._writer))

    def connection_lost(self, exc: Exception | None) -> None:
        self._writer.close()
        self._protocol.connection_lost(exc)
