from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from lambda_sandbox.services.wsgi_server import make_environ, serve_forever


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise RuntimeError("on purpose")
    if path == "/none":
        start_response("204 NO CONTENT", [])
        return []
    start_response("200 OK", [("Content-Length", "5")] if environ["REQUEST_METHOD"] == "HEAD" else [])
    return [environ["wsgi.input"].read(), b"!"]


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_forever, args=(listener, application), daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=10) as connection:
            yield connection
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def ask(client: socket.socket, request: bytes) -> bytes:
    client.sendall(request)
    return client.recv(65536)


def test_one_connection_serves_many_requests_and_each_answer_is_one_write(client: socket.socket) -> None:
    for body in (b"a", b"bc"):
        answer = ask(client, b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s!" % (len(body) + 1, body)


def test_a_head_answer_tells_the_length_and_has_no_body(client: socket.socket) -> None:
    assert ask(client, b"HEAD / HTTP/1.1\r\n\r\n") == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def test_an_answer_without_content_has_no_length(client: socket.socket) -> None:
    assert ask(client, b"GET /none HTTP/1.1\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_an_application_that_raises_answers_500_and_the_connection_lives(
    client: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(client, b"GET /fail HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500")
    assert "on purpose" in capfd.readouterr().err
    assert ask(client, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_metadata_names_with_underscores_keep_their_spelling() -> None:
    headers = [(b"x-amz-meta-my_key", b"v"), (b"x_forged", b"no"), (b"X-Real", b"yes")]
    environ = make_environ("GET", b"/a%20b?q=1", headers, b"")
    assert environ["moto.preserved_header_names"] == {"HTTP_X_AMZ_META_MY_KEY": "x-amz-meta-my_key"}
    assert (environ["HTTP_X_REAL"], environ.get("HTTP_X_FORGED")) == ("yes", None)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a b", "q=1")
