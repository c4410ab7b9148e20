"""How much memory an environment uses, as AWS counts it: without the files of ``/tmp`` and the system's cache of files."""

from __future__ import annotations

import contextlib
import os

from lambda_sandbox import quotas
from lambda_sandbox.environments.limits import ControlGroup

_FORGET_PEAK = b"5"  # proc(5), /proc/PID/clear_refs: reset the peak resident set size


class MemoryMeter:
    """Measures over the whole process tree with a control group, else the runtime's process alone.

    ``baseline_bytes`` is what the environment shares with the process that it was forked from: no group is charged for
    it, yet it is the function's, as AWS counts the interpreter.
    """

    def __init__(self, group: ControlGroup | None, baseline_bytes: int) -> None:
        self._group = group if group is not None and group.peak_fd >= 0 else None
        self._baseline = baseline_bytes
        self._status_fd = self._clear_fd = -1
        self._group_peak = self._peak_mb = 0

    def watch(self, runtime_pid: int) -> None:
        """The runtime's process is there. Does nothing where a control group measures."""
        if self._group is not None:
            return
        with contextlib.suppress(OSError):
            self._status_fd = os.open(f"/proc/{runtime_pid}/status", os.O_RDONLY | os.O_CLOEXEC)
            self._clear_fd = os.open(f"/proc/{runtime_pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)

    def begin_invocation(self) -> None:
        """Forget the peak so far: from here on it is the next invocation's own. Some 2 µs."""
        self._peak_mb = self._group_peak = 0
        if self._group is not None:
            self._group.reset_peak()
        elif self._clear_fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self._clear_fd, _FORGET_PEAK)

    def peak_mb(self) -> int:
        """Return the most memory since the invocation began, in MB rounded up; 0 before the runtime runs."""
        if self._group is None:
            peak = _high_water_mark(self._status_fd)
        else:
            group_peak = self._group.peak_bytes()
            if group_peak == self._group_peak:
                return self._peak_mb
            self._group_peak = group_peak
            peak = group_peak - self._group.file_bytes() + self._baseline if group_peak else 0
        self._peak_mb = max(self._peak_mb, -(-peak // quotas.MIB))
        return self._peak_mb

    def close(self) -> None:
        for fd in (self._status_fd, self._clear_fd):
            if fd >= 0:
                os.close(fd)
        self._status_fd = self._clear_fd = -1


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
