"""Where processes run. On the one processor of two that the kernel picks, a call is three times as fast or as slow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.footprint import tree


@contextlib.contextmanager
def one_processor() -> Iterator[None]:
    """Hold this process and all that it has started to one processor.

    A chain of two processes mostly shares one anyway; one of three is spread by chance, and then pays for waking an idle
    processor four times a call, which in a virtual machine takes longer than the call itself. Does nothing where the system
    does not place processes (macOS).
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _place({max(before)})
    try:
        yield
    finally:
        _place(before)


@dataclass(frozen=True, slots=True)
class Shares:
    """Microseconds of processor time: the caller's (this process), a server's, and of all that the server started."""

    caller: float
    server: float
    function: float

    def since(self, before: Shares, calls: int) -> Shares:
        """Return what each of ``calls`` calls took."""
        return Shares(
            (self.caller - before.caller) / calls,
            (self.server - before.server) / calls,
            (self.function - before.function) / calls,
        )


def processor_us(server: int) -> Shares:
    """Return the processor time until now. Zeros where the system does not count it to the nanosecond (Linux does)."""
    behind = (pid for pid in tree(server) if pid != server)
    return Shares(_used_us(os.getpid()), _used_us(server), sum(map(_used_us, behind)))


def _used_us(pid: int) -> float:
    used = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                used += int((thread / "schedstat").read_text().split()[0])
    return used / 1000


def _place(processors: set[int]) -> None:
    for pid in tree(os.getpid()):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), processors)
