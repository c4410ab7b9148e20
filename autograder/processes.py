"""The process tree of one submission: find every member, weigh it, end it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def become_subreaper() -> bool:
    """Make orphans of this process's children come to it, so that no daemon can leave the tree. Linux only."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def descendants(root: int) -> list[int]:
    """Return the ids of all processes below ``root``, nearest first; empty where there is no ``/proc``."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def _parents() -> Iterator[tuple[int, int]]:
    if not _PROC.is_dir():
        return
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                # The command name may hold spaces and parentheses: the fields start after the last ")".
                fields = (_PROC / entry / "stat").read_bytes().rpartition(b")")[2].split()
                yield int(entry), int(fields[1])


def resident_bytes(pids: list[int]) -> int:
    """Return the resident memory of these processes together; shared pages count once a process."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            total += int((_PROC / str(pid) / "statm").read_bytes().split()[1]) * _PAGE_BYTES
    return total


def kill_tree(root: int, *, keep: frozenset[int] = frozenset(), attempts: int = 200) -> int:
    """Kill everything below ``root`` except the trees of ``keep``; return how many are left after ``attempts``.

    Each round stops every member before it kills any, so that a fork bomb cannot outrun the list.
    """
    left: list[int] = []
    for _ in range(attempts):
        spared = set(keep).union(*(descendants(pid) for pid in keep)) if keep else set()
        left = [pid for pid in descendants(root) if pid not in spared]
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, sent)
        reap(left)
        if not left:
            return 0
        time.sleep(0.005)  # the kernel needs a moment to take the killed processes away
    return len(left)


def reap(pids: list[int]) -> None:
    """Collect those of ``pids`` that are our own children and have ended."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


class Watchdog:
    """Ends a tree that grows past its limits; the portable limit where cgroups cannot be written.

    ``reason`` is the sentence for the report once a limit was passed, else empty.
    """

    def __init__(self, root: int, *, memory_bytes: int, processes: int, every_s: float = 0.1) -> None:
        self.reason = ""
        self._root = root
        self._memory_bytes = memory_bytes
        self._processes = processes
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every_s):
            members = descendants(self._root)
            if len(members) > self._processes:
                self.reason = f"the notebook started more than {self._processes} processes"
            elif resident_bytes(members) > self._memory_bytes:
                self.reason = f"the notebook used more than {self._memory_bytes >> 20} MB of memory"
            if self.reason:
                kill_tree(self._root)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self._root, signal.SIGKILL)
                return
