"""Whether the machine's memory holds one more environment. A burst or a recursion is throttled before it takes the machine down."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lambda_sandbox import quotas

# POLICY: a cold start is throttled when this machine has not 256 MB free for it (or the function's memory, if that is less). AWS
# has machines enough. ``LAMBDA_SANDBOX_MEMORY_BUDGET_MB`` sets a fixed budget instead.
_WANTED_MB = 256
_STARTING_MB = 48  # an environment whose init has not ended, and whose use the machine does not show yet
_KEPT_FREE_MB = 256
_KEPT_FREE_SHARE = 20  # one twentieth of the machine, if that is more
_UNLIMITED_BYTES = 1 << 60


class MemoryAdmission:
    """``budget_mb`` bounds the sum of the environments' configured memory; ``None`` looks at what is really free.

    ``proc`` and ``groups`` are where the kernel tells.
    """

    def __init__(
        self,
        budget_mb: int | None = None,
        proc: Path = Path("/proc"),
        groups: Path = Path("/sys/fs/cgroup"),
    ) -> None:
        self._budget_mb = budget_mb
        self._proc = proc
        self._groups = tuple(_own_groups(proc, groups))

    def refusal(self, memory_mb: int, held_mb: int, starting: int, ending: int = 0) -> str:
        """Return why an environment of ``memory_mb`` cannot start now, in one sentence; ``""`` when it can.

        ``held_mb`` is the configured memory of all environments there are, ``starting`` how many of them are in init, and
        ``ending`` how many more would be ended for this one.
        """
        if self._budget_mb is not None:
            if held_mb + memory_mb <= self._budget_mb:
                return ""
            return (
                f"The sandbox's memory budget of {self._budget_mb} MB does not hold another environment of {memory_mb} MB: "
                f"{held_mb} MB are taken."
            )
        free = self._free_mb()
        wanted = min(memory_mb, _WANTED_MB) + (starting - ending) * _STARTING_MB
        if free is None or not held_mb or free >= wanted:  # the first environment may always try
            return ""
        return (
            f"This machine's memory does not hold another environment of {memory_mb} MB: "
            f"{max(0, free)} MB are free beside what is kept for the machine itself."
        )

    def _free_mb(self) -> int | None:
        """Return what may still be taken, in MB; ``None`` where the machine does not tell."""
        try:
            values = dict(line.split(":") for line in (self._proc / "meminfo").read_text().splitlines())
            free, total = (int(values[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
        except (OSError, KeyError, ValueError):
            return None
        for limit_file, usage_file, cache_name in self._groups:
            with contextlib.suppress(OSError, ValueError):
                limit = int(limit_file.read_text())
                if limit < _UNLIMITED_BYTES:
                    total = min(total, limit)
                    cached = _cached(limit_file.parent / "memory.stat", cache_name)
                    free = min(free, limit - int(usage_file.read_text()) + cached)
        kept = max(_KEPT_FREE_MB * quotas.MIB, total // _KEPT_FREE_SHARE)
        return (free - kept) // quotas.MIB


def _cached(path: Path, name: str) -> int:
    """Return the bytes of files' pages that the kernel gives up when memory is short."""
    return sum(int(line.split()[1]) for line in path.read_text().splitlines() if line.split()[0] == name)


def _own_groups(proc: Path, groups: Path) -> Iterator[tuple[Path, Path, str]]:
    """Yield the limit and usage files of each control group that this process is in, up to the top."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, names, path = line.split(":", 2)
        if names == "":
            top, limit, usage, cache = groups, "memory.max", "memory.current", "inactive_file"
        elif "memory" in names.split(","):
            top, limit, usage = groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        here = top / path.lstrip("/")
        for folder in (here, *here.parents):
            if (folder / limit).exists():
                yield folder / limit, folder / usage, cache
            if folder == top:
                break
