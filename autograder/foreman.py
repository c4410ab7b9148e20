"""One process a lab that has everything ready for its submissions, and forks a worker for each.

It holds the collected checks and the fork server for notebooks, which it replaces when that ends. What the grading process
tells it comes in packets of JSON: an order with one descriptor, where the worker's result goes as JSON too, or the number of a
worker that is over, what is left of which is killed. The end of the socket ends the foreman and all below it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from autograder import sandbox
from autograder.discover import Lab
from autograder.errors import ForkServerLost, GraderFault
from autograder.fork_server import PACKETS, ForkServer, is_heard
from autograder.grade import Job, blank_result, grade
from autograder.isolation import Isolation, scratch_root
from autograder.processes import become_subreaper, children, kill_tree, name_process, reap
from autograder.sandbox_server import SandboxForkServer
from autograder.score import Checks, collected

LOST = "lost"  # the word of a worker whose fork server ended: the submission was not run
_MAX_PACKET = 1 << 16
_STOP_S = 10.0
_HIGHEST_HANDLE = 4096


@dataclass(frozen=True, slots=True)
class Order:
    """Grade ``job`` with everything temporary in ``scratch``, which its giver made and removes."""

    number: int
    job: Job
    scratch: str


@dataclass(frozen=True, slots=True)
class Message:
    """``order`` is to be carried out, or the worker with the number ``end`` is over, one way or the other."""

    order: Order | None = None
    end: int | None = None

    def to_json(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=str)  # paths, which JSON has no word for

    @classmethod
    def from_json(cls, data: bytes) -> Message:
        return msgspec.json.decode(data, type=cls, dec_hook=_path)


def _path(kind: type, value: Any) -> Path:
    assert issubclass(kind, Path)
    return Path(value)


class Foreman:
    """The grading process's handle. ``busy`` are the workers that were ordered and not ended."""

    def __init__(self, lab: Lab, isolation: Isolation, *, needs_sandbox: bool) -> None:
        self.busy: set[int] = set()
        # Made and removed by this side, so that it goes even when the foreman is killed.
        self._scratch = tempfile.TemporaryDirectory(prefix="labs-", dir=scratch_root(isolation))
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _be_foreman(theirs, self._scratch.name, lab, isolation, needs_sandbox)
        theirs.close()

    def order(self, order: Order) -> int:
        """Have a worker start and return the descriptor where its result comes. Raises ``OSError`` if the foreman is gone."""
        reading, writing = os.pipe()
        try:
            self._send(Message(order), writing)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.busy.add(order.number)
        return reading

    def end(self, number: int) -> None:
        """Kill what is left of a worker; a foreman that is gone has none."""
        self.busy.discard(number)
        with contextlib.suppress(OSError):
            self._send(Message(end=number))

    def alive(self) -> bool:
        """Whether it still takes orders; may be asked in any process that inherited this handle, not its parent alone."""
        return is_heard(self._requests)

    def close(self) -> None:
        """End it and everything below it."""
        self._requests.close()
        if not _ended_within(self._pid, _STOP_S):
            kill_tree(self._pid)
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._scratch.cleanup()

    def _send(self, message: Message, *handles: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handles))] if handles else []
        self._requests.sendmsg([message.to_json()], rights)


def _ended_within(pid: int, seconds: float) -> bool:
    try:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(pid)
            try:
                select.select([handle], [], [], seconds)
            finally:
                os.close(handle)
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except (ChildProcessError, ProcessLookupError):
        return True


def _be_foreman(
    requests: socket.socket, scratch: str, lab: Lab, isolation: Isolation, needs_sandbox: bool
) -> NoReturn:
    try:
        name_process("labs-foreman")
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grading process decides
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        tempfile.tempdir = scratch
        become_subreaper()
        _keep_only(requests)
        servers = _Servers(isolation, lab, needs_sandbox=needs_sandbox)
        if needs_sandbox:
            sandbox.warm_up()
        collected(lab.checks, lambda checks: _Workshop(requests, checks, servers).run())
    finally:
        with contextlib.suppress(BaseException):
            kill_tree(os.getpid())
        os._exit(0)


def _keep_only(requests: socket.socket) -> None:
    """Close every descriptor of the grading process but one: none of its sockets may live on in here."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, requests.fileno())
    os.closerange(requests.fileno() + 1, _HIGHEST_HANDLE)
    # Whoever grades may have put streams of their own here, whose descriptors are closed now.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115
    logging.disable()  # a handler that was made before may write to a descriptor that is something else by now


class _Servers:
    """The fork servers in use, of notebooks and of sandboxes, and others when they have ended."""

    def __init__(self, isolation: Isolation, lab: Lab, *, needs_sandbox: bool) -> None:
        self._isolation = isolation
        self._files = lab.events.resolve()
        self._aws = needs_sandbox
        self._notebooks = ForkServer(isolation, self._files, aws=self._aws)
        self._sandboxes = SandboxForkServer() if needs_sandbox else None
        self._is_ready = False

    def notebooks(self) -> ForkServer:
        """Return one that lives. Raises GraderFault where none can be started."""
        if self._is_ready and not self._notebooks.alive():
            self._notebooks.close()
            self._notebooks = ForkServer(self._isolation, self._files, aws=self._aws)
            self._is_ready = False
        if not self._is_ready:
            self._notebooks.wait_ready()
            self._is_ready = True
        return self._notebooks

    def sandboxes(self) -> SandboxForkServer | None:
        """Return one that lives; ``None`` for a lab without AWS."""
        if self._sandboxes is not None and not self._sandboxes.alive():
            self._sandboxes.close()
            self._sandboxes = SandboxForkServer()
        return self._sandboxes

    @property
    def pids(self) -> set[int]:
        return {server.pid for server in (self._notebooks, self._sandboxes) if server is not None}


class _Workshop:
    """What the foreman does all day: fork workers, and clear up after them."""

    def __init__(self, requests: socket.socket, checks: Checks, servers: _Servers) -> None:
        self._requests = requests
        self._checks = checks
        self._servers = servers
        self._workers: dict[int, int] = {}

    def run(self) -> None:
        gc.collect()
        gc.freeze()  # a collection in a worker would write to, and so copy, every page that it shares
        while True:
            data, ancillary, _, _ = self._requests.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(4))
            if not data:
                return
            handles = array.array("i")
            for _level, _kind, content in ancillary:
                handles.frombytes(content[: len(content) - len(content) % handles.itemsize])
            message = Message.from_json(data)
            if message.end is not None:
                self._clear_up(message.end)
            if message.order is not None:
                self._fork(message.order, handles[0])

    def _fork(self, order: Order, writing: int) -> None:
        fault = ""
        try:
            self._servers.notebooks()
        except GraderFault as why:
            fault = str(why)
        sandboxes = self._servers.sandboxes()
        pid = os.fork()
        if pid == 0:
            self._requests.close()

            def document() -> dict[str, object]:
                if fault:
                    return replace(blank_result(order.job), fault=fault).to_json()
                return grade(order.job, self._checks, self._servers.notebooks(), sandboxes).to_json()

            _work(order, writing, document)
        os.close(writing)
        self._workers[order.number] = pid

    def _clear_up(self, number: int) -> None:
        """End a worker, and what it may have left to us if it was killed."""
        pid = self._workers.pop(number, 0)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)  # it must not start anything while its tree is taken down
                kill_tree(pid)
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        known = {*self._servers.pids, *self._workers.values()}
        for orphan in [child for child in children(os.getpid()) if child not in known]:
            kill_tree(orphan)
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
            reap([orphan])


def _work(order: Order, writing: int, grading: Callable[[], dict[str, object]]) -> NoReturn:
    """The worker: grade, write the result, end without running anything of the foreman's."""
    code = 1
    try:
        name_process("labs-worker")
        os.setpgid(0, 0)
        tempfile.tempdir = order.scratch
        become_subreaper()
        try:
            document = grading()
        except ForkServerLost as lost:
            document = {LOST: str(lost)}
        with os.fdopen(writing, "wb") as stream:
            stream.write(json.dumps(document, allow_nan=False).encode())
        code = 0
    finally:
        with contextlib.suppress(BaseException):
            kill_tree(os.getpid())
        os._exit(code)
