"""One enabled SQS mapping at work: poll, batch, invoke, delete what succeeded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from lambda_sandbox.clock import Clock
from lambda_sandbox.errors import ApiError, SandboxError, TooManyRequestsException
from lambda_sandbox.event_sources.batching import Batcher, Message, Verdict, encode_event, judge
from lambda_sandbox.event_sources.filters import RecordFilter
from lambda_sandbox.event_sources.sqs import MESSAGES_PER_CALL, QueueClient, SqsError
from lambda_sandbox.resources import EventSourceMapping

# AWS starts with 5 concurrent batches. DIFFERS: AWS then adds up to 300 a minute, up to 1,250; here it stays at 5.
CONCURRENT_BATCHES = 5
# POLICY: a waiting receive costs nothing and wakes at once, so it may be long; stopping a mapping waits for its end.
LONG_POLL_S = 1
WINDOW_POLL_S = 0.1
BACKOFF_S = (0.2, 5.0)

NO_RECORDS = "No records processed"
OK = "OK"


class InvocationResult(Protocol):
    """What an invocation gave back; ``function_error`` is ``Handled``, ``Unhandled`` or None."""

    @property
    def payload(self) -> bytes: ...
    @property
    def function_error(self) -> str | None: ...


Invoke = Callable[[str, bytes], Awaitable[InvocationResult]]
Sleep = Callable[[float], Awaitable[None]]
OnDecision = Callable[[str, str], None]


class SqsPoller:
    """Runs one mapping until ``stop``. ``last_result`` is AWS's LastProcessingResult, with the reason of a problem."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        client: QueueClient,
        invoke: Invoke,
        clock: Clock,
        sleep: Sleep,
        on_decision: OnDecision,
    ) -> None:
        self.mapping = mapping
        self.last_result = NO_RECORDS
        self._client = client
        self._invoke = invoke
        self._sleep = sleep
        self._on_decision = on_decision
        self._batcher = Batcher(clock, mapping.batch_size, mapping.maximum_batching_window_s)
        self._filter = RecordFilter(mapping.filters, "body")
        self._stopping = asyncio.Event()
        self._in_flight: set[asyncio.Task[bool]] = set()
        self._problems = 0

    @property
    def concurrency(self) -> int:
        return min(CONCURRENT_BATCHES, self.mapping.maximum_concurrency or CONCURRENT_BATCHES)

    def stop(self) -> None:
        """Take no further message; batches in flight are finished, messages in no batch are made visible again."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped. Problems are noted in ``last_result`` and tried again; nothing is raised."""
        try:
            await self._work()
            if self._in_flight:
                await asyncio.wait(self._in_flight)
        except asyncio.CancelledError:  # the grace is over: unsettled messages come back by themselves
            for task in self._in_flight:
                task.cancel()
            raise
        await self._release(self._batcher.drain())

    async def _work(self) -> None:
        while not self._stopping.is_set():
            if self._problems:
                await self._pause(min(BACKOFF_S[0] * 2 ** min(self._problems - 1, 10), BACKOFF_S[1]))
            if len(self._in_flight) >= self.concurrency:
                await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
                continue  # a batch that ended may have asked for a pause
            await self._step()

    # --- polling -------------------------------------------------------------------------------------

    async def _step(self) -> None:
        try:
            batch = await self._collect()
        except (SqsError, SandboxError) as error:
            self._problem(f"the queue {self._client.queue.arn} cannot be read: {error}")
            return
        if not batch:
            return
        task = asyncio.create_task(self._process(batch))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        if self._client.queue.fifo and self._batcher.waiting:
            await self._keep_order(task)

    async def _collect(self) -> tuple[Message, ...]:
        """Return the next closed batch; empty when there was no message or the mapping stops."""
        while not self._batcher.due():
            if self._stopping.is_set():
                return ()
            idle = not self._batcher.waiting
            received = await self._client.receive(
                min(self._batcher.room, MESSAGES_PER_CALL), LONG_POLL_S if idle else 0
            )
            self._batcher.add(await self._filtered(received))
            if idle and not received:
                self._queue_answered()
                return ()
            if not received:
                await self._pause(min(WINDOW_POLL_S, self._batcher.remaining_s()))
        return () if self._stopping.is_set() else self._batcher.take()

    async def _filtered(self, received: list[Message]) -> list[Message]:
        """Return the messages that pass the mapping's filters; AWS deletes the others at once."""
        if not self.mapping.filters:
            return received
        passed = [each for each in received if self._filter.passes(json.loads(each.record))]
        dropped = [each for each in received if each not in passed]
        if dropped:
            await self._client.delete(dropped)
            self._decided(f"{len(dropped)} messages deleted without an invocation: no filter matches them")
        return passed

    async def _keep_order(self, task: asyncio.Task[bool]) -> None:
        """The batch was cut by its size: the rest of its groups waits for its end, and for its retry if it failed."""
        if not await task:
            await self._release(self._batcher.drain())

    def _queue_answered(self) -> None:
        """The queue can be read again; a function's problem keeps its own last result."""
        if self.last_result.startswith("PROBLEM: the queue"):
            self.last_result = NO_RECORDS
        self._problems = 0

    async def _pause(self, seconds: float) -> None:
        """Sleep on the injected clock, but not longer than the mapping runs."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (sleeping, stopping):
            waiter.cancel()
        await asyncio.gather(sleeping, stopping, return_exceptions=True)

    # --- invoking ------------------------------------------------------------------------------------

    async def _process(self, batch: tuple[Message, ...]) -> bool:
        """Invoke with one batch and delete what succeeded; return whether nothing failed."""
        verdict = await self._verdict(batch)
        try:
            await self._client.delete(verdict.succeeded)
        except SqsError as error:
            self._problem(f"the queue {self._client.queue.arn} did not delete messages: {error}")
        return not verdict.failed

    async def _verdict(self, batch: tuple[Message, ...]) -> Verdict:
        arn = self.mapping.function_arn
        try:
            result = await self._invoke(arn, encode_event(batch))
        except TooManyRequestsException as error:
            return self._not_invoked(batch, f"{arn} was throttled: {error.message}")
        except ApiError as error:
            return self._not_invoked(batch, f"{arn} cannot be invoked: {error.code}: {error.message}")
        except SandboxError as error:
            return self._not_invoked(batch, f"{arn} cannot be invoked: {error}")
        verdict = judge(
            batch,
            result.payload,
            result.function_error,
            report_batch_item_failures=self.mapping.report_batch_item_failures,
        )
        self._problems = 0
        self.last_result = OK if not verdict.failed else f"PROBLEM: Function call failed: {verdict.reason}"
        self._decided(
            f"batch of {len(batch)}: {len(verdict.succeeded)} deleted, {len(verdict.failed)} left in the queue, "
            f"because {verdict.reason}"
        )
        return verdict

    def _not_invoked(self, batch: tuple[Message, ...], reason: str) -> Verdict:
        self._problem(reason)
        return Verdict((), batch, reason)

    def _problem(self, reason: str) -> None:
        self._problems += 1
        self.last_result = f"PROBLEM: {reason}"
        self._decided(reason)

    def _decided(self, sentence: str) -> None:
        self._on_decision(self.mapping.uuid, sentence)

    async def _release(self, messages: Sequence[Message]) -> None:
        try:
            await self._client.release(messages)
        except SqsError as error:
            self._decided(f"{len(messages)} messages come back only after their visibility timeout: {error}")
