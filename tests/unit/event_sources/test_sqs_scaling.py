"""How many batches of a queue run at once, by the minute."""

from __future__ import annotations

import asyncio

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.event_sources.aws_json import Headers
from lambda_sandbox.event_sources.polling import InvocationResult, Surroundings
from lambda_sandbox.event_sources.sqs import QueueClient
from lambda_sandbox.event_sources.sqs_poller import SqsPoller
from lambda_sandbox.event_sources.sqs_scaling import Concurrency
from lambda_sandbox.resources import EventSourceMapping, PollerSettings
from tests.memory_checkpoints import MemoryCheckpoints

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"


def mapping(
    arn: str = QUEUE, maximum: int | None = None, pollers: PollerSettings | None = None
) -> EventSourceMapping:
    return EventSourceMapping(
        "uuid", "000000000000", "us-east-1", arn, "function", maximum_concurrency=maximum, pollers=pollers
    )


def test_five_batches_at_first_and_three_hundred_more_a_minute() -> None:
    clock = ManualClock()
    concurrency = Concurrency(mapping(), clock)
    assert concurrency.limit == 5
    concurrency.observe(5)
    clock.advance(1)
    assert concurrency.limit == 10
    clock.advance(59)
    assert concurrency.limit == 305
    clock.advance(3600)
    assert concurrency.limit == 1250


def test_nothing_is_gained_while_there_is_room() -> None:
    clock = ManualClock()
    concurrency = Concurrency(mapping(), clock)
    concurrency.observe(4)
    clock.advance(60)
    assert concurrency.limit == 5


def test_what_was_gained_stays_until_the_queue_is_empty() -> None:
    clock = ManualClock()
    concurrency = Concurrency(mapping(), clock)
    concurrency.observe(5)
    clock.advance(2)
    concurrency.observe(7)
    clock.advance(60)
    assert concurrency.limit == 15
    concurrency.idle()
    assert concurrency.limit == 5


def test_maximum_concurrency_is_never_passed() -> None:
    clock = ManualClock()
    concurrency = Concurrency(mapping(maximum=7), clock)
    concurrency.observe(5)
    clock.advance(60)
    assert concurrency.limit == 7


def test_groups_alone_bound_a_fifo_queue() -> None:
    assert Concurrency(mapping(f"{QUEUE}.fifo"), ManualClock()).limit == 1250


def test_pollers_grow_from_the_minimum_to_the_maximum_and_fall_back() -> None:
    concurrency = Concurrency(mapping(pollers=PollerSettings(2, 3)), ManualClock())
    assert concurrency.limit == 20
    concurrency.observe(20)
    assert concurrency.pollers == 3
    concurrency.observe(30)
    assert concurrency.pollers == 3
    concurrency.observe(0)
    assert concurrency.pollers == 2


class _Empty:
    """A queue service in which nothing ever arrives; it knows how many receive at once."""

    def __init__(self) -> None:
        self.receiving = 0
        self.enough = asyncio.Event()

    async def forward(
        self, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        self.receiving += 1
        if self.receiving >= 4:
            self.enough.set()
        await asyncio.sleep(0)
        try:
            await asyncio.Event().wait()
        finally:
            self.receiving -= 1
        raise AssertionError("unreachable")


def test_provisioned_mapping_really_has_its_minimum_of_readers() -> None:
    async def scene() -> None:
        queue = _Empty()

        async def invoke(arn: str, payload: bytes, trace: str) -> InvocationResult:
            raise AssertionError("there is nothing to invoke with")

        around = Surroundings(
            invoke,
            ManualClock(),
            asyncio.sleep,
            lambda uuid, sentence: None,
            lambda uuid, metric, number: None,
            lambda made, discarded: None,
            MemoryCheckpoints(),
        )
        poller = SqsPoller(mapping(pollers=PollerSettings(4, 9)), QueueClient(queue, QUEUE), around)
        task = asyncio.create_task(poller.run())
        async with asyncio.timeout(10):
            await queue.enough.wait()
        assert (queue.receiving, poller.readers) == (4, 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())
