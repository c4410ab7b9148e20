"""One enabled SQS mapping at work: as many readers as it has pollers, as many batches in flight as AWS would have."""

from __future__ import annotations

import asyncio

from lambda_sandbox.event_sources.polling import NO_RECORDS, Surroundings
from lambda_sandbox.event_sources.queue_reader import QueueReader
from lambda_sandbox.event_sources.sqs import QueueClient
from lambda_sandbox.event_sources.sqs_scaling import PER_POLLER, Concurrency
from lambda_sandbox.resources import EventSourceMapping


class SqsPoller:
    """A ``Poller`` of a queue. One reader keeps a mapping busy; in provisioned mode each poller is a reader of its own."""

    def __init__(self, mapping: EventSourceMapping, client: QueueClient, around: Surroundings) -> None:
        self.mapping = mapping
        self._client = client
        self._around = around
        self._stopping = asyncio.Event()
        self._concurrency = Concurrency(mapping, around.clock)
        self._readers: dict[QueueReader, asyncio.Task[None]] = {}
        self._ends: dict[QueueReader, asyncio.Event] = {}
        self._changed = asyncio.Event()

    @property
    def readers(self) -> int:
        """How many loops receive from the queue now."""
        return len(self._readers)

    @property
    def last_result(self) -> str:
        """A reader's problem before another's success."""
        results = [reader.last_result for reader in self._readers]
        problem = next((text for text in results if text.startswith("PROBLEM")), None)
        return problem or next((text for text in results if text != NO_RECORDS), NO_RECORDS)

    def stop(self) -> None:
        """Take no further message; batches in flight are finished, messages in no batch are made visible again."""
        self._stopping.set()
        self._changed.set()

    def wake(self) -> None:
        """Receiving waits for messages by itself."""

    async def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._fit_readers()
                self._changed.clear()
                await self._changed.wait()
            for end in self._ends.values():
                end.set()
            if self._readers:
                await asyncio.wait(self._readers.values())
        except asyncio.CancelledError:
            for task in self._readers.values():
                task.cancel()
            await asyncio.gather(*self._readers.values(), return_exceptions=True)
            raise

    @property
    def _in_flight(self) -> int:
        return sum(len(reader.in_flight) for reader in self._readers)

    def _fit_readers(self) -> None:
        """Start readers until there are as many as pollers; end those beyond that, once their batches are over."""
        wanted = max(1, self._concurrency.pollers)
        going = [reader for reader in self._readers if not self._ends[reader].is_set()]
        for _ in range(wanted - len(going)):
            self._start_reader()
        for reader in going[wanted:]:
            self._ends[reader].set()

    def _start_reader(self) -> None:
        end = asyncio.Event()
        reader: QueueReader

        def room() -> int:
            if self.mapping.pollers is not None:
                return PER_POLLER - len(reader.in_flight)
            return self._concurrency.limit - self._in_flight

        reader = QueueReader(
            self.mapping, self._client, self._around, end, room, self._on_change, self._on_idle
        )
        task = asyncio.create_task(reader.run(), name=f"mapping {self.mapping.uuid} reader")
        self._readers[reader], self._ends[reader] = task, end
        task.add_done_callback(lambda _: self._reader_ended(reader))

    def _reader_ended(self, reader: QueueReader) -> None:
        if not self._stopping.is_set():  # a stopped mapping keeps its last word
            del self._readers[reader], self._ends[reader]
            self._changed.set()

    def _on_change(self) -> None:
        self._concurrency.observe(self._in_flight)
        if max(1, self._concurrency.pollers) != self.readers:
            self._changed.set()

    def _on_idle(self) -> None:
        if not self._in_flight:
            self._concurrency.idle()
            if max(1, self._concurrency.pollers) != self.readers:
                self._changed.set()
