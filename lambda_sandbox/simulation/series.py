"""What happened over time, in intervals that grow so that there are never too many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MOST = 512
_FIRST_S = 1.0 / 64.0


@dataclass(frozen=True, slots=True)
class Interval:
    """``busy_s`` is environments busy times seconds; ``peak`` the most that were busy at one moment."""

    busy_s: float
    peak: int
    environments: int
    invocations: int
    cold_starts: int
    throttles: int

    def join(self, later: Interval) -> Interval:
        return Interval(
            self.busy_s + later.busy_s,
            max(self.peak, later.peak),
            max(self.environments, later.environments),
            self.invocations + later.invocations,
            self.cold_starts + later.cold_starts,
            self.throttles + later.throttles,
        )


class Series:
    """``invocations``, ``cold_starts`` and ``throttles`` are those of the interval that time has come to: whoever sees one
    counts it here. Times are seconds on the clock."""

    __slots__ = (
        "_busy", "_busy_s", "_environments", "_peak", "_peak_environments", "_since", "_start",
        "cold_starts", "done", "ends_at", "invocations", "throttles", "width_s",
    )  # fmt: skip

    def __init__(self, start: float) -> None:
        self.width_s = _FIRST_S
        self.done: list[Interval] = []
        self._start = self._since = start
        self.ends_at = start + _FIRST_S
        self._busy = self._environments = self._peak = self._peak_environments = 0
        self._begin()

    def observe(self, busy: int, environments: int, now: float) -> None:
        """From ``now`` on, which time has come to, there are so many ``environments`` and ``busy`` of them are."""
        self._busy_s += self._busy * (now - self._since)
        self._since = now
        self._busy = busy
        if busy > self._peak:
            self._peak = busy
        if environments != self._environments:
            self._environments = environments
            self._peak_environments = max(environments, self._peak_environments)

    def finish(self, now: float) -> None:
        self.pass_to(now)
        self.observe(0, 0, now)
        self._end()

    def _begin(self) -> None:
        self._busy_s = 0.0
        self._peak, self._peak_environments = self._busy, self._environments
        self.invocations = self.cold_starts = self.throttles = 0

    def _end(self) -> None:
        self.done.append(
            Interval(
                self._busy_s,
                self._peak,
                self._peak_environments,
                self.invocations,
                self.cold_starts,
                self.throttles,
            )
        )

    def pass_to(self, now: float) -> None:
        """Let time come to ``now``. Does nothing before ``ends_at``, the end of the interval."""
        while now >= self.ends_at:
            self._busy_s += self._busy * (self.ends_at - self._since)
            self._since = self.ends_at
            self._end()
            self._begin()
            if len(self.done) == _MOST:
                self.done = [a.join(b) for a, b in zip(self.done[::2], self.done[1::2], strict=True)]
                self.width_s *= 2.0
            self.ends_at = self._start + self.width_s * (len(self.done) + 1)

    def to_json(self) -> dict[str, Any]:
        """Return one list a figure, one value an interval of ``interval_s`` seconds."""
        done = self.done
        return {
            "interval_s": self.width_s,
            "concurrency_mean": [round(each.busy_s / self.width_s, 4) for each in done],
            "concurrency_peak": [each.peak for each in done],
            "environments": [each.environments for each in done],
            "invocations": [each.invocations for each in done],
            "cold_starts": [each.cold_starts for each in done],
            "throttles": [each.throttles for each in done],
        }
