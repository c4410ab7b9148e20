"""One HTTP request and one HTTP response, the same for every front door."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``headers`` leave out framing: the server adds ``Content-Length``. ``reason`` is empty for the usual one."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str = ""

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of ``name``, whatever its spelling."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)
