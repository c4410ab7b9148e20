"""What a server holds of the machine: processes, descriptors, control groups, mounts, namespaces and memory. Linux only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of a server and everything that it started. ``memory_mb`` counts a page that several share in parts."""

    processes: int
    descriptors: int
    control_groups: int
    mounts: int
    namespaces: int
    memory_mb: float

    def grown(self, since: Footprint) -> dict[str, float]:
        """Return how much more there is of each than ``since``."""
        before = asdict(since)
        return {name: round(value - before[name], 1) for name, value in asdict(self).items()}


def footprint(server: int) -> Footprint:
    """Look at the server with this process id."""
    processes = list(tree(server))
    return Footprint(
        processes=len(processes),
        descriptors=sum(_entries(f"/proc/{pid}/fd") for pid in processes),
        control_groups=sum(1 for _ in _control_groups(server)),
        mounts=sum(_lines(f"/proc/{pid}/mountinfo") for pid in _one_a_namespace(processes, "mnt")),
        namespaces=sum(len(_one_a_namespace(processes, kind)) for kind in _NAMESPACES),
        memory_mb=round(sum(map(_proportional_kb, processes)) / 1024, 1),
    )


def tree(pid: int) -> Iterator[int]:
    """Yield a process id and those of all its descendants."""
    waiting = [pid]
    while waiting:
        pid = waiting.pop()
        yield pid
        for thread in _names(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                waiting += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())


def resident_mb(pid: int) -> float:
    """Return one process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / _MIB


def _names(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []


def _entries(folder: str) -> int:
    return len(_names(folder))


def _lines(file: str) -> int:
    with contextlib.suppress(OSError):
        return Path(file).read_text().count("\n")
    return 0


def _control_groups(server: int) -> Iterator[str]:
    for place, folders, _ in os.walk("/sys/fs/cgroup"):  # which goes on when a folder vanishes meanwhile
        if os.path.basename(place) == f"lambda-sandbox-{server}":
            yield from folders


def _one_a_namespace(processes: list[int], kind: str) -> list[int]:
    """Return a process of each namespace that there is of this kind."""
    found: dict[str, int] = {}
    for pid in processes:
        with contextlib.suppress(OSError):
            found.setdefault(os.readlink(f"/proc/{pid}/ns/{kind}"), pid)
    return list(found.values())


def _proportional_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
