"""A few environments that are isolated and wait for their function: a cold start then only mounts its code and imports it.

Some wait with their launcher only, at a megabyte each; the runtime's process is then started for its function. In others
that process waits as well: ours for Python, which takes three megabytes, or a program that functions have been using.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lambda_sandbox.environments.flavours import BOTO3, PLAIN
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.errors import SandboxFault

# POLICY: the first environments that wait for a Python function are made 0.02 to 0.5 s after the sandbox has started, so that one
# which lives for a moment only, as in tests, does not pay for them.
_FIRST_LAUNCHER_S, _FIRST_FILL_S = 0.02, 0.5
_REFILL_S = 0.02  # a start that somebody waits for comes first
# POLICY: for runtimes other than Python one environment waits for each of the three runtimes that were asked for last.
_PROGRAMS = 3


class Ahead(NamedTuple):
    """What the runtime's process is before its function is known: our Python client, or a command that waits by itself."""

    command: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


class Kind(NamedTuple):
    """``ahead`` ``None``: only the launcher is there."""

    flavour: str
    ahead: Ahead | None

    def ready(self, environment: RunningEnvironment) -> bool:
        return bool(environment.launcher_pid if self.ahead is None else environment.runtime_pid)


class Blanks:
    """``make(kind)`` starts a blank environment, or says with ``None`` that there is no such interpreter yet; ``end`` ends one.

    ``busy()`` is True while somebody waits for a cold start. ``launchers`` and ``runtimes`` are the numbers kept of each
    flavour, without and with the runtime's process. Programs are kept where ``runtimes`` is not 0.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        launchers: int,
        runtimes: int,
        make: Callable[[Kind], RunningEnvironment | None],
        end: Callable[[RunningEnvironment], None],
        busy: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._make = make
        self._end = end
        self._busy = busy
        self._launchers, self._runtimes = launchers, runtimes
        self._kept: dict[Kind, list[RunningEnvironment]] = {}
        self._timer: asyncio.TimerHandle | None = None
        if launchers:
            self._kept[Kind(PLAIN, None)] = []
            self._fill_in(_FIRST_LAUNCHER_S)
        self._late = loop.call_later(_FIRST_FILL_S, self._want_all) if runtimes else None

    def take(self, kinds: Sequence[Kind]) -> RunningEnvironment | None:
        """Return one that is ready, of the first of ``kinds`` that has any, or ``None``; another takes its place soon."""
        for kind in kinds:
            self._want(kind)
        for kind in kinds:
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
        return all(sum(map(kind.ready, kept)) >= self._size(kind) for kind, kept in self._kept.items())

    def lost(self, environment: RunningEnvironment) -> None:
        """It ended before it was anybody's."""
        for kept in self._kept.values():
            if environment in kept:
                kept.remove(environment)

    def close(self) -> None:
        """Stop refilling, and end what is left."""
        for timer in (self._timer, self._late):
            if timer is not None:
                timer.cancel()
        self._launchers = self._runtimes = 0
        for kind in list(self._kept):
            self._drop(kind)

    def _size(self, kind: Kind) -> int:
        if kind.ahead is None:
            return self._launchers
        return min(1, self._runtimes) if kind.ahead.command else self._runtimes

    def _want_all(self) -> None:
        self._late = None
        for flavour in (PLAIN, BOTO3):
            self._want(Kind(flavour, Ahead()))
            self._want(Kind(flavour, None))

    def _want(self, kind: Kind) -> None:
        """From now on this kind is kept as well."""
        if self._late is not None or not self._size(kind):
            return
        self._kept[kind] = self._kept.pop(kind, [])  # at the end: asked for last
        programs = [kind for kind in self._kept if kind.ahead and kind.ahead.command]
        if len(programs) > _PROGRAMS:
            self._drop(programs[0])
        self._fill_in(_REFILL_S)

    def _drop(self, kind: Kind) -> None:
        for environment in self._kept.pop(kind):
            self._end(environment)

    def _fill_in(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(delay_s, self._fill)

    def _fill(self) -> None:
        """Start one, and look again soon while any is missing."""
        self._timer = None
        missing = [kind for kind, kept in self._kept.items() if len(kept) < self._size(kind)]
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
