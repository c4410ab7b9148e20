"""Event source mappings: what their pollers need of the sandbox, and what CloudWatch hears of them."""

from __future__ import annotations

from collections.abc import Sequence

from lambda_sandbox.drivers.destinations import Letter
from lambda_sandbox.drivers.mapping_state import StoredCheckpoints, letter_of
from lambda_sandbox.drivers.neighbour_door import Caused
from lambda_sandbox.drivers.outbox import Outbox
from lambda_sandbox.event_sources.mappings import Mappings
from lambda_sandbox.event_sources.polling import Surroundings
from lambda_sandbox.resources import EventSourceMapping
from lambda_sandbox.telemetry.neighbour_usage import Cause
from lambda_sandbox.wiring.invoking import Invoking
from lambda_sandbox.wiring.parts import Parts


class MappingCounts:
    """Counts what mappings did; CloudWatch hears of it where a mapping's MetricsConfig asks for that."""

    def __init__(self, parts: Parts) -> None:
        self._clock = parts.ground.clock
        self._history = parts.ground.history
        self._plane = parts.plane
        self._of_lambda = parts.driver.cloudwatch.of_lambda
        self._of_mappings = parts.driver.cloudwatch.of_mappings
        self._counted: dict[str, EventSourceMapping] | None = None  # None: mappings changed, look again

    def mappings_changed(self) -> None:
        self._counted = None

    def count(self, uuid: str, metric: str, number: int) -> None:
        self._history.mapping_metric(uuid, metric, number)
        if self._counted is None:
            self._counted = {each.uuid: each for each in self._plane.mappings() if each.metrics}
        mapping = self._counted.get(uuid)
        if mapping is not None:
            self._of_mappings.count(mapping, metric, number, self._clock.now())

    def iterator_age(self, function_arn: str, age_ms: float) -> None:
        self._of_lambda.iterator_age(function_arn, age_ms, self._clock.now())

    def offset_lag(self, mapping: EventSourceMapping, lags: Sequence[int]) -> None:
        self._of_mappings.offset_lag(mapping, lags, self._clock.now())

    def delivered(self, letter: Letter) -> None:
        """The record of a batch that was given up has arrived at its destination."""
        if letter.mapping_uuid:
            self.count(letter.mapping_uuid, "OnFailureDestinationDeliveredEventCount", letter.events)

    def undelivered(self, letter: Letter) -> None:
        """A record was given up too: what it tells of is lost."""
        now = self._clock.now()
        if letter.function_arn:
            self._of_lambda.delivery_failed(letter.function_arn, letter.dead_letter, now)
        if letter.mapping_uuid:
            self.count(letter.mapping_uuid, "DroppedEventCount", letter.events)
            self.count(letter.mapping_uuid, "OnFailureDestinationDeliveryErrorCount", 1)


def make_mappings(parts: Parts, invoking: Invoking, outbox: Outbox, counts: MappingCounts) -> Mappings:
    """Return the pollers; each asks the neighbours as its mapping, so that history knows who asked."""
    outbox.on_delivery, outbox.on_failure = counts.delivered, counts.undelivered
    ground, clock, history = parts.ground, parts.ground.clock, parts.ground.history
    around = Surroundings(
        invoke=invoking.for_mapping,
        clock=ground.waiting_clock,
        sleep=ground.sleep,
        decide=lambda uuid, sentence: history.mapping_decision(clock.now(), uuid, sentence),
        count=counts.count,
        iterator_age=counts.iterator_age,
        offset_lag=counts.offset_lag,
        discard=lambda mapping, discarded: outbox.post(
            letter_of(mapping, discarded, invoking.role_of(mapping.function_arn))
        ),
        checkpoints=StoredCheckpoints(ground.store),
        batch=lambda *told: history.batch(clock.now(), *told),
    )

    def polled(mapping: EventSourceMapping) -> Caused:
        return parts.door.of(Cause(mapping.function_arn.split(":")[6], polls=True))

    servers = ground.config.kafka_bootstrap_servers
    return Mappings(parts.plane.mappings, parts.neighbours, around, invoking.role_of, servers, polled)
