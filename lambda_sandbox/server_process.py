"""Starts a server of its own for a notebook or a test run, and ends it with them."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.server_client import ServerClient

_READY_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


class ServerProcess:
    """A running ``serve``; ``endpoint`` is its address, ``flags`` are further options of the command.

    ``settings`` are environment variables of its own, for what has no option.

    It ends with ``stop()``, at the interpreter's exit, and when this process dies in any other way: the server watches
    the pipe that is its standard input, and the system closes that pipe with the process.
    """

    def __init__(
        self,
        port: int,
        flags: Sequence[str] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        command = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", str(port), "--stop-with-stdin"]
        command += flags
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment() | dict(settings),
            # An interrupt of the notebook's cell goes to the whole process group; the server is not meant by it.
            start_new_session=True,
        )
        atexit.register(self.stop)
        try:
            self.endpoint = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and wait for it; does nothing the second time."""
        atexit.unregister(self.stop)
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._errors.close()

    def _wait_until_ready(self) -> str:
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read_output, args=(lines,), daemon=True).start()
        try:
            line = lines.get(timeout=_READY_TIMEOUT_S)
        except queue.Empty:
            raise SandboxFault(
                f"the sandbox was not ready after {_READY_TIMEOUT_S:.0f} s; try again"
            ) from None
        words = line.split()
        if len(words) < 2 or words[0] != "ready":
            raise SandboxFault(
                f"the sandbox did not start: {self._last_error() or line.strip() or 'no reason given'}"
            )
        return ServerClient(words[1]).endpoint

    def _read_output(self, lines: queue.Queue[str]) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            lines.put(stdout.readline().decode("utf-8", "replace"))
            while stdout.read(65536):  # a full pipe would block the server
                pass

    def _last_error(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it said something else, and goes on
            self._process.wait(_STOP_TIMEOUT_S)
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else ""


def _environment() -> dict[str, str]:
    """Return this process's variables, with the folder that this very package is imported from on the path."""
    home = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH")) if part)
    return {**os.environ, "PYTHONPATH": path}


def port_state(port: int) -> str:
    """Return ``sandbox``, ``taken`` (something else listens there) or ``free``."""
    try:
        ServerClient(f"http://127.0.0.1:{port}", timeout_s=2.0).health()
    except SandboxFault:
        with socket.socket() as probe:
            if os.name == "posix":  # elsewhere the option would let two servers share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return "taken"
        return "free"
    return "sandbox"
