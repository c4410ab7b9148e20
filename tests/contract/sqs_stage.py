"""Queues on one side, a handler on the other, mappings between them, and sleeps that take no time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
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

_numbers = itertools.count()


class Stage:
    """Queues on one side, a handler on the other, and mappings between them."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.clock = ManualClock()
        self.rows: list[EventSourceMapping] = []
        self.events: list[Event] = []
        self.decisions: list[str] = []
        self.slept: list[float] = []
        self.handler: Handler = self._succeed
        self._changed = asyncio.Condition()
        self._neighbours = neighbours
        self.time_stands = False
        self.counted: Counter[str] = Counter()
        self.mappings = Mappings(
            lambda: self.rows,
            neighbours,
            Surroundings(
                self._invoke,
                self.clock,
                self._sleep,
                self._decide,
                lambda uuid, metric, number: self.counted.update({metric: number}),
                lambda mapping, discarded: None,
                MemoryCheckpoints(),
            ),
        )

    async def _succeed(self, event: Event) -> Any:
        return None

    async def _sleep(self, seconds: float) -> None:
        if self.time_stands:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    def _decide(self, uuid: str, sentence: str) -> None:
        self.decisions.append(sentence)
        self._notify_task = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _invoke(self, function_arn: str, payload: bytes, trace_header: str) -> Result:
        event = json.loads(payload)
        self.events.append(event)
        await self._notify()
        try:
            return Result(json.dumps(await self.handler(event)).encode())
        except HandlerFailed:
            return Result(b'{"errorMessage":"failed"}', "Unhandled")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(condition)

    async def sqs(self, operation: str, **parameters: Any) -> dict[str, Any]:
        scope = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/us-east-1/sqs/aws4_request,"
        headers = [
            (b"Host", b"localhost"),
            (b"Content-Type", b"application/x-amz-json-1.0"),
            (b"X-Amz-Target", f"AmazonSQS.{operation}".encode()),
            (b"Authorization", scope.encode()),
        ]
        status, _, body = await self._neighbours.forward(
            "POST", "/", headers, json.dumps(parameters).encode()
        )
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body or b"{}")
        return answer

    async def queue(self, suffix: str = "", **attributes: Any) -> str:
        """Create a queue and return its name."""
        name = f"queue-{next(_numbers)}{suffix}"
        values = {key: str(value) for key, value in attributes.items()}
        await self.sqs("CreateQueue", QueueName=name, Attributes=values)
        return name

    async def send(self, queue: str, *bodies: str, **members: Any) -> None:
        for first in range(0, len(bodies), 10):
            entries = [
                {
                    "Id": str(n),
                    "MessageBody": body,
                    **members,
                    **({"MessageDeduplicationId": f"id-{next(_numbers)}"} if queue.endswith(".fifo") else {}),
                }
                for n, body in enumerate(bodies[first : first + 10])
            ]
            await self.sqs("SendMessageBatch", QueueUrl=queue, Entries=entries)

    async def counts(self, queue: str) -> tuple[int, int]:
        """Return how many messages are visible, and how many are not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs("GetQueueAttributes", QueueUrl=queue, AttributeNames=names)
        visible, hidden = (int(answer["Attributes"][name]) for name in names)
        return visible, hidden

    async def map(self, queue: str, **options: Any) -> EventSourceMapping:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
        mapping = EventSourceMapping(f"uuid-{next(_numbers)}", ACCOUNT, "us-east-1", arn, FUNCTION, **options)
        self.rows.append(mapping)
        await self.mappings.sync()
        return mapping

    def bodies(self) -> list[list[str]]:
        return [[record["body"] for record in event["Records"]] for event in self.events]

    def result(self) -> str:
        return self.mappings.last_processing_result(self.rows[0].uuid)


@pytest.fixture
def play(runner: asyncio.Runner, neighbours: Neighbours) -> Play:
    """Run one scene on a stage and stop its mappings."""
    return playing(runner, lambda: Stage(neighbours))
