"""A WSGI server for one trusted peer: a thread a connection, keep-alive, one write an answer.

Werkzeug's own server closes every connection and then waits 10 ms for stray bytes; moto's calls would pay for both.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from lambda_sandbox.services.unavailable import failed

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
RECEIVE_BYTES = 256 * 1024

# Underscored S3 metadata names would be lost in WSGI's environ; moto's request class restores them from this key.
PRESERVED_NAMES_KEY = "moto.preserved_header_names"


def serve_forever(listener: socket.socket, application: Application) -> None:
    """Accept connections on ``listener`` until it is closed. Blocks."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_Connection(connection, application).run, daemon=True).start()


def make_environ(method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Environ:
    """Return the WSGI environment of one request; names and values are Latin-1, as PEP 3333 asks."""
    path, _, query = target.partition(b"?")
    environ: Environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": target.decode("latin-1"),
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
    }
    _add_headers(environ, headers)
    return environ


def _add_headers(environ: Environ, headers: list[tuple[bytes, bytes]]) -> None:
    preserved: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name and not name.lower().startswith("x-amz-meta-"):
            continue  # in the environ it could pass for the dashed name
        key = name.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        if "_" in name:
            preserved.setdefault(key, name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[PRESERVED_NAMES_KEY] = preserved


class _Connection:
    def __init__(self, connection: socket.socket, application: Application) -> None:
        self._socket = connection
        self._application = application
        self._parser: Any = httptools.HttpRequestParser(self)
        self._complete: list[tuple[str, bytes, list[tuple[bytes, bytes]], bytes]] = []
        self.on_message_begin()

    def run(self) -> None:
        with self._socket:
            try:
                while data := self._socket.recv(RECEIVE_BYTES):
                    self._parser.feed_data(data)
                    while self._complete:
                        self._socket.sendall(self._answer(*self._complete.pop(0)))
            except (OSError, httptools.HttpParserError):
                return

    # --- httptools -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        self._complete.append((method, self._target, self._headers, b"".join(self._body)))

    # --- the answer ----------------------------------------------------------------------------------

    def _answer(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        try:
            status, answer_headers, answer = self._call(make_environ(method, target, headers, body))
        except Exception as error:  # whatever the application does, the connection and the process go on
            if not isinstance(error, NotImplementedError):
                traceback.print_exc()
            refused = failed(error, headers)
            status, answer = str(refused.status), refused.body
            answer_headers = [(name.decode(), value.decode("latin-1")) for name, value in refused.headers]
        return _encode_response(method, status, answer_headers, answer)

    def _call(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started.append((status, headers))

        chunks = self._application(environ, start_response)
        try:
            answer = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return (*started[-1], answer)


def _encode_response(method: str, status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    code = int(status.split(" ", 1)[0])
    phrase = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else "Status"
    lines = [f"HTTP/1.1 {code} {phrase}\r\n"]
    for name, value in headers:
        lower = name.lower()
        if lower in ("connection", "transfer-encoding") or (lower == "content-length" and method != "HEAD"):
            continue
        lines.append(f"{name}: {value}\r\n")
    if method != "HEAD" and code not in (204, 304):
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines.append("\r\n")
    head = "".join(lines).encode("latin-1", "replace")
    return head if method == "HEAD" or code in (204, 304) else head + body
