"""AWS's cron expressions: six fields, of which one day is ``?``, with ``L``, ``W`` and ``#``.

Source: Amazon EventBridge User Guide, "Setting a schedule pattern", and EventBridge Scheduler User Guide, "Schedule types",
read 2026-11. Libraries for cron know five fields of Unix or Quartz's seven, and none of them ``W`` beside time zones.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, tzinfo

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_YEARS = (1970, 2199)
_DayTest = Callable[[date], bool]


class Cron:
    """One expression, the text between the parentheses of ``cron(…)``.

    >>> Cron("0 9 ? * MON-FRI *").after(datetime(2026, 11, 20, 12, tzinfo=UTC), UTC).isoformat()
    '2026-11-23T09:00:00+00:00'
    """

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` that says what is wrong with the expression."""
        fields = text.split()
        if len(fields) != 6:
            raise ValueError(f"cron has six fields, not {len(fields)}")
        minutes, hours, day, month, weekday, year = fields
        if (day == "?") is (weekday == "?"):
            raise ValueError("one of day of month and day of week is ?, and only one")
        self._minutes = _numbers("minutes", minutes, 0, 59)
        self._hours = _numbers("hours", hours, 0, 23)
        self._months = frozenset(_numbers("month", _named(month, _MONTHS), 1, 12))
        self._years = _numbers("year", year, *_YEARS)
        self._day: _DayTest = _weekday(weekday) if day == "?" else _day_of_month(day)

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """Return the first time that is due later than ``moment``, in UTC; ``None`` when there is none any more.

        AWS: a local time that a change of clocks leaves out is skipped, one that comes twice is due the first time only.
        """
        local = moment.astimezone(zone).replace(tzinfo=None)
        for day in self._days_from(local.date()):
            for hour in self._hours:
                if day == local.date() and hour < local.hour:
                    continue
                for minute in self._minutes:
                    wanted = datetime.combine(day, time(hour, minute))
                    due = _instant(wanted, zone) if wanted > local else None
                    if due is not None and due > moment:
                        return due
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        for year in (each for each in self._years if each >= first.year):
            for month in (each for each in range(1, 13) if each in self._months):
                if (year, month) < (first.year, first.month):
                    continue
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self._day(day):
                        yield day


def _instant(local: datetime, zone: tzinfo) -> datetime | None:
    due = local.replace(tzinfo=zone).astimezone(UTC)
    return due if due.astimezone(zone).replace(tzinfo=None) == local else None


# --- fields --------------------------------------------------------------------------------------------------


def _numbers(field: str, text: str, lowest: int, highest: int) -> list[int]:
    """Return the numbers that a field with ``,`` ``-`` ``*`` ``/`` stands for, in order."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            start = lowest if first == "*" else int(first)
            end = int(last) if dash else highest if slash or first == "*" else start
            by = int(step) if slash else 1
        except ValueError:
            raise ValueError(f"{part!r} is nothing that {field} can be") from None
        if not lowest <= start <= end <= highest or by < 1 or (dash and first == "*"):
            raise ValueError(f"{field} lies between {lowest} and {highest}, and {part!r} does not")
        found.update(range(start, end + 1, by))
    return sorted(found)


def _named(text: str, names: list[str]) -> str:
    """Replace names by their numbers, which begin with 1."""
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    return re.sub(r"[A-Z]{3}", lambda found: numbers.get(found[0], found[0]), text.upper())


def _day_of_month(text: str) -> _DayTest:
    if text == "L":
        return lambda day: day.day == _last(day)
    nearest = re.fullmatch(r"(\d+)W", text)
    if nearest:
        wanted = int(nearest[1])
        if not 1 <= wanted <= 31:
            raise ValueError("day of month lies between 1 and 31")
        return lambda day: day.day == _weekday_nearest(day, wanted)
    numbers = frozenset(_numbers("day of month", text, 1, 31))
    return lambda day: day.day in numbers


def _weekday_nearest(day: date, wanted: int) -> int:
    """Return the day of ``day``'s month that is a working day nearest to ``wanted``; 0 where the month is shorter."""
    last = _last(day)
    if wanted > last:
        return 0
    weekday = date(day.year, day.month, wanted).weekday()
    if weekday == 5:  # Saturday: the Friday before it, unless that is in another month
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 6:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _weekday(text: str) -> _DayTest:
    named = _named(text, _DAYS)
    last = re.fullmatch(r"([1-7])L", named)
    if last:
        return lambda day: _number(day) == int(last[1]) and day.day + 7 > _last(day)
    counted = re.fullmatch(r"([1-7])#([1-5])", named)
    if counted:
        return lambda day: _number(day) == int(counted[1]) and (day.day + 6) // 7 == int(counted[2])
    numbers = frozenset([7] if named == "L" else _numbers("day of week", named, 1, 7))
    return lambda day: _number(day) in numbers


def _number(day: date) -> int:
    """AWS: Sunday is 1."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
