"""Memory where no control group measures: what /proc tells of the environment's processes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence

from lambda_sandbox import quotas
from lambda_sandbox.environments import process_tree

_FORGET_PEAK = b"5"  # proc(5), /proc/PID/clear_refs: reset the peak resident set size
# POLICY: where no control group counts, *Max Memory Used* of a function with several processes is measured as often as costs a tenth
# of the time at most; a short peak may be missed.
_PAUSE_AFTER_COUNT = 9


class TreeMeter:
    """The peak is the runtime's own, which the kernel keeps, or what was seen of all processes, if that was more."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._runtime_pid = self._launcher_pid = 0
        self._status_fd = self._clear_fd = -1
        self._seen_bytes = self._peak_mb = 0
        self._others = False  # beside the runtime, when last looked at
        self._next_count_s = 0.0

    def watch(self, runtime_pid: int) -> None:
        """The runtime's process is there."""
        self._runtime_pid = runtime_pid
        self._launcher_pid = process_tree.parent(runtime_pid)
        with contextlib.suppress(OSError):
            self._status_fd = os.open(f"/proc/{runtime_pid}/status", os.O_RDONLY | os.O_CLOEXEC)
            self._clear_fd = os.open(f"/proc/{runtime_pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)

    def suit(self, limit_bytes: int, baseline_bytes: int) -> None:
        """A blank environment has become a function's. Shared pages are counted here as they are."""
        self._limit_bytes = limit_bytes

    def charge_programs(self, pids: Sequence[int]) -> int:
        """Return 0: resident pages have the programs in them."""
        return 0

    def begin_invocation(self) -> None:
        """Forget the peak so far: from here on it is the next invocation's own."""
        self._peak_mb = self._seen_bytes = 0
        if self._clear_fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self._clear_fd, _FORGET_PEAK)

    def peak_mb(self) -> int:
        """Return the most memory since the invocation began, in MB rounded up; 0 before the runtime runs."""
        if self._others:  # an invocation may be over before it is looked at once
            self.sample()
        peak = max(_high_water_mark(self._status_fd), self._seen_bytes)
        self._peak_mb = max(self._peak_mb, -(-peak // quotas.MIB))
        return self._peak_mb

    def sample(self) -> int:
        """Return the bytes that all processes but the launcher have now.

        Resident pages are added up first, which is cheap and counts shared ones more than once. A sum over the limit is
        counted exactly, each shared page divided among those who share it; a sum that may be a new peak mostly is.
        """
        pids = list(self._processes())
        self._others = pids != [self._runtime_pid]
        used = sum(map(_resident, pids))
        over = used > self._limit_bytes
        if over or (self._others and used > self._seen_bytes and time.perf_counter() > self._next_count_s):
            began_s = time.perf_counter()
            used = sum(map(_proportional, pids))
            self._seen_bytes = max(self._seen_bytes, used)
            ended_s = time.perf_counter()
            self._next_count_s = ended_s + _PAUSE_AFTER_COUNT * (ended_s - began_s)
        return used

    def _processes(self) -> Iterator[int]:
        """Orphans are the launcher's children by now, and extensions are from the start."""
        if self._launcher_pid:
            return process_tree.descendants(self._launcher_pid)
        return iter((self._runtime_pid,))

    def close(self) -> None:
        for fd in (self._status_fd, self._clear_fd):
            if fd >= 0:
                os.close(fd)
        self._status_fd = self._clear_fd = -1


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except PermissionError:  # a process can refuse to be looked into (prctl), which must not hide its memory
        return _resident(pid)
    except OSError:
        pass
    return 0


def _high_water_mark(status_fd: int) -> int:
    """Return the peak resident bytes from an open ``/proc/PID/status``; 0 when the process is gone."""
    if status_fd < 0:
        return 0
    try:
        text = os.pread(status_fd, 2048, 0)
    except OSError:
        return 0
    start = text.find(b"VmHWM:")
    return int(text[start + 6 : text.index(b"kB", start)]) * 1024 if start >= 0 else 0
