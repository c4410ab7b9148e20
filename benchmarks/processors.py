"""Where processes run. On the one processor of two that the kernel picks, a call is three times as fast or as slow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

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


def _place(processors: set[int]) -> None:
    for pid in tree(os.getpid()):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), processors)
