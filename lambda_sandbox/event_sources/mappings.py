"""All event source mappings: one poller for each that is enabled and can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from lambda_sandbox.event_sources.aws_json import Neighbour
from lambda_sandbox.event_sources.dynamodb_streams import DynamoDbSource
from lambda_sandbox.event_sources.kafka import KafkaSource, missing_library
from lambda_sandbox.event_sources.kinesis import KinesisSource
from lambda_sandbox.event_sources.polling import NO_RECORDS, Poller, Surroundings
from lambda_sandbox.event_sources.sqs import QueueClient
from lambda_sandbox.event_sources.sqs_poller import SqsPoller
from lambda_sandbox.event_sources.stream_poller import StreamPoller
from lambda_sandbox.resources import EventSourceMapping

# A mapping in one of these states takes no record; in any other (Enabled, Creating, Updating, ...) it does.
_AT_REST = frozenset({"Disabled", "Disabling", "Deleting"})
_NO_BROKER = (
    "this sandbox was given no Kafka broker: set LAMBDA_SANDBOX_KAFKA_BOOTSTRAP_SERVERS to HOST:PORT of one; until then the "
    "mapping is kept and invokes nothing."
)
_REFUSED = {
    "mq": "this sandbox has no Amazon MQ broker: the mapping is checked and kept, and invokes nothing.",
    "rds": "this sandbox has no Amazon DocumentDB cluster: the mapping is checked and kept, and invokes nothing.",
}


@dataclass
class _Running:
    poller: Poller
    task: asyncio.Task[None]


class Mappings:
    """``list_mappings`` gives what exists now; ``role_of(function_arn)`` the role that a function runs as.
    ``kafka_servers`` is the address of a real broker, empty for none; ``on_behalf_of(mapping)`` are the neighbours as they
    answer a mapping, whose requests are its function's.

    Belongs to the event loop that calls ``sync``.
    """

    def __init__(
        self,
        list_mappings: Callable[[], Iterable[EventSourceMapping]],
        neighbours: Neighbour,
        around: Surroundings,
        role_of: Callable[[str], str] = lambda function_arn: "",
        kafka_servers: str = "",
        on_behalf_of: Callable[[EventSourceMapping], Neighbour] | None = None,
    ) -> None:
        self._on_behalf_of = on_behalf_of or (lambda mapping: neighbours)
        self._list_mappings = list_mappings
        self._around = around
        self._role_of = role_of
        self._kafka_servers = kafka_servers
        self._running: dict[str, _Running] = {}
        self._ending: dict[asyncio.Task[None], str] = {}
        self._results: dict[str, str] = {}

    async def sync(self) -> None:
        """Start, change and stop pollers until they match what exists. Does not wait for a batch in flight."""
        existing = {mapping.uuid: mapping for mapping in self._list_mappings()}
        wanted = {uuid: mapping for uuid, mapping in existing.items() if mapping.state not in _AT_REST}
        for uuid, running in list(self._running.items()):
            if uuid not in wanted or _work(wanted[uuid]) != _work(running.poller.mapping):
                self._end(uuid)
        for uuid, mapping in wanted.items():
            if uuid not in self._running:
                self._start(mapping)
        self._results = {uuid: text for uuid, text in self._results.items() if uuid in existing}
        self._around.checkpoints.forget(lambda uuid: uuid in existing)

    def wake(self) -> None:
        """A record was written somewhere: pollers that would ask again later ask now."""
        for running in self._running.values():
            running.poller.wake()

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
        """Stop all mappings; batches in flight get ``grace_s`` seconds, then are given up (their records come back)."""
        for uuid in list(self._running):
            self._end(uuid)
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, mapping: EventSourceMapping) -> None:
        poller = self._poller(mapping)
        if isinstance(poller, str):
            self._results[mapping.uuid] = f"PROBLEM: {poller}"
            return
        before = [task for task, uuid in self._ending.items() if uuid == mapping.uuid]
        task = asyncio.create_task(_run_after(before, poller), name=f"mapping {mapping.uuid}")
        self._running[mapping.uuid] = _Running(poller, task)

    def _poller(self, mapping: EventSourceMapping) -> Poller | str:
        """Return what reads the mapping's source, or why nothing does."""
        arn, around, neighbours = mapping.event_source_arn, self._around, self._on_behalf_of(mapping)
        service = arn.split(":")[2] if arn else "kafka"
        if service == "sqs":
            try:
                return SqsPoller(mapping, QueueClient(neighbours, arn), around)
            except ValueError as error:
                return str(error)
        if service == "kinesis":
            source = KinesisSource(neighbours, arn, self._role_of(mapping.function_arn))
            return StreamPoller(mapping, source, around)
        if service == "dynamodb":
            return StreamPoller(mapping, DynamoDbSource(neighbours, arn), around)
        if service == "kafka":
            reason = missing_library() if self._kafka_servers else _NO_BROKER
            return reason or StreamPoller(mapping, KafkaSource(mapping, self._kafka_servers), around)
        return _REFUSED[service]

    def _end(self, uuid: str) -> None:
        running = self._running.pop(uuid)
        running.poller.stop()
        self._results[uuid] = running.poller.last_result
        self._ending[running.task] = uuid
        running.task.add_done_callback(lambda task: self._ended(uuid, task, running.poller))

    def _ended(self, uuid: str, task: asyncio.Task[None], poller: Poller) -> None:
        del self._ending[task]
        if uuid in self._results and poller.last_result != NO_RECORDS:
            self._results[uuid] = poller.last_result


async def _run_after(before: list[asyncio.Task[None]], poller: Poller) -> None:
    """Run once the mapping's earlier poller is over: two at once would break the order of keys and groups."""
    if before:
        await asyncio.wait(before)
    await poller.run()


def _work(mapping: EventSourceMapping) -> EventSourceMapping:
    """What a poller depends on: a change of nothing but state or date leaves it alone."""
    return replace(mapping, state="", last_modified=0.0, transition="", transition_until=0.0, metrics=())
