"""One subscriber of telemetry: what waits for it, and the connection that carries it into the environment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from lambda_sandbox.runtime_api.telemetry import Subscription

# POLICY: events of the Telemetry API that an extension does not take are sent again six times within 4 s, and dropped once four
# times its ``maxBytes`` wait. AWS retries "with backoff" and drops "to keep memory utilization bounded", without numbers.
_RETRY_WAITS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_BACKLOG = 4  # times maxBytes

Connect = Callable[[int], Awaitable[socket.socket]]


class Subscriber:
    """Buffers by the subscription's three limits, sends one batch after the other.

    ``connect(port)`` reaches a listener inside the environment. ``dropped(records, size)`` makes the event that says what
    was dropped while the subscriber had fallen behind.
    """

    def __init__(
        self, subscription: Subscription, connect: Connect, dropped: Callable[[int, int], bytes]
    ) -> None:
        self.subscription = subscription
        self._connect = connect
        self._dropped = dropped
        self._events: list[bytes] = []
        self._size = 0
        self._lost_records = self._lost_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, event: bytes) -> None:
        """Keep ``event`` until its batch is due; drop it when the subscriber is far behind."""
        limits = self.subscription
        if self._size + len(event) > _BACKLOG * limits.max_bytes:
            self._lost_records += 1
            self._lost_bytes += len(event)
            return
        self._events.append(event)
        self._size += len(event)
        if len(self._events) >= limits.max_items or self._size >= limits.max_bytes:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limits.timeout_ms / 1000.0, self.flush)

    def flush(self) -> None:
        """Send what there is, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due.set()

    def close(self) -> None:
        """The environment is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                while self._events:
                    await self._send(self._batch())
        finally:
            if self._writer is not None:
                self._writer.close()

    def _batch(self) -> list[bytes]:
        if self._lost_records:
            self._events.append(self._dropped(self._lost_records, self._lost_bytes))
            self._lost_records = self._lost_bytes = 0
        batch = self._events[: self.subscription.max_items]
        del self._events[: len(batch)]
        self._size = sum(map(len, self._events))
        return batch

    async def _send(self, batch: list[bytes]) -> None:
        """Try until it is delivered; after the last try the batch counts as dropped."""
        for wait_s in (*_RETRY_WAITS_S, None):
            try:
                await self._post(batch) if self.subscription.http_path else await self._write(batch)
                return
            except (OSError, EOFError, asyncio.LimitOverrunError):
                if self._writer is not None:
                    self._writer.close()
                self._writer = None
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        self._lost_records += len(batch)
        self._lost_bytes += sum(map(len, batch))

    async def _post(self, batch: list[bytes]) -> None:
        connection = await self._connect(self.subscription.port)
        reader, writer = await asyncio.open_connection(sock=connection)
        body = b"[" + b",".join(batch) + b"]"
        head = (
            f"POST {self.subscription.http_path} HTTP/1.1\r\nHost: sandbox.localdomain:{self.subscription.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            writer.write(head.encode("latin-1") + body)
            status = (await reader.readuntil(b"\r\n")).split()
            if len(status) < 2 or not status[1].startswith(b"2"):
                raise ConnectionError(f"the listener answered {status!r}")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _write(self, batch: list[bytes]) -> None:
        """TCP: a line of JSON an event, on a connection that stays."""
        if self._writer is None:
            connection = await self._connect(self.subscription.port)
            _, self._writer = await asyncio.open_connection(sock=connection)
        self._writer.write(b"".join(event + b"\n" for event in batch))
        await self._writer.drain()
