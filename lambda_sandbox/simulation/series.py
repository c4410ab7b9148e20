"""What happened over time, in intervals that grow so that there are never too many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MOST = 512
_FIRST_S = 1.0 / 64.0


@dataclass(slots=True, eq=False)
class Interval:
    """``busy_s`` is environments busy times seconds; ``peak`` the most that were busy at one moment."""

    busy_s: float = 0.0
    peak: int = 0
    environments: int = 0
    invocations: int = 0
    cold_starts: int = 0
    throttles: int = 0

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
    """``now`` is the interval that time has come to; whoever counts something counts it there. Times are seconds on the clock."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.width_s = _FIRST_S
        self.done: list[Interval] = []
        self.now = Interval()
        self.ends_at = start + _FIRST_S
        self._busy = self._environments = 0
        self._since = start

    def observe(self, busy: int, environments: int, now: float) -> None:
        """From ``now`` on, there are so many ``environments`` and ``busy`` of them are."""
        if now >= self.ends_at:
            self._pass_to(now)
        self.now.busy_s += self._busy * (now - self._since)
        self._since, self._busy, self._environments = now, busy, environments
        if busy > self.now.peak:
            self.now.peak = busy
        if environments > self.now.environments:
            self.now.environments = environments

    def finish(self, now: float) -> None:
        self.observe(0, 0, now)
        self.done.append(self.now)

    def _pass_to(self, now: float) -> None:
        while now >= self.ends_at:
            self.now.busy_s += self._busy * (self.ends_at - self._since)
            self._since = self.ends_at
            self.done.append(self.now)
            self.now = Interval(peak=self._busy, environments=self._environments)
            if len(self.done) == _MOST:
                self._halve()
            self.ends_at = self.start + self.width_s * (len(self.done) + 1)

    def _halve(self) -> None:
        self.done = [a.join(b) for a, b in zip(self.done[::2], self.done[1::2], strict=True)]
        self.width_s *= 2.0

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
