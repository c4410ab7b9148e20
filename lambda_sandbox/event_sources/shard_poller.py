"""One shard of a mapping at work: read, filter, spread over lanes, and start what is due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from lambda_sandbox.event_sources.checkpoints import Checkpoint, Lane
from lambda_sandbox.event_sources.filters import RecordFilter
from lambda_sandbox.event_sources.lane import LaneWorker
from lambda_sandbox.event_sources.polling import NO_RECORDS, Surroundings, pause
from lambda_sandbox.event_sources.stream_records import StreamRecord, StreamSource
from lambda_sandbox.resources import EventSourceMapping

# AWS asks a Kinesis shard once a second, a DynamoDB shard four times.
# POLICY: a shard of a stream is read at once when something was written, and once a second besides: records reach a function sooner
# than on AWS.
POLL_S = 1.0


class ShardPoller:
    """Runs until stopped, or until a closed shard is done with: then its checkpoint says so.

    ``retention_s`` is how long the stream keeps records.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        source: StreamSource,
        around: Surroundings,
        checkpoint: Checkpoint,
        retention_s: float,
        stopping: asyncio.Event,
    ) -> None:
        self.mapping = mapping
        self.source = source
        self.around = around
        self.stopping = stopping
        self.shard_id = checkpoint.shard_id
        self.last_result = NO_RECORDS
        self.checkpoint = checkpoint
        age = mapping.maximum_record_age_s
        self.oldest_s = min(retention_s, age if age is not None and age >= 0 else math.inf)
        self._filter = RecordFilter(mapping.filters, source.data_key)
        self._workers = [LaneWorker(self, lane) for lane in _lanes(checkpoint, mapping)]
        self._busy: dict[LaneWorker, asyncio.Task[object]] = {}
        self._read = ""
        self._empty_at = (
            -math.inf
        )  # when a read began, by the clock, that found nothing: all that came before has been read
        self._ended = False
        self._broken: BaseException | None = None
        self._written = asyncio.Event()

    # --- for its lanes -------------------------------------------------------------------------------

    def decided(self, sentence: str) -> None:
        self.around.decide(self.mapping.uuid, sentence)

    def count(self, metric: str, number: int) -> None:
        self.around.count(self.mapping.uuid, metric, number)

    def result(self, text: str) -> None:
        self.last_result = text

    def problem(self, reason: str) -> None:
        self.result(f"PROBLEM: {reason}")
        self.decided(reason)

    async def pause(self, seconds: float) -> None:
        await pause(self.around.sleep, seconds, [self.stopping])

    def save(self) -> None:
        """Keep how far each lane has come; one that waits for nothing has come as far as the shard was read."""
        # A lane that stopped in the middle of a batch looks idle too.
        going = bool(self._read) and not self.stopping.is_set() and self._broken is None
        for worker in self._workers:
            if going and worker not in self._busy and not worker.batcher.waiting:
                worker.lane = replace(worker.lane, settled=self._read)
        lanes = tuple(worker.lane for worker in self._workers)
        if lanes != self.checkpoint.lanes:
            self.checkpoint = replace(self.checkpoint, lanes=lanes)
            self.around.checkpoints.put(self.checkpoint)

    # --- for its mapping -----------------------------------------------------------------------------

    @property
    def settled(self) -> str:
        """The sequence number up to which every lane is done; empty where one has settled nothing."""
        numbers = [worker.lane.settled for worker in self._workers]
        return min(numbers, key=int) if all(numbers) else ""

    def wake(self) -> None:
        self._written.set()

    async def run(self) -> None:
        """Raises ``ServiceError`` when the stream cannot be read; what was read and not settled is read again."""
        try:
            await self._work()
        finally:
            tasks = list(self._busy.values())
            try:
                if tasks:
                    await asyncio.wait(tasks)
            except asyncio.CancelledError:  # the grace is over: what is not settled is read again
                for task in tasks:
                    task.cancel()
                raise

    async def _work(self) -> None:
        iterator: str | None = await self.source.iterator(self.shard_id, self.checkpoint.position())
        while not self.stopping.is_set():
            if self._broken is not None:
                raise self._broken
            self._start_due()
            if self._ended and not self._busy and not self._buffered:
                await self._finish()
                return
            self._written.clear()
            room = self.mapping.batch_size * len(self._workers) - self._buffered
            page = None
            if iterator is not None and room > 0:
                began = self.around.clock.now()
                page = await self.source.read(self.shard_id, iterator, room)
                iterator = page.next_iterator
                self._ended = iterator is None
                self._take(page.records)
                if not page.records:
                    self._empty_at = began
            if page is None or not (page.records or self._ended):
                await self._wait(polling=page is not None)

    @property
    def _buffered(self) -> int:
        return sum(len(worker.batcher.waiting) for worker in self._workers)

    def _take(self, records: Sequence[StreamRecord]) -> None:
        if not records:
            return
        lanes: dict[int, list[StreamRecord]] = {}
        filtered: list[str] = []
        for record in records:
            place = crc32(record.key.encode("utf-8", "replace")) % len(self._workers)
            settled = self._workers[place].lane.settled
            if settled and int(record.sequence_number) <= int(settled):
                continue  # this lane had come further than another one
            if self._filter.passes(self.source.view(record)) if self.mapping.filters else True:
                lanes.setdefault(place, []).append(record)
            else:
                filtered.append(record.sequence_number)
        for place, found in lanes.items():
            self._workers[place].batcher.add(found)
        self._read = records[-1].sequence_number
        self.count("PolledEventCount", len(records))
        if filtered:
            self.count("FilteredOutEventCount", len(filtered))
            self.decided(f"{len(filtered)} records passed over without an invocation: no filter matches them")
            why = "no filter of the mapping matches them: passed over"
            self.around.batch(self.mapping.uuid, "", filtered, why)
        self.save()

    def _start_due(self) -> None:
        for worker in self._workers:
            if worker in self._busy:
                continue
            batcher = worker.batcher
            if batcher.due() or (self._ended and batcher.waiting):
                self._start(worker, worker.process(batcher.take()))
            elif not batcher.waiting and worker.window_is_over(self._empty_at):
                self._start(worker, worker.close_window())

    def _start(self, worker: LaneWorker, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._busy[worker] = task

        def over(task: asyncio.Task[object]) -> None:
            self._busy.pop(worker, None)
            if task.cancelled():
                return
            self._broken = self._broken or task.exception()
            self.save()

        task.add_done_callback(over)

    async def _finish(self) -> None:
        """The shard is closed and read to its end: its window ends with it, and its children may begin."""
        for worker in self._workers:
            if worker.lane.window_start is not None and not await worker.close_window():
                return
        self.checkpoint = replace(self.checkpoint, finished=True)
        self.around.checkpoints.put(self.checkpoint)
        self.decided(f"{self.shard_id} is closed and done with")

    async def _wait(self, polling: bool) -> None:
        """Wait for a lane, for a write, or for the next look at the shard or at the clock."""
        now = self.around.clock.now()
        waits = [POLL_S / self.around.clock.real_s(1.0)] if polling else []
        for worker in self._workers:
            if worker in self._busy:
                continue
            if worker.batcher.waiting:
                waits.append(worker.batcher.remaining_s())
            elif worker.lane.window_start is not None and self.mapping.tumbling_window_s:
                waits.append(max(0.0, worker.lane.window_start + self.mapping.tumbling_window_s - now))
        events = [self.stopping, *([self._written] if polling else [])]
        await pause(self.around.sleep, min(waits, default=3600.0), events, *self._busy.values())


def _lanes(checkpoint: Checkpoint, mapping: EventSourceMapping) -> list[Lane]:
    """Return as many lanes as the mapping asks for; with another number than before all begin where the last one was."""
    wanted = mapping.parallelization_factor or 1
    if len(checkpoint.lanes) == wanted:
        return list(checkpoint.lanes)
    position = checkpoint.position()
    return [Lane(position.sequence_number if position.kind == "AFTER" else "")] * wanted


def start_of(mapping: EventSourceMapping, first: bool) -> float | None:
    """Return from when a shard without a checkpoint is read, None for the horizon.

    ``LATEST`` is kept as the moment when the mapping was made or enabled. A shard that appears later is read whole: it is
    the child of one that was read, or belongs to a stream made anew.
    """
    if not first or mapping.starting_position == "TRIM_HORIZON":
        return None
    if mapping.starting_position == "AT_TIMESTAMP":
        return mapping.starting_position_timestamp
    return mapping.last_modified
