"""Moto's process by fork: it waits, with everything loaded, until its sandbox needs the neighbours.

Started anew, moto's process takes half a second of processor time before it answers; a grader of a hundred notebooks would pay
that a hundred times. So ``load`` is called once in the process that sandboxes are forks of, and each of those forks its own
``WaitingMoto`` before it has threads. An order tells it where to serve; it ends if none comes.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NoReturn

# What every neighbour needs, and the services that labs and their checks speak to. CloudFormation is not among them: it loads
# every service there is, which takes two seconds.
_MODULES = (
    "lambda_sandbox.services.moto_process",
    "moto.moto_server.werkzeug_app",
    *(
        f"moto.{service}.urls"
        for service in ("dynamodb", "events", "iam", "kinesis", "logs", "s3", "sns", "sqs", "stepfunctions")
    ),
)
# What moto reads when it is imported.
IMPORT_SETTINGS = {"MOTO_DISABLE_GLOBAL_CORS": "true"}
_CHUNK = 1 << 16
_HIGHEST_HANDLE = 4096
_LOOK_EVERY_S = 0.005


def load() -> None:
    """Load what moto's process will need. Starts no thread; takes some tenths of a second, once."""
    os.environ.update(IMPORT_SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _MODULES:
            importlib.import_module(name)


class WaitingMoto:
    """A child of this process that can become moto's, once. Make it while this process has one thread, after ``load``."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._orders.close()
            _wait(theirs)
        theirs.close()

    def become(
        self, listener: socket.socket, log: IO[bytes], folder: Path, environment: Mapping[str, str]
    ) -> ForkedProcess:
        """Have it serve moto on ``listener``, in ``folder``. Raises ``OSError`` if it has ended."""
        their_input, our_input = os.pipe()
        our_output, their_output = os.pipe()
        process = ForkedProcess(self.pid, os.fdopen(our_input, "wb"), os.fdopen(our_output, "rb"))
        order = json.dumps({"folder": str(folder), "environment": dict(environment)}).encode() + b"\n"
        try:
            with self._orders:
                handles = [their_input, their_output, log.fileno(), listener.fileno()]
                sent = socket.send_fds(self._orders, [order], handles)
                if sent < len(order):
                    self._orders.sendall(order[sent:])
        except OSError:
            process.stdin.close()
            process.stdout.close()
            self._kill()
            raise
        finally:
            os.close(their_input)
            os.close(their_output)
        return process

    def end(self) -> None:
        """End one that was never needed, and wait for it. Does nothing after ``become``."""
        if self._orders.fileno() >= 0:
            self._orders.close()
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class ForkedProcess:
    """A child of ours with what ``subprocess.Popen`` offers of one."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._code: int | None = None

    def wait(self, timeout: float = math.inf) -> int:
        """Return the exit code, negative for a signal. Raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (code := self._poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("moto", timeout)
            time.sleep(_LOOK_EVERY_S)
        return code

    def kill(self) -> None:
        """Kill it, unless it is known to have ended: its number may be another's by then."""
        if self._poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _poll(self) -> int | None:
        if self._code is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _wait(orders: socket.socket) -> NoReturn:
    """In the child: hold nothing of the sandbox's, and become moto's process when told to."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # an interrupt is for the server, which then stops us in order
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        orders_at = os.dup2(orders.fileno(), 3)
        os.closerange(orders_at + 1, _HIGHEST_HANDLE)
        with socket.socket(fileno=orders_at) as place:
            order, handles, _, _ = socket.recv_fds(place, _CHUNK, 4)
            while more := not order.endswith(b"\n") and place.recv(_CHUNK):
                order += more
        if order.endswith(b"\n"):
            _become(json.loads(order), handles)
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _become(order: dict[str, object], handles: list[int]) -> None:
    for standard, handle in enumerate(handles):
        os.dup2(handle, standard)
    os.closerange(len(handles), _HIGHEST_HANDLE)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    tempfile.tempdir = None
    warnings.simplefilter("ignore")
    from moto.moto_api._internal import mock_random

    mock_random.seed()  # the ids of what is made here shall be nobody else's
    sys.modules["lambda_sandbox.services.moto_process"].main(len(handles) - 1)
