"""How much memory an environment uses, as AWS counts it: without the files of ``/tmp`` and the system's cache of files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Protocol

from lambda_sandbox import quotas
from lambda_sandbox.environments.limits import ControlGroup, shared_bytes

_DRIFT_BYTES = quotas.MIB // 4


class MemoryMeter(Protocol):
    """One environment's; ``GroupMeter`` here, ``tree_memory.TreeMeter`` where there is no control group."""

    def watch(self, runtime_pid: int) -> None:
        """The runtime's process is there."""
        ...

    def suit(self, limit_bytes: int, baseline_bytes: int) -> None:
        """A blank environment has become a function's: its limit, and what it shares with the zygote."""
        ...

    def charge_programs(self, pids: Sequence[int]) -> int:
        """Init is over: count the programs that run as the function's, and return their bytes if they were not yet."""
        ...

    def begin_invocation(self) -> None:
        """Forget the peak so far: from here on it is the next invocation's own. Some 2 µs."""
        ...

    def peak_mb(self) -> int:
        """Return the most memory since the invocation began, in MB rounded up; 0 before the runtime runs."""
        ...

    def sample(self) -> int:
        """Return the bytes used now, to be compared with the limit."""
        ...

    def close(self) -> None: ...


def mapped_bytes(pids: Sequence[int]) -> int:
    """Return the resident bytes of files that the processes have mapped: their programs and libraries.

    The kernel charges them to whoever read the file first, which is seldom the one who runs it.
    """
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
            total += next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"RssFile:")), 0)
    return total


class GroupMeter:
    """Measures with a control group, over the whole process tree.

    ``baseline_bytes`` is what the environment shares with the process that it was forked from: no group is charged for
    it, yet it is the function's, as AWS counts the interpreter.
    """

    def __init__(self, group: ControlGroup, baseline_bytes: int) -> None:
        self._group = group
        self._baseline = baseline_bytes
        self.tmp_fd = -1  # the environment's /tmp, where its files are charged to the group
        self.earlier: Sequence[ControlGroup] = ()  # that files from before a reset are charged to
        self._peak_mb = 0
        self._cached = 0
        self._cached_at = -_DRIFT_BYTES  # the group's peak when the pages of files were last counted
        self._sampled_bytes = -1  # none: nothing in /tmp yet, so the kernel's own peak is right

    def watch(self, runtime_pid: int) -> None:
        pass

    def suit(self, limit_bytes: int, baseline_bytes: int) -> None:
        self._baseline = baseline_bytes

    def charge_programs(self, pids: Sequence[int]) -> int:
        if self._baseline == 0:  # forked from no zygote: a program of its own
            self._baseline = mapped_bytes(pids)
            return self._baseline
        return 0

    def begin_invocation(self) -> None:
        self._peak_mb = 0
        if self._sampled_bytes > 0:
            self._sampled_bytes = 0
        self._group.reset_peak()

    def peak_mb(self) -> int:
        if self._sampled_bytes >= 0:
            self.sample()
            peak = self._sampled_bytes + self._baseline
        else:
            group_peak = self._group.peak_bytes()
            if not -_DRIFT_BYTES < group_peak - self._cached_at < _DRIFT_BYTES:
                # Counting them costs twenty times what reading the peak does, and more of them is a higher peak.
                self._cached, self._cached_at = self._cached_bytes(), group_peak
            peak = group_peak - self._cached + self._baseline
        peak_mb = -(-peak // quotas.MIB)
        if peak_mb > self._peak_mb:
            self._peak_mb = peak_mb
        return self._peak_mb

    def sample(self) -> int:
        """Look at the present use without the files of ``/tmp``. From now on the peak is that of the samples: the kernel's
        has the files in it.
        """
        with contextlib.suppress(OSError):
            cached, in_memory = self._group.file_bytes()
            disk = os.fstatvfs(self.tmp_fd)
            own_files = (disk.f_blocks - disk.f_bfree) * disk.f_frsize - shared_bytes(self.earlier)
            shared = max(0, in_memory - max(0, own_files))
            used = self._group.usage_bytes() - cached + shared
            self._sampled_bytes = max(self._sampled_bytes, used)
            return used
        return 0

    def close(self) -> None:
        if self.tmp_fd >= 0:
            os.close(self.tmp_fd)
            self.tmp_fd = -1

    def _cached_bytes(self) -> int:
        """Return pages of files on a disk, which the kernel takes back when memory is short."""
        with contextlib.suppress(OSError):
            cached, in_memory = self._group.file_bytes()
            return max(0, cached - in_memory)
        return 0
