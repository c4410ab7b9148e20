"""Runs a program and says what it cost: wall time, and the CPU time of all its processes, however they ended."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Cost:
    """``cpu_s`` counts the whole tree if ``whole_tree``; else only processes that were waited for."""

    wall_s: float
    cpu_s: float
    whole_tree: bool
    output: str


def run(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> Cost:
    """Run ``command`` to its end. Raises ``CalledProcessError`` if it fails."""
    group = _make_group()
    words = command if group is None else ["sh", "-c", _JOIN, str(group), *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        wall_s = time.monotonic() - began
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr[-2000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        waited_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu_s = waited_s if group is None else _used_s(group)
        return Cost(wall_s, cpu_s, group is not None, done.stdout)
    finally:
        if group is not None:
            with contextlib.suppress(OSError):
                group.rmdir()


def _make_group() -> Path | None:
    """Return a new control group that counts CPU time, of either version; ``None`` where none can be made."""
    for parent, counter in ((_GROUPS / "cpuacct", "cpuacct.usage"), (_GROUPS, "cpu.stat")):
        group = parent / f"benchmark-{os.getpid()}-{time.monotonic_ns()}"
        if (parent / counter).exists():
            with contextlib.suppress(OSError):
                group.mkdir()
                return group
    return None


def _used_s(group: Path) -> float:
    usage = group / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / 1e6
