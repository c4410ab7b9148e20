"""Schedules as the neighbours hold them, read while they run; never a reason to start them."""

from __future__ import annotations

import json
from typing import Any, Protocol

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.services.schedule_listing import PATH
from lambda_sandbox.triggers.schedules import Schedule

_HEADERS = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]


class Neighbours(Protocol):
    @property
    def status(self) -> str: ...

    async def forward(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class ScheduleDefinitions:
    """``clock`` is the one that schedules run by: when a schedule was made is translated to it."""

    def __init__(self, neighbours: Neighbours, clock: WaitingClock) -> None:
        self._neighbours = neighbours
        self._clock = clock

    async def read(self) -> list[Schedule] | None:
        """Return all schedules, ``None`` while the neighbours do not run or do not answer."""
        answer = await self._ask({})
        return None if answer is None else [self._schedule(each) for each in answer]

    async def delete(self, arn: str) -> None:
        await self._ask({"delete": arn})

    async def _ask(self, question: dict[str, str]) -> list[dict[str, Any]] | None:
        if self._neighbours.status not in ("running", "starting"):
            return None
        status, _, body = await self._neighbours.forward(
            "POST", PATH, _HEADERS, json.dumps(question).encode()
        )
        if status != 200:
            return None
        answer: list[dict[str, Any]] = json.loads(body)
        return answer

    def _schedule(self, given: dict[str, Any]) -> Schedule:
        dates = {name: float(given[name]) for name in ("start", "end") if given.get(name) is not None}
        anchor = self._clock.of(given["anchor"])
        return Schedule(**{**given, **dates, "anchor": anchor, "targets": tuple(given["targets"])})
