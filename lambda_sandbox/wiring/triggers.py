"""What starts functions without a mapping: the events that neighbours send, and the schedules."""

from __future__ import annotations

from lambda_sandbox.drivers.deliveries import Deliveries, Pending
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.schedule_definitions import ScheduleDefinitions
from lambda_sandbox.drivers.schedules import Schedules
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.drivers.trigger_routes import TriggerRoutes
from lambda_sandbox.triggers.schedules import Mark
from lambda_sandbox.wiring.finished_events import FinishedEvents
from lambda_sandbox.wiring.parts import Parts


class Triggers:
    """``identities`` is ``None`` where IAM is not enforced. ``routes`` is where the neighbours' process hands over."""

    def __init__(self, parts: Parts, identities: Identities | None, finished: FinishedEvents) -> None:
        ground, neighbours = parts.ground, parts.neighbours
        permissions = TriggerPermissions(parts.plane.resource_policy, identities, ground.denied)
        self.deliveries = Deliveries(
            ground.waiting_clock,
            ground.store.collection("delivery", Pending, lambda each: (each.delivery_id,)),
            permissions.refusal,
            finished.destinations.send,
            finished.outbox.post,
            ground.note,
            ground.sleep,
        )
        definitions = ScheduleDefinitions(neighbours, ground.waiting_clock)
        self.schedules = Schedules(
            ground.waiting_clock,
            definitions.read,
            definitions.delete,
            ground.store.collection("schedule-mark", Mark, lambda each: (each.arn,)),
            self.deliveries.deliver,
            ground.note,
            ground.config.seed or 0,
        )
        self.routes = TriggerRoutes(self.deliveries, permissions, neighbours.token, ground.note)
