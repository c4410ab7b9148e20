"""A WebSocket that says nothing for too long, or lives too long, is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from lambda_sandbox.drivers.web_sockets import WebSocket

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Session:
    """Remembers what it is told; ``ended`` is done when the connection is over."""

    headers: tuple[tuple[str, str], ...] = ()
    message_bytes, frame_bytes = 128 * 1024, 32 * 1024

    def __init__(self, idle_s: float, lifetime_s: float) -> None:
        self.idle_s, self.lifetime_s = idle_s, lifetime_s
        self.messages: list[str | bytes] = []
        self.ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def opened(self, socket: WebSocket) -> None:
        self.socket = socket

    async def received(self, message: str | bytes) -> None:
        self.messages.append(message)

    async def closed(self, code: int, reason: str) -> None:
        self.ended.set_result((code, reason))


def open_socket(session: Session, early: bytes = b"") -> tuple[WebSocket, list[bytes]]:
    written: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.add(asyncio.get_running_loop().create_task(work))

    socket = WebSocket(session, written.append, lambda: None, spawn)
    assert socket.begin(HANDSHAKE, early)
    return socket, written


def masked(text: bytes) -> bytes:
    """One text frame of a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@pytest.mark.parametrize(
    ("idle_s", "lifetime_s", "reason"),
    [(0.01, 60.0, "Going away"), (60.0, 0.01, "Connection duration exceeded")],
    ids=["idle", "old"],
)
def test_a_connection_ends_when_its_time_is_over(idle_s: float, lifetime_s: float, reason: str) -> None:
    async def story() -> tuple[int, str]:
        session = Session(idle_s, lifetime_s)
        socket, written = open_socket(session)
        ended = await asyncio.wait_for(session.ended, 10)
        assert not socket.is_open
        assert written[0].startswith(b"HTTP/1.1 101 ")
        return ended

    assert asyncio.run(story()) == (1001, reason)


def test_what_came_with_the_handshake_is_a_message_and_all_come_before_the_end() -> None:
    async def story() -> Session:
        session = Session(60.0, 60.0)
        socket, _ = open_socket(session, masked(b"first"))
        socket.receive(masked(b"second"))
        socket.lost()
        assert await asyncio.wait_for(session.ended, 10) == (1006, "")
        return session

    assert asyncio.run(story()).messages == ["first", "second"]
