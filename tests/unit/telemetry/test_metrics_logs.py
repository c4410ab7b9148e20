"""Metrics in what functions print, however the lines are cut into chunks."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry.metrics import Metrics
from lambda_sandbox.telemetry.metrics_logs import LogMetrics

NOW = 1_790_000_000.0
FUNCTION = FunctionConfiguration(
    "000000000000", "us-east-1", "shop", "python3.13", "app.handler", "arn:aws:iam::000000000000:role/shop",
    "0" * 64, 1, "1", "2026-01-01T00:00:00.000+0000",
)  # fmt: skip


def line(value: int) -> bytes:
    names = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Cents"}]}
    about = {"Timestamp": NOW * 1000, "CloudWatchMetrics": [names]}
    return json.dumps({"_aws": about, "Cents": value}).encode()


def total(*chunks: bytes, read_after: tuple[int, ...] = ()) -> float:
    """Return the sum of what was counted; metrics are also read after the chunks of these numbers."""
    clock = ManualClock(NOW)
    metrics = Metrics(clock)
    taken = LogMetrics(metrics, clock)
    for number, chunk in enumerate(chunks):
        taken.output(FUNCTION, "stream", chunk)
        if number in read_after:
            taken.flush()
    taken.flush()
    found = [
        values.total
        for name, _ in metrics.names("000000000000", "us-east-1")
        for values in metrics.periods(name, NOW - 3600, NOW + 3600, 86_400).values()
    ]
    return sum(found)


def test_a_line_and_its_end_may_come_apart() -> None:
    assert total(line(1), b"\n", line(2), b"\n", line(4), b"\n") == 7


@pytest.mark.parametrize("read_after", [(0,), (1,), (2,), (0, 1, 2, 3)])
def test_metrics_may_be_read_while_a_line_is_half_there(read_after: tuple[int, ...]) -> None:
    assert (
        total(line(1)[:9], line(1)[9:], b"\n", line(2) + b"\n" + line(4), b"\n", read_after=read_after) == 7
    )


def test_what_is_printed_between_two_lines_spoils_neither() -> None:
    assert total(b"a jar", b" of jam\n", line(1) + b"\n", b"tea", b"\n" + line(2) + b"\n") == 3
