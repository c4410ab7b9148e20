"""A raw-socket client: what it costs itself is small beside what it measures. Times are microseconds."""

from __future__ import annotations

import selectors
import socket
import time


def request(path: str, body: bytes = b"{}") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Send one request and return the whole answer. Raises ``ConnectionError`` when the server hangs up."""
    connection.sendall(data)
    answer = b""
    while not _complete(answer):
        part = connection.recv(65_536)
        if not part:
            raise ConnectionError("the server closed the connection")
        answer += part
    return answer


def latencies(port: int, data: bytes, count: int) -> list[float]:
    """Return the microseconds of ``count`` requests, one after another on one keep-alive connection."""
    times = []
    with connect(port) as connection:
        for _ in range(count):
            start = time.perf_counter_ns()
            answer = exchange(connection, data)
            times.append((time.perf_counter_ns() - start) / 1000)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(answer[:200].decode("latin-1"))
    return times


def throughput(port: int, data: bytes, connections: int, seconds: float) -> float:
    """Return requests a second over ``connections`` that each have one request out at a time."""
    selector = selectors.DefaultSelector()
    partial: dict[socket.socket, bytes] = {}
    for _ in range(connections):
        connection = connect(port)
        selector.register(connection, selectors.EVENT_READ)
        partial[connection] = b""
        connection.sendall(data)
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for key, _ in selector.select(timeout=1.0):
            connection = key.fileobj  # type: ignore[assignment]
            partial[connection] += connection.recv(65_536)
            if _complete(partial[connection]):
                if not partial[connection].startswith(b"HTTP/1.1 200"):
                    raise ConnectionError(partial[connection][:200].decode("latin-1"))
                partial[connection] = b""
                done += 1
                connection.sendall(data)
    for connection in partial:
        connection.close()
    selector.close()
    return done / elapsed


def _complete(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    start = head.find(b"content-length:")
    length = int(head[start + 15 :].split(b"\r\n", 1)[0])
    return len(answer) >= end + 4 + length
