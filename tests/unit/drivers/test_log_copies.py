"""Copying logs to CloudWatch Logs: promptly where a filter waits, and never in the way of whoever logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lambda_sandbox.drivers.log_copies import LogCopies
from lambda_sandbox.telemetry.logs import LogStore

GROUP = ("000000000000", "us-east-1", "/aws/lambda/quote")
PUT = "Logs_20140328.PutSubscriptionFilter"
ASKS = json.dumps({"logGroupName": GROUP[2]}).encode()


class CloudWatch:
    """Takes what is copied; ``gate`` holds every call up until it is set."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()
        self.deleted = False
        self.down = False

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, Any, bytes]:
        await self.gate.wait()
        if self.down:
            return 503, [], b"{}"
        operation = dict(headers)[b"x-amz-target"].decode().rpartition(".")[2]
        self.calls.append(operation)
        if operation == "CreateLogGroup":
            self.deleted = False
        if operation == "PutLogEvents":
            if self.deleted:
                return 400, [], b"{}"
            self.lines += [event["message"] for event in json.loads(body)["logEvents"]]
            self.came.set()
        return 200, [], b"{}"


def scene(play: Callable[[LogStore, LogCopies, CloudWatch], Awaitable[None]]) -> None:
    async def run() -> None:
        cloudwatch, logs = CloudWatch(), LogStore()
        await play(logs, LogCopies(logs, cloudwatch.forward), cloudwatch)

    asyncio.run(run())


def test_a_group_without_a_filter_is_copied_when_it_is_read() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        logs.write(GROUP, "s", b"one\n", 1.0)
        assert logs.on_write is None
        await copies.flush()
        assert cloudwatch.lines == ["one"]

    scene(play)


def test_a_group_with_a_filter_is_copied_by_itself() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        copies.forwarded(PUT, ASKS, GROUP[0], GROUP[1])
        logs.write(GROUP, "s", b"one\ntwo\n", 1.0)
        await asyncio.wait_for(cloudwatch.came.wait(), 10)
        assert cloudwatch.lines == ["one", "two"]

    scene(play)


def test_who_logs_does_not_wait_for_cloudwatch() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        cloudwatch.gate.clear()  # it never answers
        copies.forwarded(PUT, ASKS, GROUP[0], GROUP[1])
        for number in range(1000):
            logs.write(GROUP, "s", b"line\n", float(number))
        assert cloudwatch.calls == []  # a write does no more than set one timer
        cloudwatch.gate.set()
        await asyncio.wait_for(cloudwatch.came.wait(), 10)
        assert len(cloudwatch.lines) == 1000

    scene(play)


def test_half_a_line_waits_for_its_end_but_not_for_ever() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        copies.forwarded(PUT, ASKS, GROUP[0], GROUP[1])
        logs.write(GROUP, "s", b"whole\nhalf ", 1.0)
        await asyncio.wait_for(cloudwatch.came.wait(), 10)
        assert cloudwatch.lines == ["whole"]
        logs.write(GROUP, "s", b"line\nrest", 2.0)
        cloudwatch.came.clear()
        await asyncio.wait_for(cloudwatch.came.wait(), 10)
        assert cloudwatch.lines == ["whole", "half line"]
        await copies.flush()  # whoever reads the log sees everything
        assert cloudwatch.lines == ["whole", "half line", "rest"]

    scene(play)


def test_a_group_that_somebody_deleted_is_made_again() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        logs.write(GROUP, "s", b"one\n", 1.0)
        await copies.flush()
        cloudwatch.deleted = True
        logs.write(GROUP, "s", b"two\n", 2.0)
        await copies.flush()
        assert cloudwatch.lines == ["one", "two"]

    scene(play)


def test_reset_forgets_the_filters() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        copies.forwarded(PUT, ASKS, GROUP[0], GROUP[1])
        copies.clear()
        assert logs.on_write is None

    scene(play)


def test_what_neighbours_that_are_down_do_not_take_is_copied_the_next_time() -> None:
    async def play(logs: LogStore, copies: LogCopies, cloudwatch: CloudWatch) -> None:
        logs.write(GROUP, "s", b"one\ntw", 1.0)
        cloudwatch.down = True
        await copies.flush()
        cloudwatch.down = False
        logs.write(GROUP, "s", b"o\n", 2.0)
        await copies.flush()
        assert cloudwatch.lines == ["one", "two"]

    scene(play)
