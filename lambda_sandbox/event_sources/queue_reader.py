"""One loop that receives a queue's messages, batches them, invokes, and deletes what succeeded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from lambda_sandbox.errors import ApiError, SandboxError, TooManyRequestsException
from lambda_sandbox.event_sources.batching import Batcher, Message, Verdict, encode_event, judge
from lambda_sandbox.event_sources.filters import RecordFilter
from lambda_sandbox.event_sources.polling import NO_RECORDS, OK, Surroundings, backoff_s, pause
from lambda_sandbox.event_sources.sqs import MESSAGES_PER_CALL, QueueClient, SqsError, trace_header
from lambda_sandbox.resources import EventSourceMapping

# POLICY: an event source mapping asks its queue with a long poll of 1 s, so disabling or deleting it may take that long.
LONG_POLL_S = 1
WINDOW_POLL_S = 0.1  # of real time


class QueueReader:
    """Runs until ``stopping``. ``room()`` says how many more batches may go out now; ``on_idle`` hears of an empty queue."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        client: QueueClient,
        around: Surroundings,
        stopping: asyncio.Event,
        room: Callable[[], int],
        on_change: Callable[[], None],
        on_idle: Callable[[], None],
    ) -> None:
        self.mapping = mapping
        self.last_result = NO_RECORDS
        self.in_flight: set[asyncio.Task[bool]] = set()
        self._client = client
        self._around = around
        self._stopping = stopping
        self._room = room
        self._on_change = on_change
        self._on_idle = on_idle
        self._batcher: Batcher[Message] = Batcher(
            around.clock, mapping.batch_size, mapping.maximum_batching_window_s
        )
        self._filter = RecordFilter(mapping.filters, "body")
        self._problems = 0

    async def run(self) -> None:
        try:
            await self._work()
            if self.in_flight:
                await asyncio.wait(self.in_flight)
        except asyncio.CancelledError:  # the grace is over: unsettled messages come back by themselves
            for task in self.in_flight:
                task.cancel()
            raise
        await self._release(self._batcher.drain())

    async def _work(self) -> None:
        while not self._stopping.is_set():
            if self._problems:
                await self._pause(backoff_s(self._problems))
            if self._room() <= 0 and self.in_flight:
                await self._await_room()
                continue  # a batch that ended may have asked for a pause
            await self._step()

    async def _await_room(self) -> None:
        """Wait until a batch ends, or until more may be in flight, which time alone can bring."""
        look_again_s = 0.2 / self._around.clock.real_s(1.0)
        await pause(self._around.sleep, look_again_s, [self._stopping], *self.in_flight)

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
        self.in_flight.add(task)
        self._on_change()
        task.add_done_callback(self._batch_ended)
        if self._client.queue.fifo and self._batcher.waiting:
            await self._keep_order(task)

    def _batch_ended(self, task: asyncio.Task[bool]) -> None:
        self.in_flight.discard(task)
        self._on_change()

    async def _collect(self) -> tuple[Message, ...]:
        """Return the next closed batch; empty when there was no message or the mapping stops."""
        while not self._batcher.due():
            if self._stopping.is_set():
                return ()
            idle = not self._batcher.waiting
            received = await self._client.receive(
                min(self._batcher.room, MESSAGES_PER_CALL), LONG_POLL_S if idle else 0
            )
            if self._stopping.is_set():
                # They came while the mapping changed, and its filters perhaps with it: who reads next decides. They go back.
                self._batcher.add(received)
                return ()
            if received:
                self._count("PolledEventCount", len(received))
            self._batcher.add(await self._filtered(received))
            if idle and not received:
                self._queue_answered()
                return ()
            if not received:
                poll_s = WINDOW_POLL_S / self._around.clock.real_s(1.0)
                await self._pause(min(poll_s, self._batcher.remaining_s()))
        return () if self._stopping.is_set() else self._batcher.take()

    async def _filtered(self, received: list[Message]) -> list[Message]:
        """Return the messages that pass the mapping's filters; AWS deletes the others at once."""
        if not self.mapping.filters:
            return received
        passed = [each for each in received if self._filter.passes(json.loads(each.record))]
        dropped = [each for each in received if each not in passed]
        if dropped:
            await self._client.delete(dropped)
            self._count("FilteredOutEventCount", len(dropped))
            self._tell("", dropped, "no filter of the mapping matches them: deleted without an invocation")
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
        if not self.in_flight:
            self._on_idle()

    async def _pause(self, seconds: float) -> None:
        await pause(self._around.sleep, seconds, [self._stopping])

    # --- invoking ------------------------------------------------------------------------------------

    async def _process(self, batch: tuple[Message, ...]) -> bool:
        """Invoke with one batch and delete what succeeded; return whether nothing failed."""
        verdict = await self._verdict(batch)
        try:
            await self._client.delete(verdict.succeeded)
            self._count("DeletedEventCount", len(verdict.succeeded))
        except SqsError as error:
            self._problem(f"the queue {self._client.queue.arn} did not delete messages: {error}")
        return not verdict.failed

    async def _verdict(self, batch: tuple[Message, ...]) -> Verdict:
        arn = self.mapping.function_arn
        try:
            result = await self._around.invoke(arn, encode_event(batch), trace_header(batch))
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
        self._count("InvokedEventCount", len(batch))
        if verdict.failed:
            self._count("FailedInvokeEventCount", len(verdict.failed))
        self.last_result = OK if not verdict.failed else f"PROBLEM: Function call failed: {verdict.reason}"
        sentence = (
            f"batch of {len(batch)}: {len(verdict.succeeded)} deleted, {len(verdict.failed)} left in the queue, "
            f"because {verdict.reason}"
        )
        self._decided(sentence)
        self._tell(result.request_id, batch, sentence)
        return verdict

    def _tell(self, request_id: str, messages: Sequence[Message], sentence: str) -> None:
        self._around.batch(self.mapping.uuid, request_id, [each.message_id for each in messages], sentence)

    def _not_invoked(self, batch: tuple[Message, ...], reason: str) -> Verdict:
        self._problem(reason)
        return Verdict((), batch, reason)

    def _problem(self, reason: str) -> None:
        self._problems += 1
        self.last_result = f"PROBLEM: {reason}"
        self._decided(reason)

    def _decided(self, sentence: str) -> None:
        self._around.decide(self.mapping.uuid, sentence)

    def _count(self, metric: str, number: int) -> None:
        self._around.count(self.mapping.uuid, metric, number)

    async def _release(self, messages: Sequence[Message]) -> None:
        try:
            await self._client.release(messages)
        except SqsError as error:
            self._decided(f"{len(messages)} messages come back only after their visibility timeout: {error}")
