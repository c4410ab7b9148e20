"""A few environments that are isolated and wait for their function: a cold start then only mounts its code and imports it.

Some wait with their launcher only, at a megabyte each; the runtime's process is then forked for its function. In others
that process waits as well, which takes three megabytes and saves half of what is left of a cold start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from lambda_sandbox.environments.flavours import BOTO3, PLAIN
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault

# POLICY: a server that lives for a moment only, as in tests, need not pay for what it will not use.
_FIRST_LAUNCHER_S, _FIRST_FILL_S = 0.02, 0.5
_REFILL_S = 0.02  # a start that somebody waits for comes first


class Kind(NamedTuple):
    """``runtime_ahead``: with the runtime's process, not the launcher's only."""

    flavour: str
    runtime_ahead: bool

    def ready(self, environment: RunningEnvironment) -> bool:
        return bool(environment.runtime_pid if self.runtime_ahead else environment.launcher_pid)


class Blanks:
    """``make(kind)`` starts a blank environment, or says with ``None`` that there is no such interpreter yet.

    ``busy()`` is True while somebody waits for a cold start. ``launchers`` and ``runtimes`` are the numbers kept of each
    flavour, without and with the runtime's process.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        launchers: int,
        runtimes: int,
        make: Callable[[Kind], RunningEnvironment | None],
        busy: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._make = make
        self._busy = busy
        self._sizes = {False: launchers, True: runtimes}
        self._kept: dict[Kind, list[RunningEnvironment]] = {}
        self._timer: asyncio.TimerHandle | None = None
        if launchers:
            self._kept[Kind(PLAIN, runtime_ahead=False)] = []
            self._fill_in(_FIRST_LAUNCHER_S)
        self._late = loop.call_later(_FIRST_FILL_S, self._want_all) if runtimes else None

    def take(self, flavour: str, *, runtime: bool) -> RunningEnvironment | None:
        """Return an environment that is ready, or ``None``; another takes its place soon.

        ``runtime``: it is worth one whose runtime's process is there, too; a command of its own would replace that.
        """
        self._want(flavour)
        for kind in (Kind(flavour, runtime), Kind(flavour, not runtime)):
            kept = self._kept.get(kind, [])
            place = next((place for place, one in enumerate(kept) if kind.ready(one)), None)
            if place is not None:
                self._fill_in(_REFILL_S)
                return kept.pop(place)
        return None

    def full(self) -> bool:
        """True when as many are ready as shall be."""
        if self._late is not None:
            return False
        return all(
            sum(map(kind.ready, kept)) >= self._sizes[kind.runtime_ahead] for kind, kept in self._kept.items()
        )

    def lost(self, environment: RunningEnvironment) -> None:
        """It ended before it was anybody's."""
        for kept in self._kept.values():
            if environment in kept:
                kept.remove(environment)

    def close(self) -> list[RunningEnvironment]:
        """Stop refilling and return what is left, to be ended."""
        for timer in (self._timer, self._late):
            if timer is not None:
                timer.cancel()
        left = [environment for kept in self._kept.values() for environment in kept]
        self._kept.clear()
        self._sizes = {False: 0, True: 0}
        return left

    def _want_all(self) -> None:
        self._late = None
        for flavour in (PLAIN, BOTO3):
            self._want(flavour)

    def _want(self, flavour: str) -> None:
        """From now on this flavour is kept as well."""
        for runtime_ahead, size in self._sizes.items():
            if size and self._late is None:
                self._kept.setdefault(Kind(flavour, runtime_ahead), [])
                self._fill_in(_REFILL_S)

    def _fill_in(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(delay_s, self._fill)

    def _fill(self) -> None:
        """Start one, and look again soon while any is missing."""
        self._timer = None
        missing = [kind for kind, kept in self._kept.items() if len(kept) < self._sizes[kind.runtime_ahead]]
        if not missing:
            return
        if self._busy():
            self._fill_in(_REFILL_S)
            return
        try:
            made = any(map(self._make_one, sorted(missing, key=lambda kind: len(self._kept[kind]))))
        except SandboxFault:
            return  # the machine is out of means; the next cold start asks again
        self._fill_in(_REFILL_S if made else _FIRST_FILL_S)

    def _make_one(self, kind: Kind) -> bool:
        environment = self._make(kind)
        if environment is not None:
            self._kept[kind].append(environment)
        return environment is not None
