"""Streams on one side, a handler on the other, mappings between them, and time that moves only when nothing else does."""

from __future__ import annotations

import asyncio
import base64
import heapq
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.event_sources import aws_json
from lambda_sandbox.event_sources.aws_json import Headers
from lambda_sandbox.event_sources.discarded import Discarded
from lambda_sandbox.event_sources.mappings import Mappings
from lambda_sandbox.event_sources.polling import Surroundings
from lambda_sandbox.resources import EventSourceMapping
from lambda_sandbox.services.neighbours import Neighbours
from tests.contract.mapping_stage import (
    ACCOUNT,
    FUNCTION,
    Event,
    Handler,
    HandlerFailed,
    Play,
    Result,
    playing,
)
from tests.contract.mapping_stage import neighbours as neighbours
from tests.contract.mapping_stage import runner as runner
from tests.memory_checkpoints import MemoryCheckpoints

KINESIS = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/"
DYNAMODB = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/"
_numbers = itertools.count()


class _Counting:
    """Passes calls on and knows how many are under way; those to the operation ``failing`` end in an error of the service."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self.pending = 0
        self.calls = 0
        self.failing = ""

    async def forward(
        self, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        self.pending += 1
        self.calls += 1
        try:
            if self.failing and any(self.failing.encode() in value for _, value in headers):
                return 500, [], b'{"__type": "InternalFailure", "message": "the disk is on fire"}'
            return await self._neighbours.forward(method, target, headers, body)
        finally:
            self.pending -= 1


class Stage:
    """``handler`` answers invocations, ``invoked`` holds their events, ``discarded`` the records of what was given up."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.clock = ManualClock(time.time())
        self.rows: list[EventSourceMapping] = []
        self.invoked: list[Event] = []
        self.decisions: list[str] = []
        self.discarded: list[Any] = []
        self.counted: Counter[str] = Counter()
        self.handler: Handler = self._succeed
        self.checkpoints = MemoryCheckpoints()
        self.neighbour = _Counting(neighbours)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.around = Surroundings(
            self._invoke,
            self.clock,
            self._sleep,
            lambda uuid, sentence: self.decisions.append(sentence),
            lambda uuid, metric, number: self.counted.update({metric: number}),
            self._discard,
            self.checkpoints,
        )
        self.mappings = self.make_mappings()

    def make_mappings(self) -> Mappings:
        """Return pollers that know nothing but what the checkpoints keep, as after a restart."""
        return Mappings(lambda: self.rows, self.neighbour, self.around)

    async def restart(self) -> None:
        await self.mappings.stop()
        self.mappings = self.make_mappings()
        await self.mappings.sync()

    async def _succeed(self, event: Event) -> Any:
        return {"state": {}} if "window" in event else None

    async def _invoke(self, function_arn: str, payload: bytes, trace_header: str) -> Result:
        event = json.loads(payload)
        self.invoked.append(event)
        try:
            answer = await self.handler(event)
        except HandlerFailed:
            return Result(b'{"errorMessage":"failed"}', "Unhandled")
        return Result(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def _discard(self, mapping: EventSourceMapping, discarded: Discarded) -> None:
        self.discarded.append(json.loads(discarded.body))

    # --- time ----------------------------------------------------------------------------------------

    async def _sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.clock.now() + seconds, next(_numbers), future))
        await future

    async def quiet(self) -> None:
        """Wait until nothing can happen but by time: no call is under way, no task can go on."""
        turns = 0
        while turns < 30:
            await asyncio.sleep(0)
            turns = 0 if self.neighbour.pending else turns + 1

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_next(self) -> None:
        moment, _, future = heapq.heappop(self._sleepers)
        self.clock.move_to(moment)
        future.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition`` holds."""
        async with asyncio.timeout(30):
            while True:
                await self.quiet()
                if condition():
                    return
                if self._next() is not None:
                    self._wake_next()

    async def advance(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        async with asyncio.timeout(30):
            while True:
                await self.quiet()
                moment = self._next()
                if moment is None or moment > end:
                    break
                self._wake_next()
        self.clock.move_to(end)

    # --- the neighbours ------------------------------------------------------------------------------

    async def kinesis(self, operation: str, **request: Any) -> dict[str, Any]:
        target, host = f"Kinesis_20131202.{operation}", "kinesis.us-east-1.amazonaws.com"
        return await aws_json.call(self.neighbour, KINESIS, target, request, host=host)

    async def dynamodb(self, operation: str, **request: Any) -> dict[str, Any]:
        target, host = f"DynamoDB_20120810.{operation}", "dynamodb.us-east-1.amazonaws.com"
        return await aws_json.call(self.neighbour, DYNAMODB, target, request, version="1.0", host=host)

    async def stream(self, shards: int = 1) -> str:
        name = f"stream-{next(_numbers)}"
        await self.kinesis("CreateStream", StreamName=name, ShardCount=shards)
        return name

    async def put(self, stream: str, *data: str, key: str | None = None) -> None:
        """Put records; without ``key`` each has itself up to a colon as its partition key."""
        records = [
            {"Data": base64.b64encode(each.encode()).decode(), "PartitionKey": key or each.split(":")[0]}
            for each in data
        ]
        for first in range(0, len(records), 500):
            await self.kinesis("PutRecords", StreamName=stream, Records=records[first : first + 500])
        self.mappings.wake()

    async def map(self, stream: str, **options: Any) -> EventSourceMapping:
        """Map a Kinesis stream, or the stream whose ARN is given, and start reading."""
        arn = stream if stream.startswith("arn:") else f"{KINESIS}{stream}"
        values: dict[str, Any] = {
            "batch_size": 100,
            "starting_position": "TRIM_HORIZON",
            "last_modified": time.time(),
            "parallelization_factor": 1,
            "maximum_retry_attempts": -1,
            "maximum_record_age_s": -1,
            "bisect_batch_on_function_error": False,
            "tumbling_window_s": 0,
        }
        mapping = EventSourceMapping(
            f"uuid-{next(_numbers)}", ACCOUNT, "us-east-1", arn, FUNCTION, **(values | options)
        )
        self.rows.append(mapping)
        await self.mappings.sync()
        return mapping

    def data(self) -> list[list[str]]:
        """Return what each invocation got, decoded."""
        return [data_of(event) for event in self.invoked]

    def flat(self) -> list[str]:
        return [each for batch in self.data() for each in batch]

    def result(self) -> str:
        return self.mappings.last_processing_result(self.rows[0].uuid)


def data_of(event: Event) -> list[str]:
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]


def failures(*records: Event) -> dict[str, Any]:
    """Return a partial batch response that names ``records``."""
    return {"batchItemFailures": [{"itemIdentifier": r["kinesis"]["sequenceNumber"]} for r in records]}


@pytest.fixture
def play(runner: asyncio.Runner, neighbours: Neighbours) -> Play:
    """Run one scene on a stage and stop its mappings."""
    return playing(runner, lambda: Stage(neighbours))


QUEUE = "arn:aws:sqs:us-east-1:000000000000:failures"


def failing_on(*poison: str) -> Callable[[Event], Coroutine[Any, Any, Any]]:
    async def handler(event: Event) -> Any:
        if set(poison) & set(data_of(event)):
            raise HandlerFailed

    return handler
