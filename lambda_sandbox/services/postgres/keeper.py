"""Keeps one PostgreSQL and its folder, and ends both with whoever started it: ``python -I -S keeper.py GUARD``.

GUARD, in JSON, is what happens when standard input ends: ``signal`` stops the server, and the folders in ``remove`` go. The
other end of that pipe is the neighbours' process, so nothing outlives its sandbox, however that ends. Until then each line
is an order in JSON, and each answer a line on standard output:

    {"op": "run", ...}    -> {"status": N}       run a program and wait for its end
    {"op": "start", ...}  -> {}                  start the server
    {"op": "stop", "signal": N} -> {}            stop it; its files stay
    {"op": "alive"}       -> {"alive": true}

A program is ``command`` and ``environment``, in ``cwd``, writing to the file ``log``, as ``uid`` and ``gid`` if they are numbers.

Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from typing import Any

_PATIENCE_S = 10.0
_LOOK_S = 0.005
_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None)  # now: the user that PostgreSQL runs as may not read Python's own files


class Keeper:
    """``server`` is the process id of PostgreSQL's first process, 0 while there is none."""

    def __init__(self) -> None:
        self.server = 0
        self._early = b""

    def serve(self) -> None:
        """Obey until standard input ends."""
        while data := os.read(0, 65_536):
            *lines, self._early = (self._early + data).split(b"\n")
            for line in lines:
                answer = self._obey(json.loads(line))
                if answer is None:
                    return
                os.write(1, json.dumps(answer).encode() + b"\n")

    def _obey(self, order: dict[str, Any]) -> dict[str, Any] | None:
        if order["op"] == "run":
            status = _wait(start(order))
            return None if status is None else {"status": status}
        if order["op"] == "start":
            self.server = start(order)
        elif order["op"] == "stop":
            self.end(order["signal"])
        elif order["op"] == "alive":
            if self.server and _ended(self.server):
                self.server = 0
            return {"alive": bool(self.server)}
        return {}

    def end(self, number: int) -> None:
        """Stop the server, if it runs."""
        if self.server:
            stop(self.server, number)
        self.server = 0


def start(order: dict[str, Any]) -> int:
    """Start a program and return its process id."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(order["cwd"])
        if order["uid"] is not None:
            os.setgroups([])
            os.setgid(order["gid"])
            os.setuid(order["uid"])
        os.umask(0o077)
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
