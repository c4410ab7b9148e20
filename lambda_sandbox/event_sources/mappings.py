"""All event source mappings: one task for each that is enabled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lambda_sandbox.clock import Clock
from lambda_sandbox.event_sources.sqs import Neighbour, QueueClient
from lambda_sandbox.event_sources.sqs_poller import NO_RECORDS, Invoke, OnDecision, Sleep, SqsPoller
from lambda_sandbox.resources import EventSourceMapping

# A mapping in one of these states takes no message; in any other (Enabled, Creating, Updating, ...) it does.
_AT_REST = frozenset({"Disabled", "Disabling", "Deleting"})


@dataclass
class _Running:
    poller: SqsPoller
    task: asyncio.Task[None]


def _ignore(uuid: str, sentence: str) -> None:
    """Take a decision that nobody asked to hear."""


class Mappings:
    """``list_mappings`` gives what exists now; ``invoke`` runs a function and waits for its result.

    ``on_decision(uuid, sentence)`` hears why a batch was kept or deleted. ``sleep`` is for backing off and windows. Belongs
    to the event loop that calls ``sync``.
    """

    def __init__(
        self,
        list_mappings: Callable[[], Iterable[EventSourceMapping]],
        neighbours: Neighbour,
        invoke: Invoke,
        clock: Clock,
        on_decision: OnDecision = _ignore,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._list_mappings = list_mappings
        self._neighbours = neighbours
        self._invoke = invoke
        self._clock = clock
        self._on_decision = on_decision
        self._sleep = sleep
        self._running: dict[str, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._results: dict[str, str] = {}

    async def sync(self) -> None:
        """Start, change and stop tasks until they match what exists. Does not wait for a batch in flight."""
        existing = {mapping.uuid: mapping for mapping in self._list_mappings()}
        wanted = {
            uuid: mapping
            for uuid, mapping in existing.items()
            if mapping.state not in _AT_REST and _is_queue(mapping)
        }
        for uuid, running in list(self._running.items()):
            if _work(wanted.get(uuid)) != _work(running.poller.mapping):
                self._end(uuid)
        for uuid, mapping in wanted.items():
            if uuid not in self._running:
                self._start(mapping)
        self._results = {uuid: text for uuid, text in self._results.items() if uuid in existing}

    def last_processing_result(self, uuid: str) -> str:
        """Return ``No records processed``, ``OK`` or ``PROBLEM:`` and why; it outlives a pause of the mapping."""
        running = self._running.get(uuid)
        if running is not None and running.poller.last_result != NO_RECORDS:
            return running.poller.last_result
        return self._results.get(uuid, NO_RECORDS)

    async def settled(self) -> None:
        """Wait until every mapping that was stopped has finished its batches in flight."""
        while self._ending:
            await asyncio.wait(self._ending)

    async def stop(self, grace_s: float = 2.0) -> None:
        """Stop all mappings; batches in flight get ``grace_s`` seconds, then are given up (their messages come back)."""
        for uuid in list(self._running):
            self._end(uuid)
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, mapping: EventSourceMapping) -> None:
        try:
            client = QueueClient(self._neighbours, mapping.event_source_arn)
        except ValueError as error:
            self._results[mapping.uuid] = f"PROBLEM: {error}"
            return
        poller = SqsPoller(mapping, client, self._invoke, self._clock, self._sleep, self._on_decision)
        task = asyncio.create_task(poller.run(), name=f"mapping {mapping.uuid}")
        self._running[mapping.uuid] = _Running(poller, task)

    def _end(self, uuid: str) -> None:
        running = self._running.pop(uuid)
        running.poller.stop()
        self._results[uuid] = running.poller.last_result
        self._ending.add(running.task)
        running.task.add_done_callback(self._ending.discard)


def _is_queue(mapping: EventSourceMapping) -> bool:
    """DIFFERS: other sources are checked and kept, and nothing reads them."""
    return mapping.event_source_arn.split(":")[2:3] == ["sqs"]


def _work(mapping: EventSourceMapping | None) -> tuple[object, ...] | None:
    """What a poller depends on: a change of nothing but state or date leaves it alone."""
    if mapping is None:
        return None
    return (
        mapping.event_source_arn,
        mapping.function_arn,
        mapping.batch_size,
        mapping.maximum_batching_window_s,
        mapping.report_batch_item_failures,
        mapping.maximum_concurrency,
        mapping.filters,
    )
