"""Copies function logs to CloudWatch Logs in the neighbours, at the moment somebody is about to read them there.

DIFFERS: AWS delivers logs within seconds by itself; here they are there on the first request to CloudWatch Logs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Any

from lambda_sandbox.telemetry.logs import LogEvent, LogStore

_BATCH = 10_000  # PutLogEvents takes this many events a call

Forward = Callable[[str, str, list[tuple[bytes, bytes]], bytes], Awaitable[tuple[int, Any, bytes]]]


class LogCopies:
    """``forward`` sends one HTTP request to the neighbours."""

    def __init__(self, logs: LogStore, forward: Forward) -> None:
        self._logs = logs
        self._forward = forward
        self._copied: dict[tuple[str, str, str], int] = {}
        self._made: set[tuple[str, str, str, str]] = set()
        self._lock = asyncio.Lock()

    async def flush(self) -> None:
        """Copy what is new in every group. A failure leaves the group for the next time."""
        async with self._lock:
            for group in self._logs.groups():
                events = list(self._logs.events(group, after=self._copied.get(group, 0)))
                if events:
                    await self._copy(group, events)
                    self._copied[group] = events[-1].number

    def clear(self) -> None:
        self._copied.clear()
        self._made.clear()

    async def _copy(self, group: tuple[str, str, str], events: list[LogEvent]) -> None:
        by_stream = sorted(events, key=lambda event: event.stream)
        for stream, lines in groupby(by_stream, key=lambda event: event.stream):
            await self._make(group, stream)
            batch = [{"timestamp": line.timestamp_ms, "message": line.message.rstrip("\n")} for line in lines]
            for start in range(0, len(batch), _BATCH):
                body = {
                    "logGroupName": group[2],
                    "logStreamName": stream,
                    "logEvents": batch[start : start + _BATCH],
                }
                await self._call(group, "PutLogEvents", body)

    async def _make(self, group: tuple[str, str, str], stream: str) -> None:
        if (*group, stream) not in self._made:
            # Both answer ResourceAlreadyExistsException the second time, which is as good as success.
            await self._call(group, "CreateLogGroup", {"logGroupName": group[2]})
            await self._call(group, "CreateLogStream", {"logGroupName": group[2], "logStreamName": stream})
            self._made.add((*group, stream))

    async def _call(self, group: tuple[str, str, str], operation: str, body: dict[str, Any]) -> None:
        account, region, _ = group
        credential = f"AWS4-HMAC-SHA256 Credential={account}/20200101/{region}/logs/aws4_request"
        headers = [
            (b"host", f"logs.{region}.amazonaws.com".encode()),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"x-amz-target", f"Logs_20140328.{operation}".encode()),
            (b"authorization", f"{credential}, SignedHeaders=host, Signature=0".encode()),
        ]
        await self._forward("POST", "/", headers, json.dumps(body).encode())
