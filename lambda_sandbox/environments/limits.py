"""Limits over a whole environment: control groups where they can be written, resource limits everywhere.

Memory and number of processes are limits from the start; the CPU share (memory / 1,769 MB of one vCPU) begins when init ends.
AWS: init runs with more CPU than small functions have later. Source: DESIGN facts and the kernel's cgroup-v1 and cgroup-v2 guides.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lambda_sandbox import quotas
from lambda_sandbox.environments import delegation
from lambda_sandbox.resources import FunctionConfiguration

# POLICY: a function's share of the processor is handed out every 20 ms: one with little memory stalls often and shortly. AWS
# documents no period.
CPU_PERIOD_US = 20_000
_REAPED_WITHIN_S = 0.5


@dataclass(slots=True)
class ControlGroup:
    """One environment's groups: ``folders`` by controller (the same folder for all of them in version 2)."""

    version: int
    folders: dict[str, Path]
    peak_fd: int = -1
    oom_fd: int = -1  # readable when the kernel kills for memory; version 1 only
    _join: list[int] = field(default_factory=list)

    def open_join_fds(self) -> list[int]:
        """Return descriptors; a process that writes ``0`` to each is a member. Close them with ``close_join_fds``."""
        name = "tasks" if self.version == 1 else "cgroup.procs"
        self._join = [
            os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC)
            for folder in sorted(set(self.folders.values()))
        ]
        return self._join

    def close_join_fds(self) -> None:
        for fd in self._join:
            os.close(fd)
        self._join = []

    def limit(self, memory_bytes: int, processes: int) -> None:
        if "memory" in self.folders:
            self.limit_memory(memory_bytes)
            name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
            self.peak_fd = _open_peak(self.folders["memory"] / name)
            self.oom_fd = self._tell_when_out_of_memory()
        if "pids" in self.folders:
            _write(self.folders["pids"] / "pids.max", processes)

    def limit_memory(self, memory_bytes: int) -> None:
        """Hold the whole tree to ``memory_bytes``, without swap beyond it. Raises ``OSError``."""
        memory = self.folders["memory"]
        if self.version == 2:
            _write(memory / "memory.max", memory_bytes)
            with contextlib.suppress(OSError):  # kernels without swap accounting lack the file
                _write(memory / "memory.swap.max", 0)
            return
        # Memory with swap is never less than memory: raise it first, lower it last.
        with contextlib.suppress(OSError):
            _write(memory / "memory.memsw.limit_in_bytes", memory_bytes)
        _write(memory / "memory.limit_in_bytes", memory_bytes)
        with contextlib.suppress(OSError):
            _write(memory / "memory.memsw.limit_in_bytes", memory_bytes)

    def share_cpu(self, memory_mb: int) -> None:
        """Hold the environment to its share of the processors from now on."""
        if "cpu" not in self.folders:
            return
        quota = max(1000, CPU_PERIOD_US * memory_mb // quotas.MB_PER_VCPU)
        folder = self.folders["cpu"]
        if self.version == 2:
            _write(folder / "cpu.max", f"{quota} {CPU_PERIOD_US}")
        else:
            _write(folder / "cpu.cfs_period_us", CPU_PERIOD_US)
            _write(folder / "cpu.cfs_quota_us", quota)

    def _tell_when_out_of_memory(self) -> int:
        """AWS: out of memory is the end of the environment, whichever of its processes asked for too much.

        Version 2 ends the whole group by itself. Version 1 tells through a descriptor, which is returned.
        """
        memory = self.folders["memory"]
        if self.version == 2:
            with contextlib.suppress(OSError):
                _write(memory / "memory.oom.group", 1)
            return -1
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        with contextlib.suppress(OSError):
            control = os.open(memory / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _write(memory / "cgroup.event_control", f"{event} {control}")
            finally:
                os.close(control)
            return event
        os.close(event)
        return -1

    def peak_bytes(self) -> int:
        """Return the largest use so far, with pages of files and of ``/tmp``; 0 where the kernel does not tell."""
        return int(os.pread(self.peak_fd, 32, 0)) if self.peak_fd >= 0 else 0

    def reset_peak(self) -> None:
        """Let the peak begin anew. Kernels before 6.12 do not in version 2: the peak is then the environment's."""
        try:  # noqa: SIM105 - contextlib's way costs more than the write
            os.pwrite(self.peak_fd, b"0", 0)
        except OSError:
            pass

    def usage_bytes(self) -> int:
        """Return the present use, with pages of files and of ``/tmp``. Raises ``OSError``."""
        name = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        return int((self.folders["memory"] / name).read_bytes())

    def file_bytes(self) -> tuple[int, int]:
        """Return how much of the present use is pages of files, and how much of that is in no file on a disk: ``/tmp``
        and shared memory. Raises ``OSError``.
        """
        found: dict[bytes, int] = {}
        for line in (self.folders["memory"] / "memory.stat").read_bytes().splitlines():
            name, _, value = line.partition(b" ")
            found[name] = int(value)
        if self.version == 1:
            return found[b"total_cache"], found.get(b"total_shmem", 0)
        return found[b"file"], found[b"shmem"]

    def is_empty(self) -> bool:
        """True when no process is in the groups any more."""
        with contextlib.suppress(OSError):
            return not any((folder / "cgroup.procs").read_bytes() for folder in set(self.folders.values()))
        return True

    def ran_out_of_memory(self) -> bool:
        """True when the kernel has killed a process of the environment for its memory."""
        if "memory" not in self.folders:
            return False
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        with contextlib.suppress(OSError):
            for line in (self.folders["memory"] / name).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1]) > 0
        return False

    def remove(self) -> bool:
        """Delete the groups. False while a process is still in one: try again later."""
        gone = True
        for folder in set(self.folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        if gone:
            for fd in (self.peak_fd, self.oom_fd):
                if fd >= 0:
                    os.close(fd)
            self.peak_fd = self.oom_fd = -1
        return gone


def shared_bytes(groups: Iterable[ControlGroup]) -> int:
    """Return the memory of files in no file on a disk (``/tmp``, shared memory) that is charged to the groups."""
    total = 0
    for group in groups:
        with contextlib.suppress(OSError):
            total += group.file_bytes()[1]
    return total


class ControlGroups:
    """The sandbox's own corner of the control group tree, below the group that the server runs in."""

    def __init__(self, version: int, parents: dict[str, Path]) -> None:
        self.version = version
        self.parents = parents

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self.parents)

    def create(self, name: str, memory_bytes: int, processes: int) -> ControlGroup:
        """Make one environment's groups. Raises ``OSError``."""
        folders = {controller: parent / name for controller, parent in self.parents.items()}
        group = ControlGroup(self.version, folders)
        try:
            for folder in set(folders.values()):
                folder.mkdir(exist_ok=True)
            group.limit(memory_bytes, processes)
        except OSError:
            group.remove()
            raise
        return group

    def close(self) -> None:
        """Delete the corner; groups of environments must be gone."""
        for parent in set(self.parents.values()):
            remove_tree(parent)


def find_control_groups(name: str, proc: Path = Path("/proc/self")) -> ControlGroups | None:
    """Make a corner called ``name`` where this process may, really trying; ``None`` where it may not.

    Corners that a killed server left behind are removed first.
    """
    try:
        mounts = (proc / "mountinfo").read_text()
        own = (proc / "cgroup").read_text()
    except OSError:
        return None
    return _find_version_1(name, mounts, own) or _find_version_2(name, mounts, own)


def _find_version_1(name: str, mounts: str, own: str) -> ControlGroups | None:
    groups = {part.split(":")[1]: part.split(":", 2)[2] for part in own.splitlines()}
    parents: dict[str, Path] = {}
    for root, point, options in _mounted(mounts, "cgroup"):
        for controller in delegation.CONTROLLERS:
            joined = next((path for names, path in groups.items() if controller in names.split(",")), None)
            if controller in options.split(",") and joined is not None and controller not in parents:
                corner = _corner(_inside(point, root, joined), name)
                if corner is not None:
                    parents[controller] = corner
    return ControlGroups(1, parents) if "memory" in parents else None


def _find_version_2(name: str, mounts: str, own: str) -> ControlGroups | None:
    joined = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    for root, point, _ in _mounted(mounts, "cgroup2"):
        if joined is None:
            return None
        here = _inside(point, root, joined)
        # A group that holds processes cannot give controllers to children: its parent may.
        for parent in (here, here.parent):
            corner = _corner(parent, name) if parent.is_relative_to(point) else None
            if corner is None:
                continue
            with contextlib.suppress(OSError):
                handed_down = delegation.hand_down(corner)
                if "memory" in handed_down:
                    return ControlGroups(2, dict.fromkeys(handed_down, corner))
            remove_tree(corner)
    return None


def _mounted(mounts: str, kind: str) -> Iterable[tuple[str, Path, str]]:
    """Yield root, mount point and super options of each mounted hierarchy of ``kind``."""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if tail and tail[0] == kind:
            yield fields[3], Path(fields[4]), tail[-1]


def _inside(point: Path, root: str, path: str) -> Path:
    relative = os.path.relpath(path, root) if root != "/" and path.startswith(root) else path.lstrip("/")
    return point / relative


def _corner(parent: Path, name: str) -> Path | None:
    if not os.access(parent, os.W_OK):
        return None
    _remove_stale(parent, name)
    corner = parent / f"{name}-{os.getpid()}"
    number = 0
    while corner.exists():  # two sandboxes in one process, as in tests
        number += 1
        corner = parent / f"{name}-{os.getpid()}-{number}"
    try:
        corner.mkdir()
    except OSError:
        return None
    return corner


def _remove_stale(parent: Path, name: str) -> None:
    for corner in parent.glob(f"{name}-*"):
        owner = corner.name.removeprefix(f"{name}-").split("-")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            remove_tree(corner)


def remove_tree(corner: Path) -> None:
    """Remove a corner and what is below it; the kernel keeps a group until its last process is reaped."""
    deadline = time.monotonic() + _REAPED_WITHIN_S
    while corner.exists():
        for folder in [entry for entry in corner.iterdir() if entry.is_dir()] + [corner]:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if time.monotonic() > deadline:
            return
        if corner.exists():
            time.sleep(0.005)


def _write(path: Path, value: int | str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def _open_peak(path: Path) -> int:
    """Return a descriptor of the file with the largest use, writable where that resets it; -1 where there is none."""
    for mode in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, mode | os.O_CLOEXEC)
    return -1


def resource_limits(
    function: FunctionConfiguration | None,
    controllers: frozenset[str],
    baseline_bytes: int,
    processes: int | None,
) -> dict[str, int]:
    """Return the resource limits of each process, by their names in the ``resource`` module.

    ``baseline_bytes`` is what a bare interpreter has in data segments. ``processes`` ``None`` sets no limit on them.
    """
    limits = {"RLIMIT_NOFILE": quotas.OPEN_FILES, "RLIMIT_CORE": 0}
    if processes is not None:
        limits["RLIMIT_NPROC"] = processes
    if "memory" not in controllers and function is not None:
        # The server looks at the tree every few milliseconds; this only bounds what one process can take in between.
        limits["RLIMIT_DATA"] = 2 * function.memory_mb * quotas.MIB + baseline_bytes
    return limits
