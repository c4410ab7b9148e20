"""What follows from events that are over and from alarms: it is sent at once, since nothing waits in this interpreter."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from typing import Any

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.drivers.alarm_actions import AlarmActions
from lambda_sandbox.drivers.destinations import Destinations, Forward, InvokeEvent, Letter
from lambda_sandbox.drivers.in_process.seen import Seen
from lambda_sandbox.invocation.messages import EventFinished
from lambda_sandbox.telemetry.alarms import StateChange
from lambda_sandbox.triggers.delivery import Delivery


class Sending:
    """``forward`` sends to the neighbours, ``invoke_event(function_arn, payload, trace_header)`` to another function."""

    def __init__(
        self,
        clock: ManualClock,
        plane: ControlPlane,
        seen: Seen,
        forward: Forward,
        invoke_event: InvokeEvent,
    ) -> None:
        self._clock = clock
        self._seen = seen
        self._invoke_event = invoke_event
        self._destinations = Destinations(
            clock,
            forward,
            invoke_event,
            plane.event_invoke_config,
            note=lambda sentence: seen.history.delivery(clock.now(), sentence),
        )
        self._destinations.on_failure = self._letter_failed
        self._alarm_actions = AlarmActions(clock, forward, self._deliver, _all_may_publish)

    def event_finished(self, event: EventFinished) -> None:
        self._seen.cloudwatch.of_lambda.event_finished(event, self._clock.now())
        for delivery in self._destinations.deliveries(event):
            _run(delivery)

    def alarms_changed(self, changes: list[StateChange]) -> None:
        _run(self._alarm_actions.carry_out(changes))

    def _letter_failed(self, letter: Letter) -> None:
        now = self._clock.now()
        self._seen.cloudwatch.of_lambda.delivery_failed(letter.function_arn, letter.dead_letter, now)

    async def _deliver(self, delivery: Delivery) -> None:
        """DIFFERS: with ``connect(driver="in_process")`` a CloudWatch alarm invokes a function whose policy does not let it in."""
        self._invoke_event(delivery.target_arn, delivery.payload.encode(), delivery.trace_header)


async def _all_may_publish(delivery: Delivery) -> str:
    """IAM is not enforced in this driver."""
    return ""


def _run(sending: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(StopIteration):
        sending.send(None)  # nothing in it waits: moto answers in this interpreter
