"""One enabled mapping of a stream at work: a poller for each shard, parents before children."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lambda_sandbox.errors import SandboxError
from lambda_sandbox.event_sources.aws_json import ServiceError
from lambda_sandbox.event_sources.checkpoints import Checkpoint
from lambda_sandbox.event_sources.polling import NO_RECORDS, Surroundings, backoff_s, pause
from lambda_sandbox.event_sources.shard_poller import ShardPoller, start_of
from lambda_sandbox.event_sources.stream_records import Shard, StreamDescription, StreamSource
from lambda_sandbox.resources import EventSourceMapping

# POLICY: new shards and partitions of a stream are looked for every 10 s, and at once when a shard ends.
_RESCAN_S = 10.0
# POLICY: the metric ``OffsetLag`` of a Kafka mapping is measured at least once a minute.
_LAG_S = 60.0
# POLICY: a shard that was read for 30 s before it could not be read is tried again after the shortest pause.
_SOUND_S = 30.0


@dataclass
class _Running:
    poller: ShardPoller
    task: asyncio.Task[None]
    started_at: float


class StreamPoller:
    """A ``Poller`` of Kinesis or DynamoDB Streams, whichever ``source`` reads."""

    def __init__(self, mapping: EventSourceMapping, source: StreamSource, around: Surroundings) -> None:
        self.mapping = mapping
        self._result = NO_RECORDS
        self._source = source
        self._around = around
        self._stopping = asyncio.Event()
        self._written = asyncio.Event()
        self._shards: dict[str, _Running] = {}
        self._problems = 0
        self._failures = 0  # of shards, soon after they began to be read

    @property
    def last_result(self) -> str:
        """A shard's problem before another's success."""
        results = [running.poller.last_result for running in self._shards.values()]
        problem = next((text for text in results if text.startswith("PROBLEM")), None)
        return problem or next((text for text in results if text != NO_RECORDS), self._result)

    def stop(self) -> None:
        self._stopping.set()

    def wake(self) -> None:
        for running in self._shards.values():
            running.poller.wake()
        if self._problems:
            self._written.set()

    async def run(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._failures:
                    await pause(self._around.sleep, backoff_s(self._failures), [self._stopping])
                await self._step()
            if self._shards:
                await asyncio.wait([running.task for running in self._shards.values()])
        except asyncio.CancelledError:
            for running in self._shards.values():
                running.task.cancel()
            raise
        finally:
            for running in self._shards.values():
                self._hear(running.poller)
            await self._source.close()

    async def _step(self) -> None:
        """Start what may start, then wait for a shard's end or the next look at the stream."""
        try:
            self._start_shards(await self._source.describe())
            lags = await self._lags()
        except (ServiceError, SandboxError) as error:
            self._unreadable(error)
            lags = []
        if lags:
            self._around.offset_lag(self.mapping, lags)
        tasks = [running.task for running in self._shards.values()]
        self._written.clear()
        rescan_s = _RESCAN_S / self._around.clock.real_s(1.0)
        wait_s = min(rescan_s, _LAG_S) if lags else rescan_s
        if self._problems:
            wait_s = backoff_s(self._problems)
        events = [self._stopping, *([self._written] if self._problems else [])]
        await pause(self._around.sleep, wait_s, events, *tasks)
        for shard_id, running in list(self._shards.items()):
            if running.task.done():
                del self._shards[shard_id]
                self._ended(running)

    async def _lags(self) -> list[int]:
        """Return how far each shard is behind; nothing until all are read, and of a source that cannot say."""
        found = [
            await self._source.behind(shard_id, running.poller.settled)
            for shard_id, running in self._shards.items()
        ]
        return [] if None in found else [lag for lag in found if lag is not None]

    def _start_shards(self, description: StreamDescription) -> None:
        kept = {each.shard_id: each for each in self._around.checkpoints.of(self.mapping.uuid)}
        current = {k: c for k, c in kept.items() if c.stream_created == description.created}
        listed = {shard.shard_id for shard in description.shards}
        for shard in description.shards:
            if shard.shard_id not in current:
                current[shard.shard_id] = self._begin(shard, description, first=not kept)
        for shard in description.shards:
            checkpoint = current[shard.shard_id]
            if shard.shard_id in self._shards or checkpoint.finished:
                continue
            if all(parent not in listed or current[parent].finished for parent in shard.parents):
                self._start(checkpoint, description.retention_s)  # else its parents' records come first
        self._problems = 0
        if self._result.startswith("PROBLEM: the stream"):
            self._result = NO_RECORDS

    def _begin(self, shard: Shard, description: StreamDescription, *, first: bool) -> Checkpoint:
        mapping = self.mapping
        made = Checkpoint(
            mapping.account_id,
            mapping.region,
            mapping.uuid,
            shard.shard_id,
            description.created,
            start_of(mapping, first),
        )
        self._around.checkpoints.put(made)
        return made

    def _start(self, checkpoint: Checkpoint, retention_s: float) -> None:
        poller = ShardPoller(
            self.mapping, self._source, self._around, checkpoint, retention_s, self._stopping
        )
        name = f"mapping {self.mapping.uuid} {checkpoint.shard_id}"
        self._shards[checkpoint.shard_id] = _Running(
            poller, asyncio.create_task(poller.run(), name=name), self._around.clock.now()
        )

    def _ended(self, running: _Running) -> None:
        self._hear(running.poller)
        error = None if running.task.cancelled() else running.task.exception()
        if error is None:
            self._failures = 0
        else:
            if self._around.clock.now() - running.started_at > _SOUND_S:
                self._failures = 0
            self._failures += 1
            self._unreadable(error)

    def _unreadable(self, error: BaseException) -> None:
        self._around.count(self.mapping.uuid, "PollingErrorCount", 1)
        self._problem(f"the stream {self.mapping.event_source_arn} cannot be read: {error}")

    def _hear(self, poller: ShardPoller) -> None:
        if poller.last_result != NO_RECORDS:
            self._result = poller.last_result

    def _problem(self, reason: str) -> None:
        self._problems += 1
        self._result = f"PROBLEM: {reason}"
        self._around.decide(self.mapping.uuid, reason)
