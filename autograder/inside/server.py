"""The fork server: everything a notebook needs is imported once, and every submission is a fork of it.

It never runs a line of a submission, holds no secret, no thread and no event loop, and ends with the grader. A request is
a packet ``{"settings": …}`` with one descriptor, the submission's control socket; ``{"sweep": true}`` ends what is left of
submissions whose first process is gone, and answers on its descriptor. ``python -m autograder.inside.server FD
namespaces|bare aws|plain``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import threading
from typing import Any

from lambda_sandbox import json_schema  # noqa: F401 (before nbformat imports it)

from autograder.inside import kernel, submission  # isort: skip
from autograder.inside.messages import receive, send  # isort: skip

if sys.platform == "linux":
    from lambda_sandbox.environments import namespaces

_PRELOADED = (
    "IPython.core.completer", "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.magics",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "IPython.utils.wildcard", "autograder.checks", "bdb", "cmd",
    "ctypes", "dateutil.tz", "faulthandler", "ipykernel.ipkernel", "ipykernel.zmqshell", "logging.config", "pdb",
    "tornado.platform.asyncio", "urllib.request", "zipfile", "zmq.asyncio",
)  # fmt: skip
# What a notebook imports that has a sandbox; ten megabytes, whose tables every fork copies.
_OF_AWS = (
    "boto3", "botocore.httpsession", "botocore.signers", "lambda_sandbox.notebook", "lambda_sandbox.packaging",
)  # fmt: skip


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    namespaced = sys.argv[2] == "namespaces"
    if sys.platform == "linux":
        namespaces.die_with_parent(signal.SIGKILL)
        namespaces.adopt_orphans()
        namespaces.go_first()
    preload(aws=sys.argv[3] == "aws")
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if namespaced else -1
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every page that it shares
    send(requests, {"ready": True})
    serve(requests, home)


def preload(*, aws: bool) -> None:
    """Import what notebooks and nbclient import, as far as it is installed. Raises RuntimeError if that made a thread."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # a person's own kernel has a debugger, and its threads
    importlib.import_module("ipykernel.debugger")
    del sys.modules["debugpy"]
    for name in _PRELOADED + _OF_AWS * aws:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    kernel.make_ready()
    submission.rehearse()
    if threading.active_count() > 1:
        raise RuntimeError("a module started a thread: its children cannot be trusted")


def serve(requests: socket.socket, home: int) -> None:
    """Fork submissions until the grader closes its end. ``home`` is this pid namespace, or -1 where children share it."""
    running: set[int] = set()
    while True:
        request, handles = receive(requests)
        if not request:
            return
        _reap(running)
        with socket.socket(fileno=handles[0]) as control:
            if "sweep" in request:
                _sweep(running)
                send(control, {"swept": True})
            else:
                _start(control, request["settings"], home, running, requests)


def _start(
    control: socket.socket, settings: dict[str, Any], home: int, running: set[int], requests: socket.socket
) -> None:
    try:
        pid = _fork(home)
    except OSError as error:
        send(control, {"fault": f"no process could be started: {error}"})
        return
    if pid == 0:
        requests.close()
        if home >= 0:
            os.close(home)
        submission.run(control, settings)
    running.add(pid)


def _fork(home: int) -> int:
    if home < 0:
        return os.fork()
    namespaces.unshare(namespaces.NEWPID)  # the next child is the first process of a new one
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            namespaces.join(home, namespaces.NEWPID)
    return pid


def _reap(running: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            running.discard(pid)


def _sweep(running: set[int]) -> None:
    """Kill every child that is no submission's first process: an orphan of one whose first process was killed."""
    for _ in range(1000):
        _reap(running)
        orphans = [pid for pid in _children() if pid not in running]
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    main()
