"""The grader's side of the fork server: starts it, asks it for submissions, notices that it ended."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autograder.errors import ForkServerLost, GraderFault
from autograder.inside.messages import receive, send
from autograder.isolation import (
    INSIDE_COURSE,
    INSIDE_FILES,
    INSIDE_SCRATCH,
    Isolation,
    bwrap_command,
    course_binds,
)

_START_S = 60.0
PACKETS = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM


class ForkServer:
    """A process with everything imported that notebooks need; each submission is a fork of it.

    ``files`` is a folder of the lab that every notebook may read under its own name. Starting takes about a second and
    goes on while the caller does other things; ``wait_ready`` waits for it. ``aws``: notebooks have a sandbox and will
    import boto3.
    """

    def __init__(self, isolation: Isolation, files: Path | None, *, aws: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="labs-fork-")
        self._log = Path(self._folder.name) / "server.log"
        self.files = files if files is not None and files.is_dir() else None
        self.namespaced = isolation.has_namespaces
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *self._command(isolation),
                    str(theirs.fileno()),
                    "namespaces" if self.namespaced else "bare",
                    "aws" if aws else "plain",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                env=self._environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def files_inside(self) -> str:
        """The lab's files where the fork server sees them; empty if there are none or the worker copies them."""
        return f"{INSIDE_FILES}/{self.files.name}" if self.files is not None and self.namespaced else ""

    @property
    def course(self) -> str:
        """The folder inside that holds what may be imported besides installed packages."""
        return INSIDE_COURSE if self.namespaced else str(Path(self._folder.name) / "course")

    @property
    def course_folders(self) -> list[str]:
        """Where those things really lie on the host."""
        return [str(path) for path, _ in course_binds()]

    def _command(self, isolation: Isolation) -> list[str]:
        python = [sys.executable, "-P", "-s", "-B", "-m", "autograder.inside.server"]
        if not self.namespaced:
            return python
        binds = course_binds()
        if self.files is not None:
            binds.append((self.files, f"{INSIDE_FILES}/{self.files.name}"))
        command = bwrap_command(own_user=isolation.own_user, binds=binds)
        for name, value in self._environment().items():
            command += ["--setenv", name, value]
        return [*command, *python]

    def _environment(self) -> dict[str, str]:
        if not self.namespaced:
            for path, inside in course_binds():
                target = Path(self.course) / Path(inside).relative_to(INSIDE_COURSE)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.is_symlink():
                    target.symlink_to(path)
        return {**inside_environment(INSIDE_SCRATCH, self.course), "HOME": "/nonexistent"}

    def wait_ready(self) -> None:
        """Block until submissions can be started. Raises GraderFault if that is not within a minute."""
        self._requests.settimeout(_START_S)
        try:
            message, _ = receive(self._requests)
        except OSError:
            message = {}
        self._requests.settimeout(None)
        if not message.get("ready"):
            raise GraderFault(f"Notebooks cannot be started here: {self._last_words()}")

    def start(self, settings: dict[str, Any], control: socket.socket) -> None:
        """Fork a submission that speaks on ``control``. Raises ForkServerLost if the server has ended."""
        self._ask({"settings": settings}, control)

    def sweep(self) -> None:
        """End what is left of submissions whose first process is gone. Needed without a pid namespace only."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._ask({"sweep": True}, theirs)
            theirs.close()
            ours.settimeout(_START_S)
            with contextlib.suppress(TimeoutError):
                ours.recv(64)

    def _ask(self, message: dict[str, Any], control: socket.socket) -> None:
        try:
            send(self._requests, message, (control.fileno(),))
        except OSError as error:
            raise ForkServerLost(f"The process that starts notebooks has ended ({error}).") from None

    def alive(self) -> bool:
        """Whether it still takes requests; may be asked in any process that inherited the socket."""
        return is_heard(self._requests)

    def close(self) -> None:
        """End it, and with it every submission that still runs."""
        self._requests.close()
        deadline = time.monotonic() + 1.0
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def is_heard(requests: socket.socket) -> bool:
    """Say whether the other end of a socket is still open; nothing is sent."""
    poll = select.poll()
    poll.register(requests, 0)  # the end of it is told even to those who ask for nothing
    return not poll.poll(0)


def inside_environment(home: str, course: str) -> dict[str, str]:
    """Return all that a notebook's processes find in their environment."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": course,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
