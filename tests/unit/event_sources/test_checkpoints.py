"""Where a shard is read on."""

from __future__ import annotations

from lambda_sandbox.event_sources.checkpoints import Checkpoint, Lane
from lambda_sandbox.event_sources.stream_records import Position


def checkpoint(*settled: str, start: float | None = None) -> Checkpoint:
    lanes = tuple(Lane(each) for each in settled)
    return Checkpoint("000000000000", "us-east-1", "uuid", "shard", "1", start, lanes)


def test_new_shard_is_read_from_its_horizon_or_from_a_moment() -> None:
    assert checkpoint().position() == Position("TRIM_HORIZON")
    assert checkpoint(start=7.5).position() == Position("AT_TIMESTAMP", timestamp=7.5)


def test_slowest_lane_decides_by_number_and_not_by_text() -> None:
    assert checkpoint("10", "9").position() == Position("AFTER", "9")


def test_lane_that_has_settled_nothing_keeps_the_start() -> None:
    assert checkpoint("10", "").position() == Position("TRIM_HORIZON")
