"""The values of one metric in one period: exact while they are few, a sketch once they are many.

Source: Amazon CloudWatch User Guide, "Statistics definitions", read 2026-11.

POLICY: a percentile of a CloudWatch metric is the smallest value that at least that share of all values does not exceed. AWS does not
say how it ranks values.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from ddsketch import DDSketch

_EXACT_VALUES = 256
_RELATIVE_ACCURACY = 0.005
_STEPS = 1_000  # what a sketch is read as: a thousand equal shares
_PERCENT = re.compile(r"(p|tm|wm|ts|tc)(\d{1,3}(?:\.\d{1,10})?)")
_RANGE = re.compile(r"(TM|WM|TS|TC|PR)\((-?[\d.]*)(%?):(-?[\d.]*)(%?)\)", re.IGNORECASE)
SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


class Distribution:
    """Counts, sums and keeps values. At most some tens of kilobytes, however many values there are."""

    __slots__ = ("_sketch", "_values", "count", "largest", "smallest", "total")

    def __init__(self) -> None:
        self.count = 0.0
        self.total = 0.0
        self.smallest = math.inf
        self.largest = -math.inf
        # How often each was counted since the sketch took the last ones.
        self._values: dict[float, float] = {}
        self._sketch: DDSketch | None = None

    def add(self, value: float, weight: float = 1.0) -> None:
        """Count ``value`` as often as ``weight`` says; a weight of 0 or less counts nothing."""
        if weight <= 0:
            return
        self.count += weight
        self.total += value * weight
        self.smallest = min(self.smallest, value)
        self.largest = max(self.largest, value)
        self._keep(value, weight)

    def add_many(self, values: Iterable[float]) -> None:
        self.add_counted(Counter(values))

    def add_counted(self, counts: Mapping[float, float]) -> None:
        """Add values by how often each occurred; that is the fast way for many that are alike."""
        if not counts:
            return
        self.count += sum(counts.values())
        self.total += sum(value * weight for value, weight in counts.items())
        self.smallest = min(self.smallest, min(counts))
        self.largest = max(self.largest, max(counts))
        for value, weight in counts.items():
            self._keep(value, weight)

    def add_statistics(self, count: float, total: float, smallest: float, largest: float) -> None:
        """Add what is only known by its four figures, as ``PutMetricData`` allows; its values count as their average."""
        if count <= 0:
            return
        self.count += count
        self.total += total
        self.smallest = min(self.smallest, smallest)
        self.largest = max(self.largest, largest)
        self._keep(total / count, count)

    def merge(self, other: Distribution) -> None:
        self.count += other.count
        self.total += other.total
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)
        if other._sketch is not None:
            self._sketched().merge(other._sketch)  # what the other has not sketched yet comes below
        for value, weight in other._values.items():
            self._keep(value, weight)

    def statistic(self, name: str) -> float | None:
        """Return ``Sum``, ``p99``, ``TM(5%:95%)`` and so on; ``None`` where there are no values or no such statistic."""
        if not self.count:
            return None
        if name in SIMPLE:
            return self._simple(name)
        if name.upper() == "IQM":
            return self._trimmed("TM", 25.0, 75.0)
        found = _PERCENT.fullmatch(name)
        if found is not None:
            kind, share = found[1], float(found[2])
            return self.percentile(share) if kind == "p" else self._trimmed(kind.upper(), 0.0, share)
        return self._ranged(name)

    def percentile(self, share: float) -> float:
        """Return the value that ``share`` percent of all are at or below."""
        samples = self._samples()
        wanted = share / 100.0 * sum(weight for _, weight in samples)
        reached = 0.0
        for value, weight in samples:
            reached += weight
            if reached >= wanted - 1e-9:
                return value
        return self.largest

    # --- parts ---------------------------------------------------------------------------------------

    def _keep(self, value: float, weight: float) -> None:
        self._values[value] = self._values.get(value, 0.0) + weight
        if len(self._values) > _EXACT_VALUES:
            self._sketched()

    def _sketched(self) -> DDSketch:
        """Return the sketch with all values in it: a dictionary takes a value in a fifth of its time."""
        sketch = self._sketch
        if sketch is None:
            sketch = self._sketch = DDSketch(_RELATIVE_ACCURACY)
        for value, weight in self._values.items():
            sketch.add(value, weight)
        self._values.clear()
        return sketch

    def _samples(self) -> list[tuple[float, float]]:
        """Return values with their weights, in order."""
        if self._sketch is None:
            return sorted(self._values.items())
        sketch = self._sketched()
        steps = min(_STEPS, max(1, int(self.count)))
        share = self.count / steps
        quantiles = (sketch.get_quantile_value((step + 0.5) / steps) or 0.0 for step in range(steps))
        return [(min(max(float(value), self.smallest), self.largest), share) for value in quantiles]

    def _simple(self, name: str) -> float:
        figures = {
            "SampleCount": self.count,
            "Sum": self.total,
            "Average": self.total / self.count,
            "Minimum": self.smallest,
            "Maximum": self.largest,
        }
        return figures[name]

    def _ranged(self, name: str) -> float | None:
        found = _RANGE.fullmatch(name)
        if found is None:
            return None
        kind, low, low_unit, high, high_unit = found.groups()
        if "%" in (low_unit, high_unit):
            return self._trimmed(kind.upper(), float(low or 0), float(high or 100))
        return self._between(kind.upper(), float(low or "-inf"), float(high or "inf"))

    def _trimmed(self, kind: str, low: float, high: float) -> float | None:
        """Return a statistic of what lies between two percentages; winsorized values take the nearest value inside."""
        inside: list[tuple[float, float]] = []
        below, above, reached = 0.0, 0.0, 0.0
        samples = self._samples()
        everything = sum(weight for _, weight in samples)
        bottom, top = low / 100.0 * everything, high / 100.0 * everything
        for value, weight in samples:
            start, reached = reached, reached + weight
            kept = max(0.0, min(reached, top) - max(start, bottom))
            below += max(0.0, min(reached, bottom) - start)
            above += max(0.0, reached - max(start, top))
            if kept > 1e-9:
                inside.append((value, kept))
        if kind == "WM" and inside:
            inside = [(inside[0][0], below), *inside, (inside[-1][0], above)]
        return _figure(kind, inside)

    def _between(self, kind: str, low: float, high: float) -> float | None:
        """Return a statistic of the values above ``low`` and up to ``high``."""
        samples = self._samples()
        inside = [(value, weight) for value, weight in samples if low < value <= high]
        if kind == "PR":
            return 100.0 * sum(weight for _, weight in inside) / sum(weight for _, weight in samples)
        if kind == "WM":
            inside = [(min(max(value, low), high), weight) for value, weight in samples]
        return _figure(kind, inside)


def is_statistic(name: str) -> bool:
    """Say whether CloudWatch has a statistic of this name."""
    probe = Distribution()
    probe.add(1.0)
    found = _PERCENT.fullmatch(name)
    if found is not None and not 0 <= float(found[2]) <= 100:
        return False
    return name in SIMPLE or name.upper() == "IQM" or found is not None or _is_range(name)


def _is_range(name: str) -> bool:
    found = _RANGE.fullmatch(name)
    if found is None or not (found[2] or found[4]):
        return False
    kind, low, low_unit, high, high_unit = found.groups()
    if kind.upper() == "PR" and "%" in (low_unit, high_unit):
        return False
    try:
        bounds = [float(text) for text in (low, high) if text]
    except ValueError:
        return False
    return bounds == sorted(bounds)


def _figure(kind: str, inside: list[tuple[float, float]]) -> float | None:
    count = sum(weight for _, weight in inside)
    total = sum(value * weight for value, weight in inside)
    if kind == "TC":
        return count
    if kind == "TS":
        return total
    return total / count if count else None
