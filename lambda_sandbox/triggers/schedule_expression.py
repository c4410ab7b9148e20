"""When a schedule is due: ``rate(…)``, ``cron(…)`` and ``at(…)``.

Source: as ``cron``. ``rate`` counts hours of 3600 s and days of 24 hours, whatever clocks do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lambda_sandbox.triggers.cron import Cron

_UNIT_S = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"(\d+) (minute|hour|day)(s?)")


@dataclass(frozen=True, slots=True)
class Rate:
    period_s: int

    def after(self, moment: float, first: float) -> float | None:
        """Return the first due time later than ``moment``; ``first`` is when the schedule is due for the first time."""
        if moment < first:
            return first
        return first + ((moment - first) // self.period_s + 1) * self.period_s


@dataclass(frozen=True, slots=True)
class At:
    moment: float

    def after(self, moment: float, first: float) -> float | None:
        return self.moment if moment < self.moment else None


@dataclass(frozen=True, slots=True)
class Calendar:
    cron: Cron
    zone: tzinfo

    def after(self, moment: float, first: float) -> float | None:
        """As ``Rate.after``; what is due before ``first`` is left out."""
        due = self.cron.after(datetime.fromtimestamp(max(moment, first - 1), UTC), self.zone)
        return due.timestamp() if due is not None else None


Expression = Rate | At | Calendar


def parse(text: str, timezone: str = "UTC", *, of_rule: bool = False) -> Expression:
    """Return what an expression means. A rule knows no ``at`` and is strict about ``minute`` and ``minutes``.

    Raises ``ValueError`` that says what is wrong.
    """
    kind, _, inner = text.partition("(")
    if not inner.endswith(")"):
        raise ValueError(f"{text} is neither rate(…) nor cron(…)")
    inner = inner[:-1]
    if kind == "rate":
        return _rate(inner, of_rule)
    if kind == "cron":
        return Calendar(Cron(inner), zone_of(timezone))
    if kind == "at" and not of_rule:
        return _at(inner, zone_of(timezone))
    raise ValueError(f"{kind} is no kind of schedule")


def zone_of(name: str) -> tzinfo:
    """Return an IANA time zone. Raises ``ValueError`` for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name} is no time zone") from None


def _rate(text: str, of_rule: bool) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) < 1:
        raise ValueError("rate takes a positive number and minutes, hours or days")
    if of_rule and (int(found[1]) == 1) is bool(found[3]):
        raise ValueError("the unit is singular for 1, and plural for all else")
    return Rate(int(found[1]) * _UNIT_S[found[2]])


def _at(text: str, zone: tzinfo) -> At:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ValueError("at takes a time as yyyy-mm-ddThh:mm:ss") from None
    return At(moment.replace(tzinfo=zone).timestamp())
