"""Sandboxes by fork: one process imports everything, and each server that is asked for is a fork of it. Not on Windows.

For programs that need many sandboxes, one after the other or side by side, such as a grader. A request is one packet on a
socket: ``{"folder": …, "environment": {…}}`` with four descriptors: a listening socket to serve on as well, and the server's
standard input, output and error. The server writes ``pid N`` and then what ``serve`` writes; it stops when its standard
input ends. The end of the requests ends the fork server, not the sandboxes.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import threading
from typing import Any, NoReturn

from lambda_sandbox import app
from lambda_sandbox.config import Config
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.gateway.model import LambdaModel

_MAX_PACKET = 1 << 16
_HIGHEST_HANDLE = 4096
_LATE = (
    "uvloop",
    "httptools",
    "sqlite3",
    "lambda_sandbox.environments.zygote_starter",
    "lambda_sandbox.drivers.own_routes",
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
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every page that it shares
    while True:
        data, ancillary, _, _ = requests.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(4 * 4))
        if not data:
            return
        handles = array.array("i")
        for _level, _kind, content in ancillary:
            handles.frombytes(content[: len(content) - len(content) % handles.itemsize])
        if os.fork() == 0:
            requests.close()
            _serve(json.loads(data), list(handles))
        for handle in handles:
            os.close(handle)


def _serve(request: dict[str, Any], handles: list[int]) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for standard, handle in enumerate(handles[1:]):
            os.dup2(handle, standard)
        listener = os.dup2(handles[0], 3)
        os.closerange(4, _HIGHEST_HANDLE)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        print(f"pid {os.getpid()}", flush=True)
        app.serve(Config.load(port=0, listen_fd=listener, stop_with_stdin=True))
        code = 0
    except SandboxFault as fault:
        os.write(2, f"lambda_sandbox: {fault}\n".encode())
    finally:
        os._exit(code)
