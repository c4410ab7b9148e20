"""Schedules as the neighbours hold them, read while they run; never a reason to start them."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.own_questions import Neighbours, ask
from lambda_sandbox.services.schedule_listing import PATH
from lambda_sandbox.triggers.schedules import Schedule


class ScheduleDefinitions:
    """``clock`` is the one that schedules run by: when a schedule was made is translated to it."""

    def __init__(self, neighbours: Neighbours, clock: WaitingClock) -> None:
        self._neighbours = neighbours
        self._clock = clock

    async def read(self) -> list[Schedule] | None:
        """Return all schedules, ``None`` while the neighbours do not run or do not answer."""
        answer: list[dict[str, Any]] | None = await ask(self._neighbours, PATH, {})
        return None if answer is None else [self._schedule(each) for each in answer]

    async def delete(self, arn: str) -> None:
        await ask(self._neighbours, PATH, {"delete": arn})

    def _schedule(self, given: dict[str, Any]) -> Schedule:
        dates = {name: float(given[name]) for name in ("start", "end") if given.get(name) is not None}
        anchor = self._clock.of(given["anchor"])
        return Schedule(**{**given, **dates, "anchor": anchor, "targets": tuple(given["targets"])})
