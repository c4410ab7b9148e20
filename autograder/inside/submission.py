"""One submission's first process: shuts itself in, starts the kernel, runs the notebook, says what it showed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

import nbformat

from autograder.inside import confine
from autograder.inside.cells import execute_cells, notebook_client
from autograder.inside.kernel import ForkedKernel, connected
from autograder.inside.messages import send

ENDPOINT_PORT = 9000
_START_S = 60.0  # for a kernel on a slow, busy machine


def run(control: socket.socket, settings: dict[str, Any]) -> NoReturn:
    """Run the submission that ``settings`` describe and end this process.

    On ``control``: first a packet ``{"pid": …}``, with the listener for the sandbox if there is one; ``{"ready": true}``
    once the kernel is there; then a job comes, a line of JSON; then the outcome goes out, as far as the end.
    ``{"fault": …}`` takes the place of any of these when the machine fails.
    """
    try:
        confine.enter(settings)
        _take_settings(settings)
        _hand_over(control, settings)
        confine.drop_user(settings)
        kernel = _start_kernel(settings)
        confine.hide_from_peers(True)
        confine.restrict(settings)
        gc.disable()  # it ends before there is anything to collect; looking for it would copy shared pages
        outcome = asyncio.run(_run_notebook(control, settings, kernel))
        with contextlib.suppress(OSError):
            control.sendall(json.dumps(outcome).encode() + b"\n")
    except BaseException as error:
        with contextlib.suppress(OSError, UnicodeError):
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(last.filename)}:{last.lineno}"
            send(control, {"fault": f"{type(error).__name__}: {error} ({where})"[:300]})
    finally:
        os._exit(0)  # no orderly end: whatever the notebook left running is killed from outside


def _take_settings(settings: dict[str, Any]) -> None:
    # The first process of a pid namespace gets no signal from inside but those that it handles: handle none.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    home = settings["home"]
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.chdir(home)
    time.tzset()
    sys.path[:] = [path for path in sys.path if path]


def _hand_over(control: socket.socket, settings: dict[str, Any]) -> None:
    """Listen inside this network namespace and give the socket to the sandbox outside, which serves on it."""
    if not settings["own_network"]:
        send(control, {"pid": os.getpid()})
        return
    with socket.create_server(("127.0.0.1", ENDPOINT_PORT), backlog=512) as listener:
        send(control, {"pid": os.getpid()}, (listener.fileno(),))


def _start_kernel(settings: dict[str, Any]) -> ForkedKernel:
    def restrict() -> None:
        confine.hide_from_peers(False)  # changing user closed it, and with it /proc/self
        confine.restrict(settings)

    return ForkedKernel.start(_runtime_folder(settings), restrict)


def _runtime_folder(settings: dict[str, Any]) -> str:
    return os.path.join(settings["home"], ".r")


async def _run_notebook(
    control: socket.socket, settings: dict[str, Any], kernel: ForkedKernel
) -> dict[str, Any]:
    if not kernel.wait_bound(_START_S):
        raise RuntimeError("the kernel did not start")
    connection = await connected(_runtime_folder(settings), _START_S)
    send(control, {"ready": True})
    job = _receive_job(control)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, kernel.reap)
    loop.add_reader(control, _let_go, kernel)
    client = notebook_client(kernel, connection, settings["output_bytes"])
    cells: list[dict[str, Any]] = []
    try:
        ended = await execute_cells(client, job["cells"], time.monotonic() + job["wall_s"], cells)
    except Exception:  # what the kernel sends is the notebook's doing, and so is what it breaks here
        ended = "died"
    return {"cells": cells, "ended": ended}


def _let_go(kernel: ForkedKernel) -> None:
    """The grader says nothing after the job: the socket has ended, and nobody waits for this notebook any more."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(kernel.pid, signal.SIGKILL)
    os._exit(0)


def _receive_job(control: socket.socket) -> dict[str, Any]:
    with control.makefile("rb") as stream:
        job: dict[str, Any] = json.loads(stream.readline())
        return job


def rehearse() -> None:
    """Have the libraries make now what they make on first use, so that every fork finds it made."""
    client = notebook_client(None, None, 0)
    client.nb.cells = [nbformat.v4.new_code_cell("1")]  # type: ignore[no-untyped-call]
    nbformat.validate(client.nb)
