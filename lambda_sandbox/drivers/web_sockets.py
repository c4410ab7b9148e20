"""A connection that may become a WebSocket. The protocol is the library ``websockets``, without its own I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from lambda_sandbox.drivers.streamed_answers import StreamingConnection
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse

TOO_LARGE, GOING_AWAY, ABNORMAL = 1009, 1001, 1006
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class SocketSession(Protocol):
    """What a door does with a WebSocket that it has accepted. Times are seconds, sizes bytes."""

    headers: tuple[tuple[str, str], ...]  # of the answer to the handshake; a subprotocol is one
    message_bytes: int
    frame_bytes: int
    idle_s: float
    lifetime_s: float

    def opened(self, socket: WebSocket) -> None: ...

    async def received(self, message: str | bytes) -> None:
        """Take one whole message; the next one waits until this returns."""
        ...

    async def closed(self, code: int, reason: str) -> None: ...


class WebSocket:
    """One open WebSocket: ``send`` and ``close`` are for its session, the rest for its connection."""

    def __init__(
        self, session: SocketSession, write: Callable[[bytes], None], end: Callable[[], None], spawn: Spawn
    ) -> None:
        self._session = session
        self._write = write
        self._end = end
        self._protocol = ServerProtocol(max_size=session.message_bytes)
        self._parts: list[bytes] = []
        self._opcode = Opcode.TEXT
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._idle: asyncio.TimerHandle | None = None
        self._life: asyncio.TimerHandle | None = None
        self._spawn = spawn
        self.on_send: Callable[[int], None] = lambda size: None  # hears of every message's bytes

    @property
    def is_open(self) -> bool:
        return not self._closed

    def begin(self, handshake: bytes, early: bytes) -> bool:
        """Answer the handshake; ``False`` when it is none that the protocol allows, which is answered too."""
        self._protocol.receive_data(handshake)
        requests = [event for event in self._protocol.events_received() if isinstance(event, Handshake)]
        if not requests:
            self._flush()
            self._end()
            return False
        response = self._protocol.accept(requests[0])
        for name, value in self._session.headers:
            response.headers[name] = value
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != 101:
            self._end()
            return False
        self._touch()
        self._life = self._loop.call_later(
            self._session.lifetime_s, self.close, GOING_AWAY, "Connection duration exceeded"
        )
        self._session.opened(self)
        self._spawn(self._work())
        if early:
            self.receive(early)
        return True

    def send(self, message: str | bytes) -> None:
        """Send one message, in frames of at most 32 KB."""
        if self._closed:
            return
        data = message.encode() if isinstance(message, str) else message
        size = self._session.frame_bytes
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        first = self._protocol.send_text if isinstance(message, str) else self._protocol.send_binary
        for place, piece in enumerate(pieces):
            send = first if place == 0 else self._protocol.send_continuation
            send(piece, fin=place == len(pieces) - 1)
        self._touch()
        self._flush()
        self.on_send(len(data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._closed:
            self._protocol.fail(code, reason)
            self._flush()
            self._over()

    # --- for the connection --------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        if self._closed:
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._protocol.close_rcvd is not None or self._protocol.close_expected():
            self._over()

    def lost(self) -> None:
        if not self._closed:
            self._protocol.receive_eof()
            self._over()

    # --- inside --------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return  # the protocol itself answers pings and closes; AWS: a ping does not keep a connection alive
        if len(frame.data) > self._session.frame_bytes:
            self._protocol.fail(TOO_LARGE, "Frame too large")
            return
        if frame.opcode is not Opcode.CONT:
            self._parts, self._opcode = [], frame.opcode
        self._parts.append(bytes(frame.data))
        self._touch()
        if frame.fin:
            whole = b"".join(self._parts)
            text = self._opcode is Opcode.TEXT
            self._messages.put_nowait(whole.decode("utf-8", "replace") if text else whole)

    async def _work(self) -> None:
        """Hand the messages over one after the other, and the end when there is no more."""
        while (message := await self._messages.get()) is not None:
            await self._session.received(message)
        close = self._protocol.close_rcvd or self._protocol.close_sent
        await self._session.closed(*((close.code, close.reason) if close is not None else (ABNORMAL, "")))

    def _touch(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(self._session.idle_s, self.close, GOING_AWAY, "Going away")

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)

    def _over(self) -> None:
        self._closed = True
        for timer in (self._idle, self._life):
            if timer is not None:
                timer.cancel()
        self._messages.put_nowait(None)
        self._end()


class SocketConnection(StreamingConnection):
    """Speaks HTTP until a door has accepted a handshake, and WebSocket from then on."""

    def __init__(self) -> None:
        super().__init__()
        self._socket: WebSocket | None = None
        self._upgrading = False
        self._early = b""

    def upgrade(self, request: HttpRequest, session: SocketSession, spawn: Spawn) -> None:
        """Answer the handshake at hand and let ``session`` have the connection."""
        if not self.is_open:
            spawn(session.closed(ABNORMAL, "the client hung up during the handshake"))
            return
        self._socket = WebSocket(session, self._send, self.close, spawn)
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
        handshake = f"GET / HTTP/1.1\r\n{headers}\r\n".encode("latin-1")
        early, self._early = self._early, b""
        if not self._socket.begin(handshake, early):
            spawn(session.closed(1002, "the handshake is not valid"))

    def refuse_upgrade(self, response: HttpResponse) -> None:
        """Answer the handshake with a response of HTTP, and close."""
        text = "".join(f"{name}: {value}\r\n" for name, value in response.headers) + "Connection: close\r\n"
        lines = text.encode("latin-1", "replace")
        if response.stream is None:
            self.answer(response.status, lines, response.body)
            self.close()
            return
        if self._current is not None:
            self._current.keep_alive = False  # its end closes the connection
        self.begin_stream(response.status, lines, response.stream.hold)
        response.stream.send_to(self)

    # --- HttpConnection ------------------------------------------------------------------------------

    def upgrade_asked(self, rest: bytes) -> None:
        current = self._current
        if current is not None and current.header(b"upgrade").lower() == b"websocket":
            self._upgrading, self._early = True, rest
        else:
            super().upgrade_asked(rest)

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.receive(data)
        elif self._upgrading:
            self._early += data
            if len(self._early) > 256 * 1024:
                self.close()  # a client has nothing to say before it is let in
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket is not None:
            self._socket.lost()
        super().connection_lost(exc)
