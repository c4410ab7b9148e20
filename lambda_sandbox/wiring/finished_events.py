"""What follows when an asynchronous event is over: its destinations and dead letters, and now and then a second run."""

from __future__ import annotations

import asyncio

from lambda_sandbox.drivers.destinations import Destinations, Letter, NotNow
from lambda_sandbox.drivers.duplicates import Duplicates
from lambda_sandbox.drivers.mapping_state import letters
from lambda_sandbox.drivers.outbox import Outbox
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.errors import ServiceException
from lambda_sandbox.invocation.faults import FaultRule
from lambda_sandbox.invocation.messages import EventFinished, Invocation
from lambda_sandbox.telemetry.neighbour_usage import OUTSIDE, Cause
from lambda_sandbox.wiring.invoking import Invoking
from lambda_sandbox.wiring.parts import Parts


class FinishedEvents:
    """Hears of every event that is over. ``outbox`` keeps what is to be sent until it has arrived."""

    def __init__(self, parts: Parts, invoking: Invoking, permissions: TriggerPermissions) -> None:
        self._permissions = permissions
        ground = self._ground = parts.ground
        driver = self._driver = parts.driver
        door = self._door = parts.door
        self._loop = asyncio.get_running_loop()
        self.destinations = Destinations(
            ground.clock,
            door.forward,
            invoking.as_destination,
            parts.plane.event_invoke_config,
            note=ground.note,
        )
        self.outbox = Outbox(
            ground.waiting_clock, letters(ground.store), self._send, ground.note, ground.sleep
        )
        self._duplicates = Duplicates(
            ground.config.duplicate_events, ground.config.seed, driver.core.faults, self._show_duplicate
        )
        driver.on_event_finished = self._finished

    def _finished(self, event: EventFinished) -> None:
        for letter in self.destinations.letters(event):
            self.outbox.post(letter)
        again = self._duplicates.drawn(event)
        if again is not None:
            self._loop.call_soon(self._driver.restore_event, again)

    async def _send(self, letter: Letter) -> None:
        try:
            missing = await self._permissions.refusal_of_letter(letter)
        except ServiceException as problem:
            raise NotNow(str(problem)) from None
        if missing:
            raise PermissionError(missing)
        with self._door.on_behalf_of(Cause(letter.cause or OUTSIDE)):
            await self.destinations.send(letter)

    def _show_duplicate(self, rule: FaultRule, event: Invocation) -> None:
        now, name = self._ground.clock.now(), event.function.function_name
        self._ground.history.fault(now, rule.kind, event.request_id, name, str(rule))
