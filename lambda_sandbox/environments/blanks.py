"""A few environments that are isolated and wait for their function: a cold start then only mounts its code and imports it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambda_sandbox.environments.flavours import BOTO3, PLAIN
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault

# POLICY: a server that lives for a moment only, as in tests, need not pay for what it will not use.
_FIRST_FILL_S = 0.5
_REFILL_S = 0.05  # a start that somebody waits for comes first


class Blanks:
    """``make(flavour)`` starts a blank environment, or says with ``None`` that there is no such interpreter yet.

    ``busy()`` is True while somebody waits for a cold start. ``size`` is the number kept of each flavour.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        size: int,
        make: Callable[[str], RunningEnvironment | None],
        busy: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._make = make
        self._busy = busy
        self._size = size
        self._kept: dict[str, list[RunningEnvironment]] = {PLAIN: [], BOTO3: []}
        self._timer: asyncio.TimerHandle | None = None
        if size:
            self._timer = loop.call_later(_FIRST_FILL_S, self._fill)

    def take(self, flavour: str) -> RunningEnvironment | None:
        """Return an environment that is ready, or ``None``; another takes its place soon."""
        kept = self._kept.setdefault(flavour, [])  # from now on this one is kept as well
        ready = next((place for place, one in enumerate(kept) if one.runtime_pid), None)
        if not self._size:
            return None
        self._fill_soon()
        return kept.pop(ready) if ready is not None else None

    def full(self) -> bool:
        """True when as many are ready as shall be."""
        ready = [sum(one.runtime_pid != 0 for one in kept) for kept in self._kept.values()]
        return min(ready) >= self._size

    def lost(self, environment: RunningEnvironment) -> None:
        """It ended before it was anybody's."""
        for kept in self._kept.values():
            if environment in kept:
                kept.remove(environment)

    def close(self) -> list[RunningEnvironment]:
        """Stop refilling and return what is left, to be ended."""
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
        left = [environment for kept in self._kept.values() for environment in kept]
        for kept in self._kept.values():
            kept.clear()
        return left

    def _fill_soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_REFILL_S, self._fill)

    def _fill(self) -> None:
        """Start one, and look again soon while any is missing."""
        self._timer = None
        missing = [flavour for flavour, kept in self._kept.items() if len(kept) < self._size]
        if not missing:
            return
        if not self._busy():
            flavour = min(missing, key=lambda name: len(self._kept[name]))
            try:
                environment = self._make(flavour)
            except SandboxFault:
                return  # the machine is out of means; the next cold start asks again
            if environment is not None:
                self._kept[flavour].append(environment)
        self._fill_soon()
