"""The floor: uvloop, a parser by hand, one constant answer in one write. Nothing that does work can be faster in Python."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"ok": true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class BareProtocol(asyncio.Protocol):
    """Reads a request's length and nothing else of it."""

    transport: asyncio.Transport
    buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class, which inherits nothing

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            total = end + 4 + _content_length(self.buffer[:end])
            if len(self.buffer) < total:
                return
            self.buffer = self.buffer[total:]
            self.transport.write(ANSWER)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])


async def serve_until_told(protocol: type[BareProtocol]) -> None:
    """Listen at a free port, say which, and end with the pipe that is the standard input."""
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it closes the pipe
    server.close()


if __name__ == "__main__":
    uvloop.run(serve_until_told(BareProtocol))
