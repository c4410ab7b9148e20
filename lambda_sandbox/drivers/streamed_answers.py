"""An HTTP connection that can also answer piece by piece, and holds the source back while its caller is slow."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from lambda_sandbox.http_server import HttpConnection, Request


class StreamingConnection(HttpConnection):
    """``begin_stream``, ``stream`` and ``end_stream`` stand for one ``answer``. After a hang-up all of them do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._hold: Callable[[bool], None] | None = None
        self._held_back = False
        self._chunked = False
        self._bodyless = False

    def begin_stream(self, status: int, headers: bytes, hold: Callable[[bool], None] | None = None) -> None:
        """Send the head. ``hold(True)`` is called when the caller reads too slowly, ``hold(False)`` when it has caught up."""
        request = self._current
        # These have no body, and nothing that tells of one (RFC 9112, section 6.3).
        empty = status < 200 or status in (204, 304)
        # A caller that speaks HTTP/1.0 knows no chunks: for it the end of the connection is the end of the answer.
        old = request is not None and request.http_version == "1.0"
        if request is not None and old:
            request.keep_alive = False
        self._chunked = not old and not empty
        self._bodyless = empty or (request is not None and request.method == b"HEAD")
        self._hold = hold
        if self._held_back and hold is not None:
            hold(True)  # the answer before this one is still on its way
        framing = (
            b"Transfer-Encoding: chunked\r\n" if self._chunked else b"Connection: close\r\n" if old else b""
        )
        self._send(b"HTTP/1.1 %d %s\r\n%s%s\r\n" % (status, _reason(status), headers, framing))

    def stream(self, data: bytes) -> None:
        if data and not self._bodyless:
            self._send(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def end_stream(self) -> None:
        """Send the end, and take up the next request of this connection."""
        self._hold = None
        if self._chunked and not self._bodyless:
            self._send(b"0\r\n\r\n")
        request, self._current = self._current, None
        self._finish(request)

    def abort_stream(self) -> None:
        """Break the connection off: the caller sees that the answer is not whole."""
        self._hold = None
        self._current = None
        self.close()

    def _finish(self, request: Request | None) -> None:
        if request is not None and not request.keep_alive:
            self.close()
        elif self._waiting:
            self._current = self._waiting.popleft()
            self.handle(self._current)

    def _send(self, data: bytes) -> None:
        if self.is_open:
            self._write(data)

    def addresses(self) -> tuple[str, int]:
        """Return the caller's IP address and the port that it called."""
        transport = self._transport
        if transport is None:
            return "", 0
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        return (peer[0] if peer else ""), (own[1] if own else 0)

    # --- asyncio -------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._held_back = True
        if self._hold is not None:
            self._hold(True)

    def resume_writing(self) -> None:
        hold, held_back, self._held_back = self._hold, self._held_back, False
        if held_back and hold is not None:
            hold(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        self._hold = None
        super().connection_lost(exc)


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Status"
