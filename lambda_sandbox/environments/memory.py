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
        self.tmp_fd = -1  # the environment's /tmp, where its files are charged to the group
        self._status_fd = self._clear_fd = -1
        self._group_peak = self._peak_mb = 0
        self._sampled_bytes = -1  # none: nothing in /tmp yet, so the kernel's own peak is right

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
        self._sampled_bytes = min(self._sampled_bytes, 0)
        if self._group is not None:
            self._group.reset_peak()
        elif self._clear_fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self._clear_fd, _FORGET_PEAK)

    def peak_mb(self) -> int:
        """Return the most memory since the invocation began, in MB rounded up; 0 before the runtime runs."""
        if self._group is None:
            peak = _high_water_mark(self._status_fd)
        elif self._sampled_bytes >= 0:
            self.sample()
            peak = self._sampled_bytes + self._baseline
        else:
            group_peak = self._group.peak_bytes()
            if group_peak == self._group_peak:
                return self._peak_mb
            self._group_peak = group_peak
            peak = group_peak - self._cached_bytes(self._group) + self._baseline if group_peak else 0
        self._peak_mb = max(self._peak_mb, -(-peak // quotas.MIB))
        return self._peak_mb

    def sample(self) -> int:
        """Look at the present use without the files of ``/tmp``; return the group's part of it in bytes.

        From now on the peak is that of the samples: the kernel's has the files in it.
        """
        assert self._group is not None
        with contextlib.suppress(OSError):
            cached, in_memory = self._group.file_bytes()
            disk = os.fstatvfs(self.tmp_fd)
            shared = max(0, in_memory - (disk.f_blocks - disk.f_bfree) * disk.f_frsize)
            used = self._group.usage_bytes() - cached + shared
            self._sampled_bytes = max(self._sampled_bytes, used)
            return used
        return 0

    @staticmethod
    def _cached_bytes(group: ControlGroup) -> int:
        """Return pages of files on a disk, which the kernel takes back when memory is short."""
        with contextlib.suppress(OSError):
            cached, in_memory = group.file_bytes()
            return max(0, cached - in_memory)
        return 0

    def close(self) -> None:
        for fd in (self._status_fd, self._clear_fd, self.tmp_fd):
            if fd >= 0:
                os.close(fd)
        self._status_fd = self._clear_fd = self.tmp_fd = -1


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
