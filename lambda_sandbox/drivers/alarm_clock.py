"""Wakes the alarms on the server's loop when they are due, and tells whom it concerns what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.alarm_actions import AlarmActions
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.drivers.service_events import ServiceEvents
from lambda_sandbox.telemetry.alarms import StateChange
from lambda_sandbox.telemetry.alarms_messages import bridge_event


class AlarmClock:
    """There is no timer while there is no alarm."""

    def __init__(
        self,
        cloudwatch: CloudWatch,
        clock: WaitingClock,
        actions: AlarmActions,
        service_events: ServiceEvents,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._cloudwatch = cloudwatch
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._actions = actions
        self._service_events = service_events
        self._spawn = spawn
        cloudwatch.notify = self._tell
        cloudwatch.on_alarm = self.arm

    def _tell(self, changes: list[StateChange]) -> None:
        for change in changes:
            self._service_events.put(bridge_event(change, str(uuid4())))
        self._spawn(self._actions.carry_out(changes))

    def arm(self) -> None:
        """Wait for the next alarm that is due; called after every change of what there is to watch."""
        due = self._cloudwatch.alarms.next_due()
        self.stop()
        if due is not None:
            wait_s = self._clock.real_s(max(0.0, due - self._clock.now()))
            self._timer = self._loop.call_later(wait_s, self._fire)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        try:
            self._cloudwatch.tick()
        finally:
            self.arm()
