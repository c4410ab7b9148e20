"""A raw HTTP client that costs little beside the servers it measures: one write a request, keep-alive, no threads."""

from __future__ import annotations

import selectors
import socket
import time

TIMEOUT_S = 30.0


class WrongAnswer(Exception):
    """A server answered something else than a success; the text quotes its first bytes."""


class Connection:
    """One keep-alive connection to ``host``:``port`` that sends the same request again and again."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        self.request = request
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self) -> None:
        self.socket.sendall(self.request)

    def receive(self) -> bool:
        """Read what has come; return whether the answer is complete. Raises ``WrongAnswer``."""
        data = self.socket.recv(65536)
        if not data:
            raise WrongAnswer("the server closed the connection")
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        lowered = head.lower()
        if not head.startswith(b"HTTP/1.1 200") or b"\r\nx-amz-function-error:" in lowered:
            raise WrongAnswer(repr(self._buffer[:300]))
        length = int(lowered.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return False
        self._buffer = b""
        return True

    def call(self) -> float:
        """Send one request, wait for the whole answer, and return the seconds it took."""
        started = time.perf_counter()
        self.send()
        while not self.receive():
            pass
        return time.perf_counter() - started

    def close(self) -> None:
        self.socket.close()


def latencies_s(connection: Connection, calls: int) -> list[float]:
    """Return the seconds of each of ``calls`` calls, one after the other on one connection."""
    return [connection.call() for _ in range(calls)]


def calls_per_second(host: str, port: int, request: bytes, connections: int, calls: int) -> float:
    """Return the rate at which ``calls`` are answered when each of ``connections`` always has one under way."""
    opened = [Connection(host, port, request) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        sent, done = connections, 0
        while done < sent:
            ready = selector.select(TIMEOUT_S)
            if not ready:
                raise WrongAnswer(f"no answer within {TIMEOUT_S:g} s")
            for key, _ in ready:
                connection = key.data
                if connection.receive():
                    done += 1
                    if sent < calls:
                        sent += 1
                        connection.send()
        elapsed = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return done / elapsed
