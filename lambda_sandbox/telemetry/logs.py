"""Function logs: one stream an execution environment, kept in memory; ``drivers.log_copies`` copies them to CloudWatch Logs.

Writing costs an append: text is cut into events only when it is read, so that the invoke path never waits for logs.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.invocation.report import Report, TracedReport
from lambda_sandbox.quotas import LOG_TAIL_BYTES

# POLICY: beyond this the oldest lines of whichever function has printed most are dropped.
_KEPT_BYTES = 64 << 20
_CHUNK_BYTES = 250  # what Python adds to a chunk: a bytes object, its tuple, a place in the queue
_LINE_BYTES = 200  # about what a line takes that is not made yet

# Who writes a chunk. A line that one of them has begun is that one's to end, whoever writes in between.
FUNCTION, EXTENSION, PLATFORM = "function", "extension", "platform"

# What is written: text; or what the platform's two lines of every invocation are made of, once somebody reads them: END and
# REPORT of a report, START of a request's id and a version.
Written = bytes | Report | TracedReport | tuple[str, str]


def text_of(written: Written) -> bytes:
    """Return the text of what was written, whole lines for a platform's.

    >>> text_of(("r-1", "$LATEST"))
    b'START RequestId: r-1 Version: $LATEST\\n'
    """
    if isinstance(written, bytes):
        return written
    if isinstance(written, tuple):
        return f"START RequestId: {written[0]} Version: {written[1]}\n".encode()
    report = written.report if isinstance(written, TracedReport) else written
    return f"END RequestId: {report.request_id}\n{written.line()}\n".encode()


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line, or a platform's with all that belongs to it. ``timestamp_ms`` is milliseconds since the epoch; ``number`` grows through a group."""

    number: int
    timestamp_ms: int
    stream: str
    message: str


@dataclass(slots=True)
class _Group:
    chunks: deque[tuple[int, int, str, str, Written]] = field(default_factory=deque)
    count: int = 0
    size: int = 0


class LogStore:
    """All log groups of the sandbox, by account, Region and name."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], _Group] = {}
        self._size = 0
        self._invocation: dict[str, list[Written]] = {}
        self.on_write: Callable[[tuple[str, str, str]], None] | None = None  # hears of every append

    def write(
        self, group: tuple[str, str, str], stream: str, data: Written, now: float, writer: str = FUNCTION
    ) -> None:
        """Append ``data``, one or more whole or partial lines, at ``now`` seconds. The platform's lines are whole."""
        store = self._groups.get(group)
        if store is None:
            store = self._groups[group] = _Group()
        store.count += 1
        store.chunks.append((store.count, int(now * 1000), stream, writer, data))
        size = _size(data)
        store.size += size
        self._size += size
        if self._size > _KEPT_BYTES:
            self._shorten()
        current = self._invocation.get(stream)
        if current is not None:
            current.append(data)
        if self.on_write is not None:
            self.on_write(group)

    def _shorten(self) -> None:
        """Drop the older half of the largest group."""
        largest = max(self._groups.values(), key=lambda group: group.size)
        wanted = largest.size // 2
        while largest.size > wanted:
            size = _size(largest.chunks.popleft()[4])
            largest.size -= size
            self._size -= size

    def begin_invocation(self, stream: str) -> None:
        """From here on, what is written to ``stream`` belongs to a new invocation's tail."""
        self._invocation[stream] = []

    def tail(self, stream: str) -> str:
        """Return the last 4 KB of the invocation's log, base64, as ``LogResult`` carries it."""
        data = b"".join(map(text_of, self._invocation.get(stream, ())))
        return base64.b64encode(data[-LOG_TAIL_BYTES:]).decode()

    def forget_stream(self, stream: str) -> None:
        self._invocation.pop(stream, None)

    def groups(self) -> list[tuple[str, str, str]]:
        return sorted(self._groups)

    def to_json(self, function_name: str | None) -> list[dict[str, Any]]:
        """Return the lines of one function, or of all, by time."""
        wanted = None if function_name is None else f"/aws/lambda/{function_name}"
        events = [
            {
                "timestamp_ms": event.timestamp_ms,
                "group": group[2],
                "stream": event.stream,
                "message": event.message,
            }
            for group in self.groups()
            if wanted in (None, group[2])
            for event in self.events(group)
        ]
        return sorted(events, key=lambda event: event["timestamp_ms"])

    def events(self, group: tuple[str, str, str], after: int = 0) -> Iterator[LogEvent]:
        """Yield the group's lines in order, those of chunks numbered above ``after`` only."""
        store = self._groups.get(group)
        if store is None:
            return
        partial: dict[tuple[str, str], bytes] = {}
        for number, timestamp_ms, stream, writer, data in list(store.chunks):
            if number <= after:
                continue
            if writer == PLATFORM or type(data) is not bytes:  # ends the line that the function has begun
                lines = [
                    *filter(None, [partial.pop((stream, FUNCTION), b"")]),
                    *text_of(data).split(b"\n")[:-1],
                ]
            else:
                lines = (partial.pop((stream, writer), b"") + data).split(b"\n")
                partial[stream, writer] = lines.pop()
            if isinstance(data, TracedReport):
                lines[-2:] = [b"\n".join(lines[-2:])]
            for line in lines:
                yield LogEvent(number, timestamp_ms, stream, line.decode("utf-8", "replace") + "\n")
        for (stream, _), rest in partial.items():
            if rest:
                yield LogEvent(store.count, int(timestamp_ms), stream, rest.decode("utf-8", "replace"))

    def clear(self) -> None:
        self._groups.clear()
        self._size = 0
        self._invocation.clear()


def _size(data: Written) -> int:
    return (len(data) if type(data) is bytes else _LINE_BYTES) + _CHUNK_BYTES
