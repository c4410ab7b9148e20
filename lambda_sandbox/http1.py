"""One keep-alive HTTP/1.1 connection on the client's side: one write a request, httptools parses the response."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httptools

Headers = list[tuple[bytes, bytes]]

# They describe one connection, not the message, so nothing may pass them on (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` keep the spelling on the wire; ``body`` is whole, whatever its framing was."""

    status: int
    headers: Headers
    body: bytes


def encode_request(
    method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> bytes:
    """Return one request as bytes, its body framed by ``Content-Length`` whatever ``headers`` say about framing."""
    parts = [method, b" ", target, b" HTTP/1.1\r\n"]
    for name, value in headers:
        lower = name.lower()
        if lower != b"content-length" and lower not in HOP_BY_HOP:
            parts += (name, b": ", value, b"\r\n")
    parts += (b"Content-Length: %d\r\n\r\n" % len(body), body)
    return b"".join(parts)


class ClientConnection(asyncio.Protocol):
    """One request at a time; ``usable`` says whether another may follow."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._parser: Any = None
        self._head = False
        self._headers: Headers = []
        self._body: list[bytes] = []

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._waiter is None

    async def request(self, data: bytes, *, head: bool = False) -> Response:
        """Send ``data`` (from ``encode_request``) and return the answer. ``head`` marks a HEAD request.

        Raises ``ConnectionError`` when the peer hangs up first. A caller that is cancelled closes the connection.
        """
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._head, self._headers, self._body = head, [], []
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            return await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # --- asyncio -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(exc or ConnectionResetError("the peer closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # bytes that nobody asked for: the connection cannot be trusted any more
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is not valid HTTP/1.1: {error}"))
            self.close()

    # --- httptools -----------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head:
            self._complete()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete()

    # --- inside --------------------------------------------------------------------------------------

    def _complete(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        parts = self._body
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._waiter.set_result(Response(self._parser.get_status_code(), self._headers, body))
        if not self._parser.should_keep_alive() and not self._head:
            self.close()

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(
                error if isinstance(error, ConnectionError) else ConnectionError(str(error))
            )
