"""What starts functions without a mapping: the events that neighbours send, and the schedules."""

from __future__ import annotations

import asyncio

from lambda_sandbox.drivers.deliveries import Deliveries, Pending
from lambda_sandbox.drivers.schedule_definitions import ScheduleDefinitions
from lambda_sandbox.drivers.schedules import Schedules
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.drivers.trigger_routes import TriggerRoutes
from lambda_sandbox.environments.openings import Opening
from lambda_sandbox.triggers.schedules import Mark
from lambda_sandbox.wiring.finished_events import FinishedEvents
from lambda_sandbox.wiring.parts import Parts


class Triggers:
    """``routes`` is where the neighbours' process hands over."""

    def __init__(self, parts: Parts, permissions: TriggerPermissions, finished: FinishedEvents) -> None:
        ground, neighbours = parts.ground, parts.neighbours
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
        self.routes = TriggerRoutes(
            self.deliveries, permissions, neighbours.token, ground.note, self._open_to_functions
        )
        self._driver = parts.driver
        neighbours.on_lost = self._close_to_functions
        self._closing: asyncio.Task[None] | None = None

    async def _open_to_functions(self, places: list[tuple[str, int]]) -> None:
        """Let every environment reach these places of this machine: databases, and where custom resources answer."""
        environments = self._driver.environments
        assert environments is not None
        await environments.open([Opening(address, port, address) for address, port in places])

    def _close_to_functions(self) -> None:
        """They have ended with the neighbours' process: what listens there from now on is somebody else's."""
        self._closing = asyncio.get_running_loop().create_task(self._open_to_functions([]))
