"""Copies function logs to CloudWatch Logs in the neighbours: at the moment somebody is about to read them there, or promptly.

A group is copied within ``PROMPT_S`` of every line once it has a subscription or metric filter; an invocation waits for
neither.

DIFFERS: the log of a function reaches CloudWatch Logs at the moment that somebody reads the group, or at once where a subscription
or metric filter waits for it. On AWS lines arrive within seconds, read or not. Whoever reads notices no difference.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from lambda_sandbox.telemetry.logs import LogEvent, LogStore

PROMPT_S = 0.05
_UNFINISHED_S = 1.0  # what has no line end by then is a line
_BATCH = 10_000  # PutLogEvents takes this many events a call
_FILTERS = ("PutSubscriptionFilter", "PutMetricFilter")

Forward = Callable[[str, str, list[tuple[bytes, bytes]], bytes], Awaitable[tuple[int, Any, bytes]]]
Group = tuple[str, str, str]  # account, Region, name
_DOWN = 503


class _Down(Exception):
    """The neighbours take nothing now."""


class LogCopies:
    """``forward`` sends one HTTP request to the neighbours. Belongs to the event loop that calls ``watch``.

    ``prompt`` copies every group promptly: neighbours of somebody else may have filters that nobody here saw.
    """

    def __init__(self, logs: LogStore, forward: Forward, *, prompt: bool = False) -> None:
        self._logs = logs
        self._forward = forward
        self._prompt = prompt
        self._watched: set[Group] = set()
        self._due: set[Group] = set()
        self._ending: set[Group] = set()  # the timers for lines without an end
        self._unfinished: dict[tuple[Group, str], LogEvent] = {}
        self._copied: dict[Group, int] = {}
        self._made: set[tuple[str, str, str, str]] = set()
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        if prompt:
            logs.on_write = self._written

    async def flush(self) -> None:
        """Copy what is new in every group. What neighbours that are down do not take is copied the next time."""
        async with self._lock:
            for group in self._logs.groups():
                await self._copy_new(group, whole=False)

    def forwarded(self, target: str, body: bytes, account_id: str, region: str) -> None:
        """Hear of a request that CloudWatch Logs carried out: a group with a filter is copied promptly from now on.

        Its older lines were copied before the request was passed on, so the filter sees none of them, as on AWS.
        """
        if target.rpartition(".")[2] in _FILTERS:
            self._watched.add((account_id, region, json.loads(body)["logGroupName"]))
            self._logs.on_write = self._written

    def clear(self) -> None:
        self._copied.clear()
        self._made.clear()
        self._watched.clear()
        self._unfinished.clear()
        self._logs.on_write = self._written if self._prompt else None

    # --- promptly ------------------------------------------------------------------------------------

    def _written(self, group: Group) -> None:
        """On the path of every line: no more than a look and, for the first of several lines, a timer."""
        if (self._prompt or group in self._watched) and group not in self._due:
            self._due.add(group)
            asyncio.get_running_loop().call_later(PROMPT_S, self._begin, group, self._due, True)

    def _begin(self, group: Group, timers: set[Group], whole: bool) -> None:
        timers.discard(group)
        task = asyncio.get_running_loop().create_task(self._copy_promptly(group, whole))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _copy_promptly(self, group: Group, whole: bool) -> None:
        async with self._lock:
            await self._copy_new(group, whole=whole)
        if any(waiting == group for waiting, _ in self._unfinished) and group not in self._ending:
            self._ending.add(group)
            asyncio.get_running_loop().call_later(_UNFINISHED_S, self._begin, group, self._ending, False)

    # --- copying -------------------------------------------------------------------------------------

    async def _copy_new(self, group: Group, *, whole: bool) -> None:
        """Copy the group's new lines; with ``whole`` a line without its end waits for the rest."""
        found = list(self._logs.events(group, after=self._copied.get(group, 0)))
        before = dict(self._unfinished)
        lines = list(self._lines(group, found, whole=whole))
        try:
            await self._copy(group, lines)
        except _Down:
            self._unfinished = before
            return
        if found:
            self._copied[group] = found[-1].number

    def _lines(self, group: Group, found: list[LogEvent], *, whole: bool) -> Iterator[LogEvent]:
        for event in found:
            begun = self._unfinished.pop((group, event.stream), None)
            if begun is not None:
                event = replace(event, message=begun.message + event.message)
            if event.message.endswith("\n"):
                yield event
            else:
                self._unfinished[group, event.stream] = event
        if not whole:
            for key in [key for key in self._unfinished if key[0] == group]:
                yield self._unfinished.pop(key)

    async def _copy(self, group: Group, events: list[LogEvent]) -> None:
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
                if await self._call(group, "PutLogEvents", body) == 400:  # somebody deleted the group
                    self._made.discard((*group, stream))
                    await self._make(group, stream)
                    await self._call(group, "PutLogEvents", body)

    async def _make(self, group: Group, stream: str) -> None:
        if (*group, stream) not in self._made:
            # Both answer ResourceAlreadyExistsException the second time, which is as good as success.
            await self._call(group, "CreateLogGroup", {"logGroupName": group[2]})
            await self._call(group, "CreateLogStream", {"logGroupName": group[2], "logStreamName": stream})
            self._made.add((*group, stream))

    async def _call(self, group: Group, operation: str, body: dict[str, Any]) -> int:
        account, region, _ = group
        credential = f"AWS4-HMAC-SHA256 Credential={account}/20200101/{region}/logs/aws4_request"
        headers = [
            (b"host", f"logs.{region}.amazonaws.com".encode()),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"x-amz-target", f"Logs_20140328.{operation}".encode()),
            (b"authorization", f"{credential}, SignedHeaders=host, Signature=0".encode()),
        ]
        status, _, _ = await self._forward("POST", "/", headers, json.dumps(body).encode())
        if status == _DOWN:
            raise _Down
        return status
