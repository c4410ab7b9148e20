"""Looks at the memory of environments that the kernel does not hold exactly, while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambda_sandbox.environments.running import RunningEnvironment

# POLICY: where no control group holds the memory limit, the sandbox looks every 5 ms: a function that fills a gigabyte a second is
# ended some 5 MB too late. Looking costs some 50 µs.
_LOOK_EVERY_S = 0.005


class MemoryWatch:
    """``on_excess(environment)`` is called for one that is over its memory. Frozen environments cost nothing."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_excess: Callable[[RunningEnvironment], None]
    ) -> None:
        self._loop = loop
        self._on_excess = on_excess
        self._watched: set[RunningEnvironment] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, environment: RunningEnvironment) -> None:
        self._watched.add(environment)
        self._look_soon()

    def forget(self, environment: RunningEnvironment) -> None:
        self._watched.discard(environment)

    def resume(self, environment: RunningEnvironment) -> None:
        """The environment runs again after a freeze."""
        if environment in self._watched:
            self._look_soon()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._timer = None
        running = [one for one in self._watched if not one.stopped and not one.frozen]
        for environment in running:
            if environment.memory.sample() > environment.memory_bytes:
                self._on_excess(environment)
        if running:
            self._look_soon()
