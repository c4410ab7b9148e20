"""What is kept of every attempt: sums and times, no objects, so that a million fit in 32 MB."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from lambda_sandbox.invocation.messages import Record, Status
from lambda_sandbox.simulation.series import Series

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


class Measures:
    """``latencies_s`` is from arrival to answer, ``waits_s`` from arrival to the handler's start, both of first attempts;
    ``latencies_s`` without a fellow in ``waits_s`` waited for nothing. ``series`` is what happened over time."""

    def __init__(self, start: float) -> None:
        self.series = Series(start)
        self.cold_starts = 0
        self.on_provisioned = 0
        self.billed_ms = 0
        self.provisioned_billed_ms = 0
        self.duration_ms = 0.0
        # No Counters: to add to one takes three times as long.
        self.statuses = dict.fromkeys(Status, 0)
        self.throttles: defaultdict[str, int] = defaultdict(int)
        self.events: defaultdict[str, int] = defaultdict(int)
        self.latencies_s: list[float] = []
        self.waits_s: list[float] = []
        self.inits_ms: list[float] = []

    @property
    def attempts(self) -> int:
        return sum(self.statuses.values())

    def take(self, action: Record) -> None:
        record = action.record
        report = record.report
        if report is None:
            self.throttles[record.throttled_by] += 1
            self.series.throttles += 1
            return
        self.statuses[record.status] += 1
        self.duration_ms += report.duration_ms
        if record.on_provisioned:
            self.on_provisioned += 1
            self.provisioned_billed_ms += report.billed_ms
        else:
            self.billed_ms += report.billed_ms
        if record.cold:
            self._cold(report.init_duration_ms)
        invocation = record.invocation
        if invocation.attempt == 1:
            arrived_at = invocation.arrived_at
            self.latencies_s.append(record.ended_at - arrived_at)
            if record.started_at > arrived_at:
                self.waits_s.append(record.started_at - arrived_at)

    def _cold(self, init_ms: float | None) -> None:
        self.cold_starts += 1
        self.series.cold_starts += 1
        if init_ms is not None:
            self.inits_ms.append(init_ms)


def percentiles_ms(values_s: list[float], zeros: int = 0) -> dict[str, Any]:
    """Return mean and percentiles (nearest rank) in milliseconds of the values and ``zeros`` more that are 0."""
    count = len(values_s) + zeros
    if not count:
        return {}
    ordered = sorted(values_s)
    figures = {"mean": round(sum(ordered) / count * 1000.0, 3)}
    for percent in PERCENTILES:
        place = max(0, -int(-percent * count // 100.0) - 1) - zeros
        figures[f"p{percent:g}"] = round(ordered[place] * 1000.0, 3) if place >= 0 else 0.0
    figures["max"] = round(ordered[-1] * 1000.0, 3) if ordered else 0.0
    return figures
