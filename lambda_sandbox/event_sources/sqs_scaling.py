"""How many batches of a queue may be in flight at once. Pure, time from an injected clock.

Source: AWS Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings", read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.clock import Clock
from lambda_sandbox.resources import EventSourceMapping

START = 5
PER_MINUTE = 300
MOST = 1_250
PER_POLLER = 10  # concurrent invocations of one poller in provisioned mode


class Concurrency:
    """Standard queues begin with 5 and gain 300 a minute while all are in use; an idle queue begins anew.

    In provisioned mode the pollers are counted: at least the minimum, one more whenever all are busy, up to the maximum.
    A FIFO queue has one batch a message group: its groups are the bound.
    """

    def __init__(self, mapping: EventSourceMapping, clock: Clock) -> None:
        self._mapping = mapping
        self._clock = clock
        self._fifo = mapping.event_source_arn.endswith(".fifo")
        self._busy_since: float | None = None
        self._from = 0
        self.pollers = mapping.pollers.minimum if mapping.pollers else 0

    @property
    def limit(self) -> int:
        """Return how many batches may be in flight now."""
        if self._mapping.pollers is not None:
            return self.pollers * PER_POLLER
        most = self._mapping.maximum_concurrency or MOST
        if self._fifo:
            return most
        gained = 0.0
        if self._busy_since is not None:
            gained = (self._clock.now() - self._busy_since) * PER_MINUTE / 60
        return min(most, MOST, START + self._from + int(gained))

    def observe(self, in_flight: int) -> None:
        """Hear how many batches are in flight after one began or ended."""
        if self._mapping.pollers is not None:
            self._observe_pollers(in_flight, self._mapping.pollers.minimum, self._mapping.pollers.maximum)
            return
        now = self._clock.now()
        limit = self.limit
        if in_flight >= limit:
            if self._busy_since is None:
                self._busy_since = now
        elif self._busy_since is not None:
            self._from = limit - START  # what was gained stays until the queue is empty
            self._busy_since = None

    def idle(self) -> None:
        """Hear that the queue is empty."""
        self._busy_since, self._from = None, 0
        if self._mapping.pollers is not None:
            self.pollers = self._mapping.pollers.minimum

    def _observe_pollers(self, in_flight: int, minimum: int, maximum: int) -> None:
        if in_flight >= self.pollers * PER_POLLER:
            self.pollers = min(maximum, self.pollers + 1)
        elif in_flight == 0:
            self.pollers = minimum
