"""Clocks: the only source of time inside the sandbox. All values are seconds since the epoch, as floats."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Return seconds since the epoch on this clock."""
        ...


class WaitingClock(Clock, Protocol):
    """The clock by which retries, backoff, batching windows and ages run. It may be faster than the wall's."""

    def of(self, moment: float) -> float:
        """Return what this clock showed when the wall's showed ``moment``."""
        ...

    def wall(self, moment: float) -> float:
        """Return what the wall's clock shows when this one shows ``moment``."""
        ...

    def real_s(self, seconds: float) -> float:
        """Return how many seconds of real time ``seconds`` of this clock take."""
        ...


class _Unscaled:
    """A second is a second."""

    def of(self, moment: float) -> float:
        return moment

    def wall(self, moment: float) -> float:
        return moment

    def real_s(self, seconds: float) -> float:
        return seconds


class UnscaledClock(_Unscaled):
    """``clock``, to wait by."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now


_SLEPT_S = 1.0


class RealClock(_Unscaled):
    """Wall time that never runs backwards within the process."""

    def __init__(self) -> None:
        self._origin = time.time() - time.perf_counter()

    def now(self) -> float:
        return self._origin + time.perf_counter()

    def catch_up(self) -> bool:
        """Go on at the wall's time if that is ahead, and return whether it was by more than a second.

        While a machine sleeps, what counts seconds stands still: a laptop's sandbox would be hours behind from then on.
        """
        behind_s = time.time() - self.now()
        if behind_s > _SLEPT_S:
            self._origin += behind_s
        return behind_s > _SLEPT_S


class ScaledClock:
    """Runs ``factor`` times as fast as ``clock`` from ``origin`` on, a moment of ``clock`` at which both showed the same.

    >>> wall = ManualClock(start=100.0)
    >>> fast = ScaledClock(wall, factor=60, origin=100.0)
    >>> wall.advance(1.0)
    >>> fast.now()
    160.0
    >>> fast.real_s(120)
    2.0
    """

    def __init__(self, clock: Clock, factor: float, origin: float) -> None:
        """Raises ``ValueError`` for a factor that is not positive."""
        if not factor > 0:
            raise ValueError("a clock runs forwards: its factor is positive")
        self._clock = clock
        self._factor = factor
        self._origin = origin

    def now(self) -> float:
        return self.of(self._clock.now())

    def of(self, moment: float) -> float:
        return self._origin + (moment - self._origin) * self._factor

    def wall(self, moment: float) -> float:
        return self._origin + (moment - self._origin) / self._factor

    def real_s(self, seconds: float) -> float:
        return seconds / self._factor


class ManualClock(_Unscaled):
    """Time that moves only when told to; for tests, notebooks in the browser and simulation. ``moment`` is what it shows.

    >>> clock = ManualClock(start=100.0)
    >>> clock.advance(2.5)
    >>> clock.now()
    102.5
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.moment = start

    def now(self) -> float:
        return self.moment

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``. Raises ``ValueError`` for a negative amount."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self.moment += seconds

    def move_to(self, moment: float) -> None:
        """Move forward to ``moment``; a moment in the past changes nothing."""
        if moment > self.moment:
            self.moment = moment
