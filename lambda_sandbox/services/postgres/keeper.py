"""Keeps one PostgreSQL and its folder, and ends both with whoever started it: ``python -I -S keeper.py GUARD``.

GUARD, in JSON, is what happens when standard input ends: ``signal`` stops the server, and the folders in ``remove`` go. The
other end of that pipe is the neighbours' process, so nothing outlives its sandbox, however that ends. Until then each line
is an order in JSON, and each answer a line on standard output:

    {"op": "run", ...}    -> {"status": N}       run a program and wait for its end
    {"op": "start", ...}  -> {}                  start the server
    {"op": "keep", "file": PATH} -> {}           from now on start it again should it end by itself
    {"op": "stop", "signal": N} -> {}            stop it; its files stay
    {"op": "state"}       -> {"state": STATE}    ``stopped``, ``running``, ``failed``, or ``starting`` again

A program is ``command`` and ``environment``, in ``cwd``, writing to the file ``log``, as ``uid`` and ``gid`` if they are numbers.
With ``memory_bytes`` each of its processes has that much memory of its own and no more.
PATH is PostgreSQL's own ``postmaster.pid``, which says when it takes connections.

Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from typing import Any

_PATIENCE_S = 10.0
_LOOK_S = 0.005
_ORPHANS_S = 2.0
# What a program is told to end by. Two of them are ignored from the start where a shell began us in the background.
_STOPPING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
# POLICY: a PostgreSQL server of RDS that ends by itself is started again after half a second.
_PAUSE_S = 0.5
# POLICY: an RDS instance whose server ended five times in a row before it took connections is ``failed``.
_MOST_STARTS = 5
_READY_LINE = 7  # Source: PostgreSQL 15, src/include/utils/pidfile.h, LOCK_FILE_LINE_PM_STATUS counts from 1
_libc = ctypes.CDLL(None)  # now: the user that PostgreSQL runs as may not read Python's own files


class Keeper:
    """``server`` is the process id of PostgreSQL's first process, 0 while there is none."""

    def __init__(self) -> None:
        self.server = 0
        self._early = b""
        self._order: dict[str, Any] = {}  # by which the server was started
        self._ready_file = ""  # empty: it is not started again
        self._starts = 0  # in a row that came to nothing
        self._start_at: float | None = None
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(
            signal.SIGCHLD, lambda *_: None
        )  # a handler of any kind, or nothing is written to the pipe

    def serve(self) -> None:
        """Obey until standard input ends."""
        while True:
            wait_s = None if self._start_at is None else max(self._start_at - time.monotonic(), 0.0)
            readable = select.select([0, self._woken], [], [], wait_s)[0]
            if self._woken in readable:
                os.read(self._woken, 4096)
            if 0 in readable:
                data = os.read(0, 65_536)
                if not data or not self._obey_all(data):
                    return
            self._look_after()

    def _obey_all(self, data: bytes) -> bool:
        """Return whether to go on."""
        *lines, self._early = (self._early + data).split(b"\n")
        for line in lines:
            answer = self._obey(json.loads(line))
            if answer is None:
                return False
            os.write(1, json.dumps(answer).encode() + b"\n")
        return True

    def _obey(self, order: dict[str, Any]) -> dict[str, Any] | None:
        if order["op"] == "run":
            status = _wait(start(order))
            return None if status is None else {"status": status}
        if order["op"] == "start":
            self._order = order
            self.server = start(order)
        elif order["op"] == "keep":
            self._ready_file = order["file"]
        elif order["op"] == "stop":
            self.end(order["signal"])
        elif order["op"] == "state":
            self._look_after()
            return {"state": self._state()}
        return {}

    def end(self, number: int) -> None:
        """Stop the server, if it runs, and start it no more."""
        self._ready_file, self._starts, self._start_at = "", 0, None
        if self.server:
            stop(self.server, number)
        self.server = 0
        end_orphans()

    def _state(self) -> str:
        if self.server:
            return "running" if not self._ready_file or self._is_ready() else "starting"
        if self._start_at is not None:
            return "starting"
        return "failed" if self._ready_file else "stopped"

    def _look_after(self) -> None:
        """Notice that the server has ended, and start it again when it is time."""
        if self.server and _ended(self.server):
            if self._ready_file and self._is_ready():
                self._starts = 0
            self.server = 0
            # They hold the shared memory, without which a new server does not start, until their statement is over.
            end_orphans()
            self._plan_a_start()
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._starts += 1
            try:
                self.server = start(self._order)
                self._start_at = None
            except OSError:  # the machine has no room for a process now
                self._plan_a_start()

    def _plan_a_start(self) -> None:
        wanted = self._ready_file and self._starts < _MOST_STARTS
        self._start_at = time.monotonic() + _PAUSE_S if wanted else None

    def _is_ready(self) -> bool:
        """Whether the server that runs, or has just ended, came to take connections."""
        try:
            with open(self._ready_file, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            return int(lines[0]) == self.server and lines[_READY_LINE].strip() == "ready"
        except (OSError, ValueError, IndexError):
            return False


def end_orphans() -> None:
    """Kill what a server left behind, and return when it has ended. Linux only; call it while no server runs."""
    own = os.getpid()
    end = time.monotonic() + _ORPHANS_S
    with contextlib.suppress(OSError):  # ChildProcessError, the usual one: there are none, or no more
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
            with open(f"/proc/{own}/task/{own}/children") as file:
                left = file.read().split()
            for each in left:
                os.kill(int(each), signal.SIGKILL)
            time.sleep(_LOOK_S)


def start(order: dict[str, Any]) -> int:
    """Start a program and return its process id."""
    parent = os.getpid()
    # Held until the child no longer ignores them as we do: a stop that follows at once would be lost.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    try:
        os.setsid()
        for number in _STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(order["cwd"])
        if order["uid"] is not None:
            os.setgroups([])
            os.setgid(order["gid"])
            os.setuid(order["uid"])
        os.umask(0o077)
        if order.get("memory_bytes"):
            resource.setrlimit(resource.RLIMIT_DATA, (order["memory_bytes"], order["memory_bytes"]))
        _end_with(parent)
        os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    os._exit(127)


def stop(pid: int, number: int) -> None:
    """Ask, then insist, then kill."""
    for each in (number, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, each)
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if _ended(pid):
                return
            time.sleep(_LOOK_S)


def _end_with(parent: int) -> None:
    """Have the kernel stop the program should this process be killed. Linux only; after the change of user, which forgets it."""
    if sys.platform != "linux":
        return
    _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _wait(pid: int) -> int | None:
    """Return how a program ended, ``None`` when standard input did before: then it has been stopped."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if select.select([0], [], [], _LOOK_S)[0]:  # nobody gives an order before the answer to the last
            stop(pid, signal.SIGTERM)
            return None


def _ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C is for the server that started us
        signal.signal(number, signal.SIG_IGN)
    guard = json.loads(sys.argv[1])
    if sys.platform == "linux":  # children of a server that was killed become ours, not the machine's
        _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper = Keeper()
    try:
        with contextlib.suppress(BrokenPipeError):
            keeper.serve()
    finally:
        keeper.end(guard["signal"])
        for folder in guard["remove"]:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
