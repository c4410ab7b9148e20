"""CloudWatch's metrics: every data point that anybody reports, added up by the minute.

Memory is bounded by minutes and series, not by calls: a minute of a metric is one ``Distribution``. Times are seconds since
the epoch on the sandbox's clock.

Source: Amazon CloudWatch User Guide, "Metrics concepts", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lambda_sandbox.clock import Clock
from lambda_sandbox.telemetry.metric_distribution import Distribution

_SLOT_S = 60
_FINE_SLOT_S = 1  # StorageResolution 1
# POLICY: CloudWatch keeps a day of metrics by the minute here, and 1,440 seconds of those by the second; AWS keeps minutes for 15 days.
_SLOTS = 1_440
_SERIES = 20_000

Dimensions = tuple[tuple[str, str], ...]


class MetricName(NamedTuple):
    """What makes a series one of its own. ``dimensions`` are sorted by name."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions = ()


@dataclass(slots=True)
class Series:
    """The data points of one metric; ``units`` are those they were reported with, first come first."""

    units: dict[str, None] = field(default_factory=dict)
    slots: dict[tuple[int, str], Distribution] = field(default_factory=dict)
    fine: bool = False

    def slot(self, moment: float, unit: str) -> Distribution:
        step = _FINE_SLOT_S if self.fine else _SLOT_S
        key = int(moment // step) * step, unit
        found = self.slots.get(key)
        if found is None:
            self.units.setdefault(unit)
            found = self.slots[key] = Distribution()
            if len(self.slots) > _SLOTS:
                del self.slots[min(self.slots)]
        return found


class Metrics:
    """All metrics of the sandbox."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._series: dict[MetricName, Series] = {}
        self.version = 0  # grows with every data point

    def distribution(
        self, metric: MetricName, moment: float, unit: str, storage_resolution_s: int = 60
    ) -> Distribution:
        """Return where a metric's values of ``moment`` are added up; whoever asks is about to add some."""
        self.version += 1
        series = self._series.get(metric)
        if series is None:
            if len(self._series) >= _SERIES:
                del self._series[next(iter(self._series))]
            series = self._series[metric] = Series(fine=storage_resolution_s == 1)
        return series.slot(moment, unit)

    def names(self, account_id: str, region: str) -> Iterator[tuple[MetricName, float]]:
        """Yield the metrics of an account in a Region, each with the start of its newest minute."""
        for metric, series in self._series.items():
            if (metric.account_id, metric.region) == (account_id, region):
                yield metric, float(max(start for start, _ in series.slots))

    def unit(self, metric: MetricName) -> str:
        """Return the unit that the metric's values were first reported with."""
        series = self._series.get(metric)
        return next(iter(series.units), "None") if series is not None else "None"

    def periods(
        self, metric: MetricName, start: float, end: float, period_s: int, unit: str | None = None
    ) -> dict[int, Distribution]:
        """Return the metric's values from ``start`` to before ``end`` by period, without the empty ones.

        Periods begin at multiples of ``period_s``, counted from ``start`` where the period is no divisor of a day.
        """
        series = self._series.get(metric)
        if series is None:
            return {}
        found: dict[int, Distribution] = {}
        # As on AWS, only periods that begin at or after the start count: a start inside one is rounded down to its minute.
        first = int(start // min(period_s, _SLOT_S)) * min(period_s, _SLOT_S)
        for (moment, reported), values in sorted(series.slots.items()):
            if first <= moment < end and unit in (None, reported):
                key = first + (moment - first) // period_s * period_s
                if 86_400 % period_s == 0:
                    key = moment // period_s * period_s
                found.setdefault(key, Distribution()).merge(values)
        return found

    def windows(
        self, metric: MetricName, start: float, end: float, period_s: int, unit: str | None = None
    ) -> dict[int, Distribution]:
        """Return the values of the windows of ``period_s`` that follow each other from ``start`` on, by their starts."""
        series = self._series.get(metric)
        found: dict[int, Distribution] = {}
        for (moment, reported), values in series.slots.items() if series is not None else ():
            if start <= moment < end and unit in (None, reported):
                key = int(start) + int(moment - start) // period_s * period_s
                found.setdefault(key, Distribution()).merge(values)
        return found

    def recent(self, minutes: int) -> Iterator[tuple[MetricName, str, int, Distribution]]:
        """Yield the values of the last ``minutes``, the current one too, with the unit and the start of each."""
        oldest = int(self._clock.now() // _SLOT_S - minutes + 1) * _SLOT_S
        for metric, series in self._series.items():
            merged: dict[tuple[int, str], Distribution] = {}
            for (moment, unit), values in series.slots.items():
                if moment >= oldest:
                    key = moment // _SLOT_S * _SLOT_S, unit
                    merged.setdefault(key, Distribution()).merge(values)
            for (moment, unit), values in merged.items():
                yield metric, unit, moment, values

    def clear(self) -> None:
        self._series.clear()
        self.version += 1


def sorted_dimensions(dimensions: Mapping[str, str] | Iterable[tuple[str, str]]) -> Dimensions:
    pairs = dimensions.items() if isinstance(dimensions, Mapping) else dimensions
    return tuple(sorted(pairs))
