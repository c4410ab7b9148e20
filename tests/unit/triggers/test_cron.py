"""AWS's cron dialect: which times an expression means, and which expressions mean nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox.triggers.cron import Cron

# A Saturday.
NOW = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


def times(text: str, count: int, zone: str = "UTC", now: datetime = NOW) -> list[str]:
    cron, found, moment = Cron(text), [], now
    for _ in range(count):
        due = cron.after(moment, ZoneInfo(zone))
        if due is None:
            break
        found.append(f"{due:%Y-%m-%d %H:%M}")
        moment = due
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * ? *", ["2026-11-21 12:35", "2026-11-21 12:36"]),
        ("0/15 * * * ? *", ["2026-11-21 12:45", "2026-11-21 13:00"]),
        ("5,10 8-9 ? * MON-FRI *", ["2026-11-23 08:05", "2026-11-23 08:10"]),
        ("0 12 ? * 7 *", ["2026-11-28 12:00", "2026-12-05 12:00"]),
        ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("0 0 L FEB ? 2027-2028", ["2027-02-28 00:00", "2028-02-29 00:00"]),
        ("0 0 ? * 6L *", ["2026-11-27 00:00", "2026-12-25 00:00"]),
        ("0 0 ? * L *", ["2026-11-28 00:00", "2026-12-05 00:00"]),
        ("0 0 ? * TUE#2 *", ["2026-12-08 00:00", "2027-01-12 00:00"]),
        ("0 0 ? * 2#5 *", ["2026-11-30 00:00", "2027-03-29 00:00"]),
        ("0 0 1W * ? *", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("0 0 31 * ? *", ["2026-12-31 00:00", "2027-01-31 00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 1 1 ? 2027", ["2027-01-01 00:00"]),
        ("0 0 1 1 ? 2020", []),
        ("0 0 31 2 ? *", []),
    ],
)  # fmt: skip
def test_next_times(text: str, expected: list[str]) -> None:
    assert times(text, 2) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 1W AUG ? 2026", "2026-08-03 00:00"),  # the 1st is a Saturday, and July is another month
        ("0 0 15W AUG ? 2026", "2026-08-14 00:00"),  # a Saturday
        ("0 0 16W AUG ? 2026", "2026-08-17 00:00"),  # a Sunday
        ("0 0 31W MAY ? 2026", "2026-05-29 00:00"),  # a Sunday, and June is another month
        ("0 0 14W AUG ? 2026", "2026-08-14 00:00"),
    ],
)
def test_the_working_day_nearest_to_a_day(text: str, expected: str) -> None:
    assert times(text, 1, now=datetime(2026, 1, 1, tzinfo=UTC)) == [expected]


def test_a_local_time_that_is_left_out_is_skipped() -> None:
    spring = datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert times("30 2 * * ? *", 2, "America/New_York", spring) == ["2026-03-09 06:30", "2026-03-10 06:30"]


def test_a_local_time_that_comes_twice_is_due_once() -> None:
    autumn = datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert times("30 1 * * ? *", 2, "America/New_York", autumn) == ["2026-11-01 05:30", "2026-11-02 06:30"]
    quarters = times("0/30 1-2 * * ? *", 5, "America/New_York", autumn)
    assert quarters[:4] == ["2026-11-01 05:00", "2026-11-01 05:30", "2026-11-01 07:00", "2026-11-01 07:30"]


@pytest.mark.parametrize(
    "text",
    [
        "0 9 * * ?",
        "0 9 * * * *",
        "0 9 ? * ? *",
        "60 9 * * ? *",
        "0 24 * * ? *",
        "0 9 32 * ? *",
        "0 9 32W * ? *",
        "0 9 0 * ? *",
        "0 9 * 13 ? *",
        "0 9 ? * 8 *",
        "0 9 ? * MON#6 *",
        "0 9 ? * FUN *",
        "0 9 * * ? 1969",
        "0/0 9 * * ? *",
        "5-1 9 * * ? *",
        "a 9 * * ? *",
        "",
    ],
)
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Cron(text)


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    minutes=st.sampled_from(["*", "0", "0/7", "5,50", "10-20/5"]),
    hours=st.sampled_from(["*", "3", "0/5", "1-2", "22-23"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_times_only_grow_and_are_as_written(start: datetime, minutes: str, hours: str, zone: str) -> None:
    cron, local = Cron(f"{minutes} {hours} * * ? *"), ZoneInfo(zone)
    found = [start]
    for _ in range(4):
        due = cron.after(found[-1], local)
        assert due is not None
        found.append(due)
    assert all(later > earlier for earlier, later in pairwise(found))
    seen = [due.astimezone(local) for due in found[1:]]
    if minutes == "5,50":
        assert {each.minute for each in seen} <= {5, 50}
    if hours == "1-2":
        assert {each.hour for each in seen} <= {1, 2}
