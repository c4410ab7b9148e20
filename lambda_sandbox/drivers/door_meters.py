"""What AWS charges for at front doors: requests of API Gateway and CloudFront, messages of WebSockets, a load balancer's bytes.

It is billed to the function that the door called, or to nobody in here where it called none.
Source: Amazon API Gateway, CloudFront and Elastic Load Balancing pricing, as ``neighbour-prices-*.json`` names them.

DIFFERS: the bill leaves out what costs by the hour that it exists, used or not: a load balancer, a cache of a REST API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from lambda_sandbox.drivers.front_doors import Door
from lambda_sandbox.drivers.web_sockets import SocketSession, WebSocket
from lambda_sandbox.front_doors.http_request import BodyStream, BodyWriter, HttpRequest, HttpResponse
from lambda_sandbox.telemetry.neighbour_usage import OUTSIDE, NeighbourUsage

REST, HTTP, MESSAGES = "apigateway.rest", "apigateway.http", "apigateway.websocket"
MINUTES = "apigateway.websocket-minutes"
EDGE, BALANCER = "cloudfront.requests", "alb.bytes"
_OUT = "transfer.out"
_HTTP_CHUNK = 512 * 1024
_MESSAGE_CHUNK = 32 * 1024
_STREAM_CHUNK = 10 * 1024 * 1024
# API Gateway does not charge for what it turns away itself: who may not, has no valid key, or comes too often.
_FREE = frozenset({401, 403, 429})

_called: ContextVar[list[str] | None] = ContextVar("called", default=None)


def called(function_arn: str, source_arn: str) -> None:
    """A door calls a function for ``source_arn``. An authorizer is asked, not called: it does not make a request one that costs."""
    names = _called.get()
    if names is not None and "/authorizers/" not in source_arn:
        names.append(function_arn.split(":")[6])


@contextmanager
def _hearing() -> Iterator[list[str]]:
    """Yield the names of the functions that are called meanwhile, in order."""
    names: list[str] = []
    token = _called.set(names)
    try:
        yield names
    finally:
        _called.reset(token)


class DoorMeters:
    """Adds to ``usage``; ``now()`` is seconds since the epoch. Belongs to one event loop."""

    def __init__(self, usage: NeighbourUsage, now: Callable[[], float]) -> None:
        self._usage = usage
        self.now = now

    async def api(self, meter: str, request: HttpRequest, answering: Awaitable[HttpResponse]) -> HttpResponse:
        """Return the answer of a REST or an HTTP API, metered.

        UNCONFIRMED: that an HTTP API's chunks of 512 KB are of the bodies of request and response together.
        """
        with _hearing() as names:
            response = await answering
        if names or response.status not in _FREE:
            size = len(request.body) + len(response.body)
            self.add(names, meter, _chunks(size, _HTTP_CHUNK) if meter == HTTP else 1)
            self.add(names, _OUT, len(response.body))
        if response.stream is None:
            return response
        return replace(response, stream=_MeteredStream(response.stream, self, meter, names))

    async def handshake(
        self, opening: Awaitable[SocketSession | HttpResponse]
    ) -> SocketSession | HttpResponse:
        """Return the session of a WebSocket, metered from then on; a handshake costs nothing."""
        with _hearing() as names:
            session = await opening
        return session if isinstance(session, HttpResponse) else _MeteredSession(session, self, names)

    def add(self, names: list[str], meter: str, quantity: int) -> None:
        self._usage.add(self.now(), names[-1] if names else OUTSIDE, meter, quantity)

    def messages(self, names: list[str], size: int) -> None:
        self.add(names, MESSAGES, _chunks(size, _MESSAGE_CHUNK))


class MeteredDoor:
    """A door that takes only HTTP: a load balancer, of which the bytes are metered, or the edge, of which the requests are."""

    def __init__(self, door: Door, meter: str, meters: DoorMeters) -> None:
        self._door = door
        self._meter = meter
        self._meters = meters

    def takes(self, host: str) -> bool:
        return self._door.takes(host)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        with _hearing() as names:
            response = await self._door.answer(request)
        size = len(request.body) + len(response.body)
        if self._meter == BALANCER:
            self._meters.add(names, BALANCER, size)
            self._meters.add(names, _OUT, len(response.body))
        else:  # bytes that leave the edge have prices of their own, by the viewer's continent: they are not metered
            self._meters.add(names, self._meter, 1)
        return response


class _MeteredStream:
    """A body that is metered as it leaves. Each 10 MB of it that begin are one request (AWS Compute Blog, "Building responsive APIs
    with Amazon API Gateway response streaming", 2025-11-19, in a summary); the first was counted with the head."""

    def __init__(self, body: BodyStream, meters: DoorMeters, meter: str, names: list[str]) -> None:
        self._body = body
        self._meters = meters
        self._meter = meter
        self._names = names
        self._size = 0

    def hold(self, on: bool) -> None:
        self._body.hold(on)

    def send_to(self, writer: BodyWriter) -> None:
        self._body.send_to(_MeteredWriter(writer, self._sent))

    def _sent(self, size: int) -> None:
        before = _chunks(self._size, _STREAM_CHUNK)
        self._size += size
        begun = _chunks(self._size, _STREAM_CHUNK) - before
        if begun:
            self._meters.add(self._names, self._meter, begun)
        self._meters.add(self._names, _OUT, size)


class _MeteredWriter:
    """``sent(size)`` hears of what leaves; after a caller hung up nothing does."""

    def __init__(self, writer: BodyWriter, sent: Callable[[int], None]) -> None:
        self._writer = writer
        self._sent = sent

    @property
    def is_open(self) -> bool:
        return self._writer.is_open

    def stream(self, data: bytes) -> None:
        if self._writer.is_open:
            self._sent(len(data))
            self._writer.stream(data)

    def end_stream(self) -> None:
        self._writer.end_stream()

    def abort_stream(self) -> None:
        self._writer.abort_stream()


class _MeteredSession:
    """A session whose messages count both ways, and the minutes that it is open."""

    def __init__(self, session: SocketSession, meters: DoorMeters, names: list[str]) -> None:
        self._session = session
        self._meters = meters
        self._names = names  # of the functions that the connection has called
        self._opened_at = 0.0
        self.headers = session.headers
        self.message_bytes = session.message_bytes
        self.frame_bytes = session.frame_bytes
        self.idle_s = session.idle_s
        self.lifetime_s = session.lifetime_s

    def opened(self, socket: WebSocket) -> None:
        self._opened_at = self._meters.now()
        socket.on_send = self._sent
        self._session.opened(socket)

    def _sent(self, size: int) -> None:
        self._meters.messages(self._names, size)
        self._meters.add(self._names, _OUT, size)

    async def received(self, message: str | bytes) -> None:
        with _hearing() as names:
            try:
                await self._session.received(message)
            finally:
                self._names += names
        size = len(message.encode()) if isinstance(message, str) else len(message)
        self._meters.messages(names or self._names, size)

    async def closed(self, code: int, reason: str) -> None:
        if self._opened_at:
            minutes = int(-(-(self._meters.now() - self._opened_at) // 60))
            self._meters.add(self._names, MINUTES, max(1, minutes))
        await self._session.closed(code, reason)


def _chunks(size: int, chunk: int) -> int:
    return max(1, -(-size // chunk))
