"""Sandboxes by fork: one process imports everything, and each server that is asked for is a fork of it. Not on Windows.

For programs that need many sandboxes, one after the other or side by side, such as a grader. A request is one packet on a
socket: ``{"folder": …, "environment": {…}}`` with four descriptors: a listening socket to serve on as well, and the server's
standard input, output and error. The server writes ``pid N`` and then what ``serve`` writes; it stops when its standard
input ends. The end of the requests ends the fork server, and with it the sandboxes: all have forks of one zygote.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import itertools
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from typing import NoReturn

from lambda_sandbox import app
from lambda_sandbox.config import Config
from lambda_sandbox.environments import delegation
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.services import waiting_moto
from lambda_sandbox.services.waiting_moto import WaitingMoto
from lambda_sandbox.wiring.inherited import Inherited

if sys.platform == "linux":
    from lambda_sandbox.environments import namespaces

_MAX_PACKET = 1 << 16
_SEVERAL = 2  # from so many sandboxes on it pays to have the neighbours loaded for all that follow
_HIGHEST_HANDLE = 4096
_LATE = (
    "uvloop",
    "httptools",
    "sqlite3",
    "lambda_sandbox.environments.zygote_starter",
    "lambda_sandbox.drivers.own_routes",
    "lambda_sandbox.json_schema",
    "joserfc.jwk",
    "joserfc.jws",
)


def run(fd: int) -> None:
    """Answer requests on the socket ``fd`` until it ends. Raises SandboxFault if it cannot be done safely."""
    requests = socket.socket(fileno=fd)
    for name in _LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    LambdaModel.load()
    if threading.active_count() > 1:
        raise SandboxFault("a module started a thread, so this process cannot be forked: use serve")
    if sys.platform == "linux":
        namespaces.go_first()  # what is graded, and no program of whoever grades
    with contextlib.ExitStack() as stack:
        delegation.ask_for_own_group()
        nursery = Nursery(stack)
        gc.collect()
        gc.freeze()  # a collection in a child would write to, and so copy, every page that it shares
        _answer(requests, nursery)


class Nursery:
    """The zygote that all sandboxes get a fork of; another when it has ended, and none where there can be none."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._folder, _ = make_folder()
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._count = 0
        self._mother = self._begin()

    def mother(self) -> ZygoteProcess | None:
        """Return one that lives. After the first start this takes no time."""
        if self._mother is not None and not self._mother.alive():
            self._mother = self._begin()
        return self._mother

    def _begin(self) -> ZygoteProcess | None:
        self._count += 1
        place = self._folder / str(self._count)
        place.mkdir(mode=0o755)
        signal.signal(
            signal.SIGCHLD, signal.SIG_DFL
        )  # what a process ignores, those that it starts ignore too
        mother = None
        try:
            mother = ZygoteProcess(place, native=False)
            mother.wait_ready()
        except (SandboxFault, OSError):
            if mother is not None:
                mother.end()
            return None  # each sandbox then looks for itself what the machine allows
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        return mother


def _answer(requests: socket.socket, nursery: Nursery) -> None:
    for number in itertools.count(1):
        data, ancillary, _, _ = requests.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(4 * 4))
        if not data:
            return
        handles = array.array("i")
        for _level, _kind, content in ancillary:
            handles.frombytes(content[: len(content) - len(content) % handles.itemsize])
        if number == _SEVERAL:
            _load_neighbours()
        mother = nursery.mother()
        parent = os.getpid()
        if os.fork() == 0:
            requests.close()
            _serve(data, list(handles), mother, parent, neighbours=number >= _SEVERAL)
        for handle in handles:
            os.close(handle)


def _load_neighbours() -> None:
    waiting_moto.load()
    if threading.active_count() > 1:
        raise SandboxFault("a module of the neighbours started a thread, so this process cannot be forked")
    gc.collect()
    gc.freeze()


def _serve(
    packet: bytes, handles: list[int], mother: ZygoteProcess | None, parent: int, *, neighbours: bool
) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for standard, handle in enumerate(handles[1:]):
            os.dup2(handle, standard)
        listener = os.dup2(handles[0], 3)
        kept = mother.keep_at(4) if mother is not None else 3
        os.closerange(kept + 1, _HIGHEST_HANDLE)
        if sys.platform == "linux":
            namespaces.die_with_parent(signal.SIGTERM)  # so it ends in order, and is seen to have ended
            if os.getppid() != parent:
                os._exit(code)
        request = json.loads(packet)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        tempfile.tempdir = None  # this process's own, and no longer where the fork server has its files
        print(f"pid {os.getpid()}", flush=True)
        moto = WaitingMoto() if neighbours else None
        config = Config.load(port=0, listen_fd=listener, stop_with_stdin=True)
        app.serve(config, Inherited(mother, moto))
        code = 0
    except SandboxFault as fault:
        os.write(2, f"lambda_sandbox: {fault}\n".encode())
    except Exception:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)
