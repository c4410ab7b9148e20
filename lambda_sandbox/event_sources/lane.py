"""One lane of a shard: its batches one after the other, each until it is done with or given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_sandbox.errors import ApiError, SandboxError, TooManyRequestsException
from lambda_sandbox.event_sources import discarded, windows
from lambda_sandbox.event_sources.answers import StreamVerdict, judge
from lambda_sandbox.event_sources.batching import Batcher
from lambda_sandbox.event_sources.checkpoints import Lane
from lambda_sandbox.event_sources.polling import OK, InvocationResult, backoff_s
from lambda_sandbox.event_sources.stream_records import StreamRecord
from lambda_sandbox.quotas import SYNC_PAYLOAD_BYTES

if TYPE_CHECKING:
    from lambda_sandbox.event_sources.shard_poller import ShardPoller


class LaneWorker:
    """``lane`` is how far it has come. ``shard`` is what it belongs to: its mapping, its surroundings, its checkpoint."""

    def __init__(self, shard: ShardPoller, lane: Lane) -> None:
        self.lane = lane
        self._shard = shard
        mapping = shard.mapping
        self._mapping = mapping
        self._length_s = mapping.tumbling_window_s or 0
        room = SYNC_PAYLOAD_BYTES - (windows.STATE_BYTES + 1024 if self._length_s else 0)
        self.batcher: Batcher[StreamRecord] = Batcher(
            shard.around.clock, mapping.batch_size, mapping.maximum_batching_window_s, room
        )
        self._last: InvocationResult | None = None

    def window_is_over(self, read_to: float) -> bool:
        """Whether a window is open and the shard has been read to its end: what came before ``read_to`` has been."""
        start = self.lane.window_start
        return start is not None and read_to >= start + self._length_s

    async def process(self, batch: Sequence[StreamRecord]) -> None:
        """Invoke until ``batch`` is done with; returns early when the mapping stops."""
        if not self._length_s:
            await self._settle(batch, 0, 0)
            return
        while batch:
            start = self._window_of(batch[0])
            if self.lane.window_start is not None and start > self.lane.window_start:
                if not await self.close_window():
                    return
            elif self.lane.window_start is not None:
                # POLICY: a record whose time lies before the open tumbling window is added to that window; a window that has ended is
                # never opened again.
                start = self.lane.window_start
            self.lane = replace(self.lane, window_start=start)
            count = next((n for n, each in enumerate(batch) if self._window_of(each) > start), len(batch))
            if not await self._settle(batch[:count], 0, 0):
                return
            batch = batch[count:]

    async def close_window(self, early: bool = False) -> bool:
        """Make the last invocation of the open window; False when the mapping stops before it succeeded.

        ``early``: the state has grown too large; the same window goes on with an empty one.
        """
        failures = 0
        while not self._shard.stopping.is_set():
            verdict = await self._invoke((), final=True, early=early)
            if verdict is not None and verdict.settled == 0 and self._answered_well(verdict):
                break
            if verdict is not None:
                failures += 1
                if self._exhausted(failures):
                    self._shard.decided("the window's last invocation failed for good: its state is dropped")
                    break
            await self._shard.pause(backoff_s(max(1, failures)))
        else:
            return False
        start = self.lane.window_start if early else None
        self.lane = replace(self.lane, window_start=start, state={})
        self._shard.save()
        return True

    # --- inside --------------------------------------------------------------------------------------

    def _window_of(self, record: StreamRecord) -> float:
        return windows.start_of(self._shard.around.clock.of(record.arrived_at), self._length_s)

    async def _settle(self, batch: Sequence[StreamRecord], failures: int, invocations: int) -> bool:
        """Return whether all of ``batch`` is done with. ``failures`` counts against the retry quota, splits do not."""
        waits = 0
        while batch:
            batch = self._without_old(batch, invocations)
            if not batch or self._shard.stopping.is_set():
                break
            verdict = await self._invoke(batch)
            if verdict is None:  # nothing ran: a throttle or a missing function costs no attempt
                waits += 1
                await self._shard.pause(backoff_s(waits))
                continue
            invocations += 1
            rest = batch[verdict.settled :]
            if verdict.settled:
                await self._settled(batch[verdict.settled - 1], verdict)
            if self._mapping.bisect_batch_on_function_error and rest and (verdict.settled or len(rest) > 1):
                if verdict.settled:
                    batch = rest
                    continue
                middle = (len(rest) + 1) // 2
                self._shard.decided(f"batch of {len(rest)} is split in two: {verdict.reason}")
                first = await self._settle(rest[:middle], failures, invocations)
                return first and await self._settle(rest[middle:], failures, invocations)
            batch = rest
            if rest:
                failures += 1
                if self._exhausted(failures):
                    self._give_up(rest, discarded.RETRIES_EXHAUSTED, invocations)
                    return True
                await self._shard.pause(backoff_s(failures))
        return not batch

    def _exhausted(self, failures: int) -> bool:
        most = self._mapping.maximum_retry_attempts
        return most is not None and most >= 0 and failures > most

    def _answered_well(self, verdict: StreamVerdict) -> bool:
        return self._last is not None and self._last.function_error is None and verdict.state is not None

    async def _settled(self, last: StreamRecord, verdict: StreamVerdict) -> None:
        state = verdict.state if verdict.state is not None else self.lane.state
        self.lane = replace(self.lane, settled=last.sequence_number, state=state)
        self._shard.save()
        if self._length_s and windows.too_large(state):
            self._shard.decided("the window's state is larger than 1 MB: the window ends early")
            await self.close_window(early=True)

    def _without_old(self, batch: Sequence[StreamRecord], invocations: int) -> Sequence[StreamRecord]:
        """Give up what is older than the mapping or the stream allows; return the rest."""
        now, clock = self._shard.around.clock.now(), self._shard.around.clock
        limit = self._shard.oldest_s
        old = next(
            (n for n, each in enumerate(batch) if now - clock.of(each.arrived_at) <= limit), len(batch)
        )
        if old:
            self._give_up(batch[:old], discarded.TOO_OLD, invocations)
        return batch[old:]

    def _give_up(self, records: Sequence[StreamRecord], condition: str, invocations: int) -> None:
        shard, arn = self._shard, self._mapping.on_failure_arn
        what = f"{len(records)} records given up ({condition}), {records[0].sequence_number} to {records[-1].sequence_number}"
        shard.decided(
            f"{what}; their range goes to {arn}" if arn else f"{what}; there is no on-failure destination"
        )
        if not arn:
            shard.count("DroppedEventCount", len(records))  # AWS counts those that a destination gets apart
        else:
            last = self._last if invocations else None
            given_up = discarded.Range(
                shard.shard_id,
                records,
                condition,
                invocations,
                last.request_id if last else "",
                last.executed_version if last else "$LATEST",
            )
            made = discarded.record(
                self._mapping,
                shard.source.batch_info,
                given_up,
                shard.around.clock.wall(shard.around.clock.now()),
                self._event(records),
            )
            shard.around.discard(self._mapping, made)
        # Only now: a crash before this point gives the range up once more, and loses nothing.
        self.lane = replace(self.lane, settled=records[-1].sequence_number)
        shard.save()

    def _event(self, batch: Sequence[StreamRecord], final: bool = False, early: bool = False) -> bytes:
        start = self.lane.window_start
        if not self._length_s or start is None:
            return self._shard.source.encode(batch)
        return windows.encode_windowed(
            batch,
            start,
            self._length_s,
            self.lane.state,
            self._shard.shard_id,
            self._mapping.event_source_arn,
            final=final,
            early=early,
        )

    async def _invoke(
        self, batch: Sequence[StreamRecord], final: bool = False, early: bool = False
    ) -> StreamVerdict | None:
        """Return what the function's answer means, None when it could not be invoked."""
        shard, arn = self._shard, self._mapping.function_arn
        started = shard.around.clock.now()
        try:
            result = await shard.around.invoke(arn, self._event(batch, final, early), "")
        except TooManyRequestsException as error:
            shard.count("InvokeErrorCount", 1)
            shard.problem(f"{arn} was throttled: {error.message}")
            return None
        except ApiError as error:
            shard.count("InvokeErrorCount", 1)
            shard.problem(f"{arn} cannot be invoked: {error.code}: {error.message}")
            return None
        except SandboxError as error:
            shard.count("InvokeErrorCount", 1)
            shard.problem(f"{arn} cannot be invoked: {error}")
            return None
        if batch:
            clock = shard.around.clock
            shard.around.iterator_age(arn, max(0.0, started - clock.of(batch[-1].arrived_at)) * 1000.0)
        self._last = result
        verdict = judge(
            batch,
            result.payload,
            result.function_error,
            report_batch_item_failures=self._mapping.report_batch_item_failures,
            windowed=bool(self._length_s) and not final,
        )
        if final:
            good = result.function_error is None
            verdict = StreamVerdict(0, verdict.reason, {} if good else None)
        self._tell(batch, verdict, result)
        return verdict

    def _tell(self, batch: Sequence[StreamRecord], verdict: StreamVerdict, result: InvocationResult) -> None:
        shard, count, failed = self._shard, len(batch), result.function_error is not None
        shard.count("InvokedEventCount", count)
        left = count - verdict.settled
        if left or failed:
            shard.count("FailedInvokeEventCount", left)
            shard.result(f"PROBLEM: Function call failed: {verdict.reason}")
        else:
            shard.result(OK)
        sentence = f"{shard.shard_id}: batch of {count}: {verdict.settled} done, {left} left, because {verdict.reason}"
        shard.decided(sentence)
        shard.around.batch(
            self._mapping.uuid, result.request_id, [each.sequence_number for each in batch], sentence
        )
