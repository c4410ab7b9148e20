"""Schedules of rules and of EventBridge Scheduler, and which of their times are due. All times are seconds since the epoch.

POLICY: when the sandbox's clock jumps ahead (a laptop that slept), a schedule runs for each time that it missed, the oldest first, but
for no more than the last 100, and for none that is older than the target's maximum event age.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lambda_sandbox.triggers.schedule_expression import At, Rate, parse

CATCH_UP = 100
_AGE_S = 86_400
# AWS: a schedule fires at any time within its minute, so one that is made within its own minute still does.
_PRECISION_S = 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """``targets`` are as the API takes them; a Scheduler's has one. ``anchor`` is when its expression was set."""

    arn: str
    kind: Literal["rule", "schedule"]
    name: str
    account_id: str
    region: str
    expression: str
    targets: tuple[Mapping[str, Any], ...]
    anchor: float
    enabled: bool = True
    timezone: str = "UTC"
    start: float | None = None
    end: float | None = None
    window_s: int = 0
    delete_after: bool = False

    @property
    def fingerprint(self) -> str:
        """Changes when the schedule begins anew."""
        return f"{self.expression} {self.timezone} {self.start} {self.anchor}"

    @property
    def maximum_age_s(self) -> int:
        """The age after which no target would get an event any more."""
        ages = [
            int((target.get("RetryPolicy") or {}).get("MaximumEventAgeInSeconds", _AGE_S))
            for target in self.targets
        ]
        return max(ages, default=_AGE_S)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a schedule has come: ``last`` is the last due time that was seen to."""

    arn: str
    account_id: str
    region: str
    fingerprint: str
    last: float
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Outlook:
    """``due`` are times to fire for now, ``missed`` says whether others were left out; ``last`` is how far this looked.

    ``following`` is when to look again, ``None`` when the schedule is over.
    """

    due: tuple[float, ...]
    missed: bool
    following: float | None
    last: float


def beginning(schedule: Schedule) -> float:
    """Return the ``last`` of a schedule that is new: what was due before is not its own."""
    if isinstance(parse(schedule.expression, schedule.timezone), At):
        return schedule.anchor - _PRECISION_S
    return schedule.anchor - 1 if schedule.kind == "schedule" else schedule.anchor


def outlook(schedule: Schedule, last: float, now: float, seed: int) -> Outlook:
    """Return what is due by ``now`` after ``last``. ``seed`` fixes where in flexible windows schedules fire."""
    expression = parse(schedule.expression, schedule.timezone)
    first = _first(schedule, expression)
    due: list[float] = []
    missed = False
    oldest = now - schedule.maximum_age_s - schedule.window_s
    if last < oldest:  # a long stop: no need to look at every time of it
        following = expression.after(last, first)
        missed = following is not None and following <= oldest
        last = oldest if missed else last
    while True:
        following = expression.after(last, first)
        if following is None or (schedule.end is not None and following > schedule.end):
            return Outlook(tuple(due), missed, None, last)
        fires_at = following + _delay(schedule, following, seed)
        if fires_at > now:
            return Outlook(tuple(due), missed, fires_at, last)
        last = following
        if now - fires_at > schedule.maximum_age_s:
            missed = True
            continue
        due.append(following)
        if len(due) > CATCH_UP:
            del due[0]
            missed = True


def _first(schedule: Schedule, expression: Any) -> float:
    """AWS: Scheduler's rates begin at their start date, or at once; a rule's one period after it was made."""
    if schedule.start is not None:
        return schedule.start
    if isinstance(expression, Rate):
        return schedule.anchor + (expression.period_s if schedule.kind == "rule" else 0)
    return beginning(schedule)


def _delay(schedule: Schedule, due: float, seed: int) -> float:
    if not schedule.window_s:
        return 0.0
    return random.Random(f"{seed} {schedule.arn} {due}").uniform(0, schedule.window_s)  # noqa: S311 - no secret
