"""Keeps the time of schedules, by the waiting clock: looks what is due, delivers it, and sleeps until the next is.

What was seen to is marked durably after each delivery, so that a crash in between repeats an event (AWS: at least once) and
nothing is ever lost. The schedules themselves live with the neighbours, and go when they go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import uuid4

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.triggers import scheduler_event
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.eventbridge_event import iso
from lambda_sandbox.triggers.schedules import Mark, Outlook, Schedule, beginning, outlook

_LONGEST_S = 86_400.0  # one sleep; looking a day early does no harm
_log = logging.getLogger(__name__)


class Marks(Protocol):
    """How far schedules have come; every write is durable when it returns."""

    def all(self) -> list[Mark]: ...

    def put(self, resource: Mark) -> None: ...

    def delete(self, resource: Mark) -> None: ...


class Schedules:
    """``read()`` returns all schedules, ``None`` while they cannot be known. ``delete(arn)`` is for those that are over.

    ``note(sentence)`` is what history shows of times that were left out. Belongs to one event loop.
    """

    def __init__(
        self,
        clock: WaitingClock,
        read: Callable[[], Awaitable[list[Schedule] | None]],
        delete: Callable[[str], Awaitable[None]],
        marks: Marks,
        deliver: Callable[[Delivery], Awaitable[None]],
        note: Callable[[str], None],
        seed: int,
    ) -> None:
        self._clock = clock
        self._read = read
        self._delete = delete
        self._marks = marks
        self._deliver = deliver
        self._note = note
        self._seed = seed
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="schedules")

    def wake(self) -> None:
        """Something about schedules may have changed: look now."""
        self._changed.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> float | None:
        """Deliver what is due. Return when to look again on the waiting clock, ``None`` when nothing is coming."""
        schedules = await self._read()
        if schedules is None:
            return None
        marks = {mark.arn: mark for mark in self._marks.all()}
        present = {schedule.arn for schedule in schedules}
        for arn in marks.keys() - present:
            self._marks.delete(marks[arn])
        coming = [await self._see_to(schedule, marks.get(schedule.arn)) for schedule in schedules]
        return min((moment for moment in coming if moment is not None), default=None)

    # --- one schedule --------------------------------------------------------------------------------

    async def _see_to(self, schedule: Schedule, mark: Mark | None) -> float | None:
        last = self._last(schedule, mark)
        if mark is None or (mark.last, mark.enabled, mark.fingerprint) != _state(schedule, last):
            self._mark(schedule, last)
        if not schedule.enabled:
            return None
        seen = outlook(schedule, last, self._clock.now(), self._seed)
        if seen.missed:
            self._note(f"{schedule.arn} was not fired for some times before {iso(seen.last)}: too long ago")
        for due_at in seen.due:
            for delivery in scheduler_event.deliveries(schedule, due_at, str(uuid4())):
                await self._deliver(delivery)
            self._mark(schedule, due_at)
        return await self._after(schedule, seen)

    async def _after(self, schedule: Schedule, seen: Outlook) -> float | None:
        if seen.following is None and schedule.delete_after:
            await self._delete(schedule.arn)
            self._note(f"{schedule.arn} is over and was deleted: its ActionAfterCompletion is DELETE")
        return seen.following

    def _last(self, schedule: Schedule, mark: Mark | None) -> float:
        """Return the last time that was seen to; what fell into the time when it was switched off is never due."""
        if mark is None or mark.fingerprint != schedule.fingerprint:
            return beginning(schedule)
        if not schedule.enabled or not mark.enabled:
            return max(mark.last, self._clock.now())
        return mark.last

    def _mark(self, schedule: Schedule, last: float) -> None:
        self._marks.put(
            Mark(
                schedule.arn,
                schedule.account_id,
                schedule.region,
                schedule.fingerprint,
                last,
                schedule.enabled,
            )
        )

    # --- time ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                following = await self.look()
            except Exception:  # one bad schedule must not stop the others for good
                _log.exception("schedules could not be looked at; they are when something changes")
                following = None
            timeout_s = None
            if following is not None:
                timeout_s = min(self._clock.real_s(following - self._clock.now()), _LONGEST_S)
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                continue


def _state(schedule: Schedule, last: float) -> tuple[float, bool, str]:
    return last, schedule.enabled, schedule.fingerprint
