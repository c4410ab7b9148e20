"""One keep-alive HTTP/1.1 connection on the server's side: httptools parses, every answer is one write.

asyncio and uvloop set ``TCP_NODELAY`` on every TCP transport; with two writes an answer would wait 40 ms for Nagle.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httptools
from msgspec import Struct

_STATUS_LINES = {s.value: b"HTTP/1.1 %d %s\r\n" % (s.value, s.phrase.encode()) for s in HTTPStatus}
MAX_HEADER_BYTES = 1024 * 1024
MAX_BODY_BYTES = 512 * 1024 * 1024
_TRIES = 8  # heads that are kept, and do not come again, before a connection keeps no more


class Request(Struct, eq=False, gc=False):
    """``target`` is path and query as sent; ``headers`` keys are lower case, a repeated header keeps every value.

    ``names`` are the same keys as they were spelled; empty for a request that did not come over the wire. ``principal`` is who
    asks, once the gate has let the request in. ``head`` is set where the connection has had this very head before.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    names: list[bytes] = []
    keep_alive: bool = True
    http_version: str = "1.1"
    principal: Any = None
    head: Head | None = None

    def header(self, name: bytes, default: bytes = b"") -> bytes:
        """Return the first value of ``name`` (lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return default


class Head(Struct):
    """A request's head as it came, in one segment of ``size`` bytes with its body, and what was found in it.

    ``made`` is for whoever handles the request: what was made of the head need not be made again.
    """

    raw: bytes
    size: int
    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    names: list[bytes]
    made: Any = None

    def request(self, segment: bytes) -> Request:
        body = segment[len(self.raw) :]
        return Request(self.method, self.target, self.headers, body, self.names, head=self)


_NO_HEAD = Head(b"", -1, b"", b"", [], [])


class HttpConnection(asyncio.Protocol):
    """Subclasses implement ``handle`` and call ``answer`` once for each request, then or later.

    Requests that arrive before the answer (pipelining) wait their turn, so answers keep their order.
    """

    max_body_bytes = MAX_BODY_BYTES
    early_headers = frozenset({b"expect"})  # what is looked at before the body comes

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._names: list[bytes] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head_bytes = 0  # received since the last head or body was complete
        self._waiting: deque[Request] = deque()
        self._taking_waiting = False
        self._current: Request | None = None
        self._corked = False
        self._held = b""
        self._reading = False  # some of a request has come
        self._segment = b""  # what is being read
        self._begun_in_segment = False  # the request that is being read began in it
        self._began_here = False  # and its head is the segment's beginning, and whole
        self._head = _NO_HEAD
        self._tries = 0  # heads kept since one came again

    # --- asyncio -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        head = self._head
        if len(data) == head.size and data.startswith(head.raw) and self._between_requests:
            self._take_again(head, data)
            return
        self._segment, self._begun_in_segment, self._began_here = data, False, False
        self._corked = True
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._head = _NO_HEAD
            self.upgrade_asked(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._failed(error.__context__ or error)
        except httptools.HttpParserError as error:
            if self._transport is not None:
                self._refuse(400, f"the request is not valid HTTP/1.1: {error}")
        self._segment, self._corked = b"", False
        if self._head_bytes > MAX_HEADER_BYTES and self._transport is not None:
            self._refuse(431, "the headers are larger than 1 MB")
        if self._held and self._current is None:
            self._write(b"")

    # --- httptools -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reading = self._begun_in_segment = True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        self._names.append(name)

    def on_headers_complete(self) -> None:
        self._began_here = self._begun_in_segment and self._head_bytes == len(self._segment)
        self._head_bytes = self._size = 0
        early = self.early_headers
        for name, value in self._headers:
            if name in early:
                self._began_here = False
                self.early_header(name, value)

    def early_header(self, name: bytes, value: bytes) -> None:
        if name == b"expect" and value.lower() == b"100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._size += len(body)
        if self._size > self.max_body_bytes:
            self._refuse(413, f"the body is larger than {self.max_body_bytes} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        parts, parser = self._body, self._parser
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        request = Request(
            parser.get_method(),
            self._target,
            self._headers,
            body,
            self._names,
            parser.should_keep_alive(),
            parser.get_http_version(),
        )
        if self._began_here and request.keep_alive and request.http_version == "1.1":
            self._remember(request)
        self._reading = False
        self._target, self._headers, self._names, self._body = b"", [], [], []
        if self._current is None and not self._waiting:
            self._current = request
            self.handle(request)
        else:
            self._waiting.append(request)

    # --- a head that comes again ---------------------------------------------------------------------

    def _remember(self, request: Request) -> None:
        """Many a caller sends the same head again and again. One that signs its requests never does, and soon pays nothing."""
        if self._tries < _TRIES:
            self._tries += 1
            self._keep_head(request)

    def _keep_head(self, request: Request) -> None:
        """Keep the head of a request that came whole, with nothing behind it."""
        segment = self._segment
        size = segment.find(b"\r\n\r\n") + 4
        if size + len(request.body) == len(segment):
            self._head = Head(
                segment[:size], len(segment), request.method, request.target, request.headers, request.names
            )

    def _take_again(self, head: Head, segment: bytes) -> None:
        """Handle a request whose head, byte for byte, was parsed before."""
        self._tries = self._head_bytes = 0
        self._current = request = head.request(segment)
        try:
            self.handle(request)
        except Exception as fault:
            self._failed(fault)

    # --- for subclasses ------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def handle(self, request: Request) -> None:
        raise NotImplementedError

    def upgrade_asked(self, rest: bytes) -> None:
        """Called behind ``handle`` for a request that asks for another protocol; ``rest`` came behind it."""
        self._refuse(400, "this endpoint does not upgrade connections")

    def answer(
        self, status: int, headers: Iterable[tuple[bytes, bytes]] | bytes, body: bytes, reason: str = ""
    ) -> None:
        """Answer the current request with one write. ``headers`` may be ready-made lines, each ending in CR LF.

        Content-Length is added; ``reason`` stands in for the usual words of the status. After a caller hung up this does nothing.
        """
        request, self._current = self._current, None
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not isinstance(headers, bytes):
            headers = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        head = _STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status
        if reason:
            head = b"HTTP/1.1 %d %s\r\n" % (status, reason.encode("latin-1", "replace"))
        if request is not None and request.method == b"HEAD":
            # The neighbours' own Content-Length stands for the body that HEAD leaves out.
            self._write(b"%s%s\r\n" % (head, headers))
        elif status == 204:
            self._write(b"%s%s\r\n" % (head, headers))
        else:
            self._write(b"%s%sContent-Length: %d\r\n\r\n%s" % (head, headers, len(body), body))
        if request is not None and not request.keep_alive:
            self._corked = False
            self._write(b"")
            transport.close()
        elif self._waiting and not self._taking_waiting:
            self._take_waiting()

    def _take_waiting(self) -> None:
        """Handle those that waited, one by one: thousands may, and each would lie on the stack of the one before."""
        self._taking_waiting = True
        try:
            while self._waiting and self._current is None:
                self._current = self._waiting.popleft()
                self.handle(self._current)
        finally:
            self._taking_waiting = False

    def _write(self, data: bytes) -> None:
        """Write now, or together with the next answer when a pipelined request came in the same segment.

        A runtime that posts a response and asks for the next event in one segment is then woken once, by its event.
        """
        if self._corked:
            self._held += data
        elif self._transport is not None:
            held, self._held = self._held, b""
            self._transport.write(held + data if held else data)

    @property
    def _between_requests(self) -> bool:
        """Every request so far has been answered, and nothing has come of a next one."""
        return self._current is None and not self._waiting and not self._reading

    def answer_json(self, status: int, value: Any, headers: bytes = b"") -> None:
        self.answer(status, b"Content-Type: application/json\r\n" + headers, json.dumps(value).encode())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _failed(self, fault: BaseException) -> None:
        """A defect of ours, not of the request: its traceback goes to the server's own stderr."""
        asyncio.get_running_loop().call_exception_handler({"message": "request failed", "exception": fault})
        if self._transport is not None:
            self._refuse(500, f"the sandbox failed ({type(fault).__name__}: {fault}); please report it")

    def _refuse(self, status: int, reason: str) -> None:
        self._corked = False
        self.answer_json(status, {"message": reason}, b"Connection: close\r\n")
        if self._transport is not None:
            self._transport.close()
            self._transport = None
