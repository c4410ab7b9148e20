"""Function logs: one stream an execution environment, kept in memory; ``drivers.log_copies`` copies them to CloudWatch Logs.

Writing costs an append: text is cut into events only when it is read, so that the invoke path never waits for logs.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lambda_sandbox.invocation.report import LongReport, Report
from lambda_sandbox.quotas import LOG_TAIL_BYTES

# POLICY: the sandbox keeps 64 MB of logs in memory; beyond that the oldest lines of the function that printed most are dropped.
_KEPT_BYTES = 64 << 20
_CHUNK_BYTES = 150  # what Python adds to a chunk: a bytes object, its tuple, a place in the queue
_LINE_BYTES = 200  # about what a line takes that is not made yet

# Who writes a chunk. A line that one of them has begun is that one's to end, whoever writes in between.
FUNCTION, EXTENSION, PLATFORM = "function", "extension", "platform"

# What is written: text; or what the platform's two lines of every invocation are made of, once somebody reads them: END and
# REPORT of a report, START of a request's id and a version.
Written = bytes | Report | LongReport | tuple[str, str]


def text_of(written: Written) -> bytes:
    """Return the text of what was written, whole lines for a platform's.

    >>> text_of(("r-1", "$LATEST"))
    b'START RequestId: r-1 Version: $LATEST\\n'
    """
    if isinstance(written, bytes):
        return written
    if isinstance(written, tuple):
        return f"START RequestId: {written[0]} Version: {written[1]}\n".encode()
    report = written.report if isinstance(written, LongReport) else written
    return f"END RequestId: {report.request_id}\n{written.line()}\n".encode()


def bytes_of(written: Written) -> int:
    """Return the length of ``text_of``, mostly without making it.

    >>> all(bytes_of(what) == len(text_of(what)) for what in (b"text", ("r-1", "1"), Report("r-1", 1.5, 128, 40)))
    True
    """
    if isinstance(written, bytes):
        return len(written)
    if isinstance(written, tuple):
        return _START_BYTES + len(written[0]) + len(written[1])
    report = written.report if isinstance(written, LongReport) else written
    return _END_BYTES + len(report.request_id) + written.line_bytes()


_START_BYTES, _END_BYTES = len("START RequestId:  Version: \n"), len("END RequestId: \n\n")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line, or a platform's with all that belongs to it. ``timestamp_ms`` is milliseconds since the epoch; ``number`` grows through a group."""

    number: int
    timestamp_ms: int
    stream: str
    message: str


@dataclass(slots=True)
class _Group:
    """``chunks`` are when (seconds since the epoch), stream, who and what; the last one's number is ``count``."""

    chunks: deque[tuple[float, str, str, Written]] = field(default_factory=deque)
    count: int = 0
    size: int = 0


class LogStore:
    """All log groups of the sandbox, by account, Region and name."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], _Group] = {}
        self._size = 0
        self._begun: dict[str, tuple[_Group, int]] = {}  # by stream: the last chunk before its invocation
        self.on_write: Callable[[tuple[str, str, str]], None] | None = None  # hears of every append

    def write(
        self, group: tuple[str, str, str], stream: str, data: Written, now: float, writer: str = FUNCTION
    ) -> None:
        """Append ``data``, one or more whole or partial lines, at ``now`` seconds. The platform's lines are whole."""
        store = self._groups.get(group) or self._new(group)
        store.count += 1
        store.chunks.append((now, stream, writer, data))
        size = (
            len(data) if type(data) is bytes else _LINE_BYTES
        ) + _CHUNK_BYTES  # as ``_size`` has it, without a call
        store.size += size
        self._size += size
        if self._size > _KEPT_BYTES:
            self._shorten()
        if self.on_write is not None:
            self.on_write(group)

    def _shorten(self) -> None:
        """Drop the older half of the largest group."""
        largest = max(self._groups.values(), key=lambda group: group.size)
        wanted = largest.size // 2
        while largest.size > wanted:
            size = _size(largest.chunks.popleft()[3])
            largest.size -= size
            self._size -= size

    def _new(self, group: tuple[str, str, str]) -> _Group:
        return self._groups.setdefault(group, _Group())

    def begin_invocation(self, group: tuple[str, str, str], stream: str) -> None:
        """From here on, what is written to ``stream`` belongs to a new invocation's tail."""
        store = self._groups.get(group) or self._new(group)
        self._begun[stream] = store, store.count

    def tail(self, stream: str) -> str:
        """Return the last 4 KB of the invocation's log, base64, as ``LogResult`` carries it."""
        store, before = self._begun.get(stream) or (_Group(), 0)
        latest_first = islice(reversed(store.chunks), store.count - before)
        texts = [text_of(data) for _, name, _, data in latest_first if name == stream]
        data = b"".join(reversed(texts))
        return base64.b64encode(data[-LOG_TAIL_BYTES:]).decode()

    def forget_stream(self, stream: str) -> None:
        self._begun.pop(stream, None)

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
        chunks = list(store.chunks)
        skipped = max(0, len(chunks) - (store.count - after))
        for number, (at, stream, writer, data) in enumerate(
            chunks[skipped:], store.count - len(chunks) + skipped + 1
        ):
            timestamp_ms = int(at * 1000)
            if writer == PLATFORM or type(data) is not bytes:  # ends the line that the function has begun
                lines = [
                    *filter(None, [partial.pop((stream, FUNCTION), b"")]),
                    *text_of(data).split(b"\n")[:-1],
                ]
            else:
                lines = (partial.pop((stream, writer), b"") + data).split(b"\n")
                partial[stream, writer] = lines.pop()
            if isinstance(data, LongReport):
                own = len(data.further()) + 1
                lines[-own:] = [b"\n".join(lines[-own:])]
            for line in lines:
                yield LogEvent(number, timestamp_ms, stream, line.decode("utf-8", "replace") + "\n")
        for (stream, _), rest in partial.items():
            if rest:
                yield LogEvent(store.count, timestamp_ms, stream, rest.decode("utf-8", "replace"))

    def clear(self) -> None:
        self._groups.clear()
        self._size = 0
        self._begun.clear()


def _size(data: Written) -> int:
    return (len(data) if type(data) is bytes else _LINE_BYTES) + _CHUNK_BYTES
