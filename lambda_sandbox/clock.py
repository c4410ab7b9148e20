"""Clocks: the only source of time inside the sandbox. All values are seconds since the epoch, as floats."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Return seconds since the epoch on this clock."""
        ...


class RealClock:
    """Wall time that never runs backwards within the process."""

    def __init__(self) -> None:
        self._origin = time.time() - time.perf_counter()

    def now(self) -> float:
        return self._origin + time.perf_counter()


class ManualClock:
    """Time that moves only when told to; for tests, notebooks in the browser and simulation.

    >>> clock = ManualClock(start=100.0)
    >>> clock.advance(2.5)
    >>> clock.now()
    102.5
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``. Raises ``ValueError`` for a negative amount."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += seconds

    def move_to(self, moment: float) -> None:
        """Move forward to ``moment``; a moment in the past changes nothing."""
        self._now = max(self._now, moment)
