from __future__ import annotations

import base64

import pytest

from lambda_sandbox.invocation.report import LongReport, Report
from lambda_sandbox.quotas import LOG_TAIL_BYTES
from lambda_sandbox.telemetry.logs import EXTENSION, PLATFORM, LogStore

GROUP = ("000000000000", "us-east-1", "/aws/lambda/quote")


def messages(store: LogStore) -> list[str]:
    return [event.message for event in store.events(GROUP)]


def test_a_line_that_somebody_has_begun_is_theirs_to_end_and_the_platforms_come_whole() -> None:
    store = LogStore()
    store.write(GROUP, "s", b"from the ", 1.0)
    store.write(GROUP, "s", b'batch {"a', 1.0, EXTENSION)
    store.write(GROUP, "s", b"function", 1.0)
    store.write(GROUP, "s", b'": 1}\n', 1.0, EXTENSION)
    store.write(GROUP, "s", ("r-1", "$LATEST"), 1.0)
    store.write(GROUP, "s", b"cut", 2.0)
    store.write(GROUP, "s", b"INIT_START\n", 2.0, PLATFORM)
    store.write(GROUP, "s", b" off\n", 2.0)
    lines = [
        'batch {"a": 1}',
        "from the function",
        "START RequestId: r-1 Version: $LATEST",
        "cut",
        "INIT_START",
        " off",
    ]
    assert [event.message for event in store.events(GROUP)] == [f"{line}\n" for line in lines]


def test_chunks_are_cut_into_lines_when_read() -> None:
    store = LogStore()
    store.write(GROUP, "s", b"one\ntw", 1.0)
    store.write(GROUP, "s", b"o\nthree", 2.0)
    assert messages(store) == ["one\n", "two\n", "three"]


def test_partial_lines_of_two_environments_do_not_mix() -> None:
    store = LogStore()
    store.write(GROUP, "a", b"from ", 1.0)
    store.write(GROUP, "b", b"other\n", 1.0)
    store.write(GROUP, "a", b"a\n", 1.0)
    assert sorted(messages(store)) == ["from a\n", "other\n"]


def test_the_tail_is_the_invocations_own_and_at_most_4_kb() -> None:
    store = LogStore()
    store.write(GROUP, "s", b"before\n", 1.0)
    store.begin_invocation(GROUP, "s")
    store.write(GROUP, "s", b"x" * 5000, 1.0)
    store.write(GROUP, "s", b"end\n", 1.0)
    tail = base64.b64decode(store.tail("s"))
    assert len(tail) == LOG_TAIL_BYTES
    assert tail.endswith(b"xend\n")
    assert b"before" not in tail


def test_bytes_that_are_not_utf8_are_shown_and_do_not_break_reading() -> None:
    store = LogStore()
    store.write(GROUP, "s", b"\xff\xfe price\n", 1.0)
    assert messages(store)[0].endswith(" price\n")


def test_reading_can_go_on_after_a_number() -> None:
    store = LogStore()
    store.write(GROUP, "s", b"one\n", 1.0)
    [first] = store.events(GROUP)
    store.write(GROUP, "s", b"two\n", 2.0)
    assert [event.message for event in store.events(GROUP, after=first.number)] == ["two\n"]


def test_the_busiest_function_loses_its_oldest_lines_and_the_others_none() -> None:
    store, quiet = LogStore(), ("000000000000", "us-east-1", "/aws/lambda/quiet")
    store.write(quiet, "s", b"kept\n", 1.0)
    for number in range(90):
        store.write(GROUP, "s", b"%d " % number + b"x" * (1 << 20) + b"\n", 1.0)
    numbers = [int(message.split(" ")[0]) for message in messages(store)]
    assert numbers == list(range(numbers[0], 90))
    assert 20 <= len(numbers) <= 64
    assert [event.message for event in store.events(quiet)] == ["kept\n"]


def test_the_report_of_a_traced_invocation_is_one_event_of_two_lines() -> None:
    store = LogStore()
    store.begin_invocation(GROUP, "s")
    store.write(GROUP, "s", b"printed\n", 1.0)
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    store.write(GROUP, "s", LongReport(Report("id-1", 12.3, 128, 40), header), 1.0)
    printed, end, report = messages(store)
    assert (printed, end) == ("printed\n", "END RequestId: id-1\n")
    second = (
        "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t\n"
    )
    assert report == f"{Report('id-1', 12.3, 128, 40).line()}\n{second}"
    assert base64.b64decode(store.tail("s")).decode() == printed + end + report


@pytest.mark.parametrize("header", ["", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"])
def test_a_runtime_that_stands_in_is_told_on_the_last_line_of_the_reports_event(header: str) -> None:
    store = LogStore()
    store.begin_invocation(GROUP, "s")
    plain = Report("id-1", 12.3, 128, 40)
    store.write(GROUP, "s", b"printed without an end", 1.0)
    store.write(GROUP, "s", LongReport(plain, header, "python3.14 runs on Python 3.11."), 1.0)
    printed, end, report = messages(store)
    assert (printed, end) == ("printed without an end\n", "END RequestId: id-1\n")
    lines = report.splitlines()
    assert lines[0] == plain.line()
    assert lines[-1] == "SANDBOX Runtime: python3.14 runs on Python 3.11.\t"
    assert len(lines) == (3 if header else 2)
