"""One submission's sandbox server, and the process that forks such servers from a preloaded one."""

from __future__ import annotations

import array
import contextlib
import json
import os
import queue
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import lambda_sandbox
from autograder.errors import ForkServerLost, GraderFault, SandboxLost, SandboxTooLarge
from autograder.fork_server import PACKETS
from autograder.limits import Limits
from autograder.processes import RunningTree, SandboxWatchdog

_START_S = 60.0
_STOP_S = 3.0


class SandboxForkServer:
    """A ``lambda_sandbox fork-server`` process. Start it before anything else takes time; it loads meanwhile."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="labs-sandboxes-")
        self._log = Path(self._folder.name) / "server.log"
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        words = ["fork-server", "--requests-fd", str(theirs.fileno())]
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lambda_sandbox", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                env=_environment(Path(self._folder.name)),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def start(
        self,
        folder: Path,
        listener: socket.socket,
        clock: str = "real",
        *,
        enforce_iam: bool = False,
        limits: Limits | None = None,
    ) -> SandboxServer:
        """Start a server that also answers on ``listener``; returns at once, before it is ready.

        ``clock`` is by which it waits: ``real`` or ``scaled:FACTOR``. ``enforce_iam`` lets policies decide who may do what.
        What grows past ``limits`` is ended.

        Raises ForkServerLost if this process has ended.
        """
        folder.mkdir(mode=0o700)
        output, theirs = socket.socketpair()
        stays, held = os.pipe()
        log = folder / "server.log"
        token = secrets.token_urlsafe(24)
        settings = {
            "LAMBDA_SANDBOX_CLOCK": clock,
            "LAMBDA_SANDBOX_ENFORCE_IAM": "1" if enforce_iam else "0",
            "LAMBDA_SANDBOX_KEEPER_TOKEN": token,
        }
        request = {"folder": str(folder), "environment": {**_environment(folder), **settings}}
        with theirs, log.open("wb") as errors:
            handles = array.array("i", [listener.fileno(), stays, theirs.fileno(), errors.fileno()])
            try:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)]
                self._requests.sendmsg([json.dumps(request).encode()], rights)
            except OSError:
                output.close()
                os.close(held)
                raise ForkServerLost(
                    f"The process that starts sandboxes ended: {self._last_words()}"
                ) from None
            finally:
                os.close(stays)
        return SandboxServer(output, held, log, token, limits or Limits())

    def close(self) -> None:
        """End it. Sandboxes that it started go on until their own ``stop``."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _last_words(self) -> str:
        return last_line(self._log) or "it said nothing"


class SandboxServer:
    """The server of one submission. ``url`` is where the grader itself reaches it; ``functions_apart`` whether the functions
    that it runs have namespaces of their own. Both are known once it is ready.
    """

    def __init__(self, output: socket.socket, held: int, log: Path, token: str, limits: Limits) -> None:
        self.url = ""
        self.functions_apart = False
        self._token = token
        self._output = output
        self._held = held  # its standard input: it stops when we are gone, however that comes
        self._log = log
        self._limits = limits
        self._tree: RunningTree | None = None
        self._watchdog: SandboxWatchdog | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="sandbox-output", daemon=True).start()

    def wait_ready(self) -> None:
        """Block until the server answers; raises GraderFault if it does not within a minute."""
        deadline = time.monotonic() + _START_S
        [pid] = self._line(r"pid (\d+)", deadline)
        self._tree = RunningTree(int(pid), alone=False)
        self._watchdog = SandboxWatchdog(int(pid), self._limits, self._log.parent)
        self._watchdog.__enter__()
        self.url, level = self._line(r"ready (http://\S+) isolation (\S+)", deadline)
        self.functions_apart = level != "process"

    def _line(self, pattern: str, deadline: float) -> tuple[str, ...]:
        try:
            line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            raise GraderFault("The sandbox was not ready in a minute: the machine is too busy.") from None
        found = re.match(pattern, line)
        if found is None:
            said = last_line(self._log) or line or "it said nothing"
            raise GraderFault(
                f"The sandbox did not start: {said}. Give the command again; `lambda-sandbox doctor` shows what this machine lacks."
            )
        return found.groups()

    def hand_over(self, within_s: float) -> None:
        """Switch off what the notebook switched on in the sandbox itself, and close its ways to; the checks come next.

        Raises SandboxLost when the server does not answer in that time, and SandboxTooLarge when it was ended.
        """
        headers = {"X-Sandbox-Token": self._token}
        request = urllib.request.Request(f"{self.url}/_sandbox/hand-over", b"", headers)  # noqa: S310 (loopback)
        try:
            urllib.request.urlopen(request, timeout=within_s).close()  # noqa: S310
        except OSError as error:
            self._refuse_growth()
            raise SandboxLost(f"The sandbox did not answer after the notebook ({error}).") from None

    def alive(self) -> bool:
        return self._tree is not None and not self._tree.ended()

    def require_alive(self) -> None:
        """Raise SandboxTooLarge if the server was ended because of its size, and SandboxLost if it ended otherwise."""
        if not self.alive():
            self._refuse_growth()
            raise SandboxLost("The sandbox ended while the checks ran.")

    def _refuse_growth(self) -> None:
        if self._watchdog is not None and self._watchdog.reason:
            raise SandboxTooLarge(self._watchdog.reason)

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._watchdog is not None:
            self._watchdog.__exit__()
        os.close(self._held)
        if self._tree is not None:
            self._tree.ended(_STOP_S)
            self._tree.end()
        for folder in self._watchdog.databases if self._watchdog is not None else ():
            shutil.rmtree(folder, ignore_errors=True)
        self._output.close()

    def _read(self) -> None:
        with self._output.dup() as stream, stream.makefile("rb") as lines:
            for _ in range(2):
                self._lines.put(lines.readline(4096).decode(errors="replace"))
            with contextlib.suppress(OSError):
                while lines.read(1 << 16):  # keep it empty, so that the server never waits for us
                    pass


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(lambda_sandbox.__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_SANDBOX_NEIGHBOURS_ON_DEMAND": "1",
    }


def last_line(log: Path) -> str:
    """Return the last line of a log file, shortened; empty if there is none."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
