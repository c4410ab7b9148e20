"""How many requests an API key may make in a day, week or month of its usage plan. Pure: the time is an argument.

Source: API Gateway API Reference, "QuotaSettings" and "GetUsage", read 2026-11.

POLICY: the periods of a usage plan's quota are days in UTC, weeks from Sunday, and calendar months. ``offset`` is taken off in the
period of a key's first request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """``limit`` requests in each ``period``: ``DAY``, ``WEEK`` or ``MONTH``; in the first one ``offset`` fewer."""

    limit: int
    period: str
    offset: int = 0

    @classmethod
    def of_plan(cls, plan: Mapping[str, Any]) -> Quota | None:
        """Return the quota of a usage plan as API Gateway's API says it, ``None`` when it has none."""
        given = plan.get("quota") or {}
        if "limit" not in given:
            return None
        return cls(int(given["limit"]), given.get("period") or "DAY", int(given.get("offset") or 0))

    def first_day(self, day: date) -> date:
        """Return when the period of ``day`` began."""
        if self.period == "MONTH":
            return day.replace(day=1)
        return day - _DAY * ((day.weekday() + 1) % 7) if self.period == "WEEK" else day

    def __str__(self) -> str:
        return f"{self.limit} requests a {self.period.lower()}"


class Quotas:
    """What every key has used of every plan, by day."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], dict[date, int]] = {}

    def take(self, plan_id: str, key_id: str, quota: Quota, now: float) -> bool:
        """Count a request at ``now`` (seconds since the epoch) and return whether the quota has room for it."""
        today = datetime.fromtimestamp(now, UTC).date()
        days = self._used.setdefault((plan_id, key_id), {})
        if _left(quota, days, today, first=min(days, default=today)) < 1:
            return False
        days[today] = days.get(today, 0) + 1
        return True

    def usage(
        self, plan_id: str, key_ids: list[str], quota: Quota, start: date, end: date
    ) -> dict[str, list[list[int]]]:
        """Return for each key that was used a pair for every day from ``start`` to ``end``: used, and left at its end."""
        told = {}
        for key_id in key_ids:
            days = self._used.get((plan_id, key_id))
            if days:
                each = [start + _DAY * number for number in range((end - start).days + 1)]
                told[key_id] = [[days.get(day, 0), _left(quota, days, day, min(days))] for day in each]
        return told

    def forget(self) -> None:
        """Nothing was used."""
        self._used.clear()


def _left(quota: Quota, days: Mapping[date, int], today: date, first: date) -> int:
    begins = quota.first_day(today)
    used = sum(number for day, number in days.items() if begins <= day <= today)
    initial = begins <= first
    return max(0, quota.limit - (quota.offset if initial else 0) - used)
