"""The process tree of one submission: find every member, weigh it, end it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder.limits import Limits

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NAME = 15
_PROC = Path("/proc")
# Reading it takes as long as the tree is large; asking every process for its parent, as long as the machine is busy.
_KERNEL_LISTS_CHILDREN = (_PROC / "self" / "task" / str(os.getpid()) / "children").exists()
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_ROUNDS = 200  # of killing a tree: more than a second
_LOOK_EVERY_S = 0.1
_LOOKS_A_WALK = 10  # through a sandbox's files, which takes longer than to weigh it
_DATABASE_FOLDER = "lambda-sandbox-postgres-"  # how the sandbox begins the name of a database's folder
_BLOCK_BYTES = 512  # in which every system counts ``st_blocks``
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def become_subreaper() -> bool:
    """Make orphans of this process's children come to it, so that no daemon can leave the tree. Linux only."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def name_process(name: str) -> None:
    """Show this process as ``name`` in lists of processes. Linux only; at most 15 characters."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def children(root: int) -> list[int]:
    """Return the ids of the processes that ``root`` is the parent of; empty where there is no ``/proc``."""
    if not _KERNEL_LISTS_CHILDREN:
        return [pid for pid, parent in _parents() if parent == root]
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(_PROC / str(root) / "task"):
            with contextlib.suppress(OSError):
                found += map(int, (_PROC / str(root) / "task" / thread / "children").read_bytes().split())
    return found


def descendants(root: int) -> list[int]:
    """Return the ids of all processes below ``root``, nearest first; empty where there is no ``/proc``."""
    below = children if _KERNEL_LISTS_CHILDREN else _all_children().get
    found: list[int] = []
    queue = [root]
    while queue:
        next_ones = below(queue.pop(0)) or []
        found += next_ones
        queue += next_ones
    return found


def _all_children() -> dict[int, list[int]]:
    known: dict[int, list[int]] = {}
    for pid, parent in _parents():
        known.setdefault(parent, []).append(pid)
    return known


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


def proportional_bytes(pids: list[int]) -> int:
    """Return the memory of these processes together, each shared page divided among those that share it.

    Where the kernel does not tell, as of a process of another user, its resident memory counts instead.
    """
    total = 0
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_bytes()
            total += int(text.partition(b"\nPss:")[2].split(None, 1)[0]) << 10
        except (OSError, IndexError, ValueError):
            total += resident_bytes([pid])
    return total


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU time of these processes together, with that of their children that have ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_A_SECOND


def kill_tree(root: int) -> int:
    """Kill everything below ``root``; return how many are left after some time.

    Each round stops every member before it kills any, so that a fork bomb cannot outrun the list; and twice in a row
    nothing may be found, as the kernel can leave one out while another ends.
    """
    left: list[int] = []
    empty = 0
    for _ in range(_ROUNDS):
        left = descendants(root)
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, sent)
        reap(left)
        empty = 0 if left else empty + 1
        if empty == 2:
            return 0
        if not left:
            continue
        time.sleep(0.005)  # the kernel needs a moment to take the killed processes away
    return len(left)


def reap(pids: list[int]) -> None:
    """Collect those of ``pids`` that are our own children and have ended."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


class RunningTree:
    """A process that is not our child, and all below it.

    ``alone``: it is the first process of a pid namespace, so that its end is the end of every process in there.
    """

    def __init__(self, pid: int, *, alone: bool) -> None:
        self.pid = pid
        self._alone = alone
        # By its handle the process stays the one that was meant, even after its number has gone to another.
        self._handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether its first process has ended, or does within so many seconds."""
        if self._handle >= 0:
            return bool(select.select([self._handle], [], [], within_s)[0])
        deadline = time.monotonic() + within_s
        while _exists(self.pid):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def end(self, patience_s: float = 10.0) -> bool:
        """Kill all of it and wait until it is gone; ``False`` if something is left after ``patience_s``."""
        if not self._alone:
            kill_tree(self.pid)
        if self._handle < 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
            return True
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            # The first process of a namespace is reported ended only when the kernel has collected all the others.
            return bool(select.select([self._handle], [], [], patience_s)[0])
        finally:
            os.close(self._handle)
            self._handle = -1


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Watchdog:
    """Ends a notebook's tree that grows past its limits; the portable limit where cgroups cannot be written.

    ``reason`` is the sentence for the report once a limit was passed, else empty.
    """

    def __init__(self, root: int, limits: Limits) -> None:
        self.reason = ""
        self._root = root
        self._limits = limits
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self.reason = self._passed()
            if self.reason:
                kill_tree(self._root)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self._root, signal.SIGKILL)
                return

    def _passed(self) -> str:
        limits = self._limits
        members = descendants(self._root)
        if len(members) > limits.processes:
            return f"the notebook started more than {limits.processes} processes"
        if _weigh_more_than(limits.memory_mb, members):
            return f"the notebook used more than {limits.memory_mb} MB of memory"
        if cpu_seconds([self._root, *members]) > limits.tree_cpu_s:
            return f"the notebook used more than {limits.tree_cpu_s} s of CPU time"
        return ""


class SandboxWatchdog(Watchdog):
    """Ends a sandbox's server with what runs beside it when they hold more memory than ``limits.sandbox_mb``, or more files in
    ``folder`` and in their databases than ``limits.sandbox_disk_mb``: a disk that is full is everybody's.

    ``databases`` are the folders of these, which stay where nobody was left to remove them.
    """

    def __init__(self, root: int, limits: Limits, folder: Path) -> None:
        super().__init__(root, limits)
        self.databases: set[Path] = set()
        self._folder = folder
        self._looks = 0

    def _passed(self) -> str:
        most = self._limits.sandbox_mb
        below = descendants(self._root)
        self.databases |= _databases(below)
        if _weigh_more_than(most, [self._root, *below]):
            return f"the notebook made its sandbox hold more than {most} MB of memory"
        self._looks += 1
        most = self._limits.sandbox_disk_mb
        if self._looks % _LOOKS_A_WALK == 0 and holds_more_than(most, [self._folder, *self.databases]):
            return f"the notebook made its sandbox hold more than {most} MB of files"
        return ""


def _databases(pids: list[int]) -> set[Path]:
    """Return the folders of the PostgreSQL servers among these processes, which work there or in the data inside."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            place = _PROC / str(pid) / "cwd"
            working = place.readlink()
            named = [each for each in (working, working.parent) if each.name.startswith(_DATABASE_FOLDER)]
            # A function may call a folder of its own like that; it is not what has the name out here.
            if named and place.samefile(working):
                found.add(named[0])
    return found


def holds_more_than(most_mb: int, folders: Iterable[Path]) -> bool:
    """Return whether the files below ``folders`` take more of the disk than that together; links are not followed."""
    taken, waiting = 0, [os.fspath(folder) for folder in folders]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        taken += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                if taken > most_mb << 20:
                    return True
    return False


def _weigh_more_than(most_mb: int, pids: list[int]) -> bool:
    # The first is quick, and too much for forks that share most of their memory; only then is it worth to ask closely.
    most = most_mb << 20
    return resident_bytes(pids) > most and proportional_bytes(pids) > most
