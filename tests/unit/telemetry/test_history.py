"""History is bounded: by records, and by the bytes of the events in them."""

from __future__ import annotations

from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, Status
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry.history import History

FUNCTION = FunctionConfiguration(
    "000000000000", "us-east-1", "f", "python3.13", "app.handler", "role", "sha", 1, "revision", ""
)


def record(name: str, payload: bytes) -> InvocationRecord:
    invocation = Invocation(name, FUNCTION, payload, 0.0)
    return InvocationRecord(invocation, "environment", Status.SUCCESS, 0.0, 0.1, None, "", False, "")


def test_large_events_push_out_the_oldest_records() -> None:
    history = History()
    large = b"x" * (6 << 20)
    for number in range(20):
        history.record(record(str(number), large))
    assert [each.invocation.request_id for each in history.records] == [str(n) for n in range(10, 20)]


def test_small_events_are_kept_by_number() -> None:
    history = History()
    for number in range(20_003):
        history.record(record(str(number), b"{}"))
    assert (len(history.records), history.records[0].invocation.request_id) == (20_000, "3")


def test_a_cleared_history_has_room_again() -> None:
    history = History()
    history.record(record("old", b"x" * (63 << 20)))
    history.clear()
    history.record(record("one", b"x" * (40 << 20)))
    history.record(record("two", b"{}"))
    assert [each.invocation.request_id for each in history.records] == ["one", "two"]
