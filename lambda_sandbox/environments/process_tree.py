"""Which processes an environment has, as ``/proc`` tells it: for freezing all of them, and for measuring them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_READ_BYTES = 65_536
_AT_REST = frozenset(b"TtZX")  # stopped, stopped by a debugger, or ended; proc(5), /proc/PID/stat


def descendants(pid: int) -> Iterator[int]:
    """Yield the process ids of all that ``pid`` started, each before what it started itself is looked for.

    Who loses its parent becomes a child of the launcher (``namespaces.adopt_orphans``): of all processes of an environment
    only the launcher's descendants have every one.
    """
    waiting = _children(pid)
    seen = {pid}
    while waiting:
        child = waiting.pop()
        if child not in seen:  # one may get another parent, and so be met twice
            seen.add(child)
            yield child
            waiting += _children(child)


def is_alone(pid: int, launcher_pid: int) -> bool:
    """Return whether a stopped process is the only one of its environment, and cannot start another: it has one thread.

    True is certain. Its own children are asked for first: one that ended meanwhile has left its own to the launcher.
    """
    return (
        _has_one_thread(pid)
        and not _children_of(pid, pid)
        and _children_of(launcher_pid, launcher_pid) == [pid]
    )


def at_rest(pid: int) -> bool:
    """Return whether every thread is stopped, or the process gone.

    One that was sent SIGSTOP stops when it is next scheduled: a small function's may be some periods of its CPU share later.
    """
    for thread in _threads(pid):
        state = _read(f"/proc/{pid}/task/{thread}/stat").rpartition(b") ")[2][:1]
        if state and state[0] not in _AT_REST:
            return False
    return True


def parent(pid: int) -> int:
    """Return the parent's process id; 0 when the process is gone."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return int(fields[1]) if fields else 0


def _children(pid: int) -> list[int]:
    """Return the children of every thread: the kernel lists each under the thread that started it."""
    return [child for thread in _threads(pid) for child in _children_of(pid, thread)]


def _children_of(pid: int, thread: int) -> list[int]:
    return list(map(int, _read(f"/proc/{pid}/task/{thread}/children").split()))


def _threads(pid: int) -> list[int]:
    if _has_one_thread(pid):
        return [pid]  # a third of the price of listing the folder
    with contextlib.suppress(OSError):
        return list(map(int, os.listdir(f"/proc/{pid}/task")))
    return []


def _has_one_thread(pid: int) -> bool:
    try:
        links = os.stat(f"/proc/{pid}/task").st_nlink
    except OSError:
        return False
    return links == 3  # a folder for each thread, and two names of its own


def _read(path: str) -> bytes:
    """Return the whole file; ``b""`` when its process is gone."""
    data = b""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while more := os.read(fd, _READ_BYTES):
                data += more
        finally:
            os.close(fd)
    except OSError:
        pass
    return data
