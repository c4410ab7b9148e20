"""One HTTP request and one HTTP response, the same for every front door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``path`` and ``query`` are as sent (percent-encoded); ``headers`` keep spelling, order and repetitions.

    ``path`` begins with a slash. ``port`` is the one that was called. ``sent_host`` and ``sent_target`` are what a client
    wrote that named the door by a path (else empty): signatures are made over them.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    port: int = 80
    sent_host: str = ""
    sent_target: str = ""

    @property
    def host(self) -> str:
        """The name that was called, in lower case and without the port."""
        return self.header("host").rsplit(":", 1)[0].lower()

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``, whatever its spelling."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)

    def header_values(self, name: str) -> list[str]:
        """Return every value of ``name``, whatever its spelling, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's names and values, decoded, in order, with repetitions and empty values."""
        return parse_qsl(self.query, keep_blank_values=True)


class BodyWriter(Protocol):
    """Where a body goes while it is made. After a caller hung up all of it does nothing."""

    @property
    def is_open(self) -> bool: ...

    def stream(self, data: bytes) -> None: ...

    def end_stream(self) -> None: ...

    def abort_stream(self) -> None:
        """The body is not whole, and the caller must see that."""
        ...


class BodyStream(Protocol):
    """A body that is still being made."""

    def hold(self, on: bool) -> None:
        """Stop the making while the caller reads too slowly, or go on with it."""
        ...

    def send_to(self, writer: BodyWriter) -> None:
        """Give ``writer``, once, all that there is and all that comes. Returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``headers`` leave out framing: the server adds it. ``reason`` is empty for the usual one.

    With a ``stream`` the body is what comes from there, and ``body`` is empty.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str = ""
    stream: BodyStream | None = None

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``, whatever its spelling."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)
