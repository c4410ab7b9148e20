"""The third way to start an environment's first process: fork it from a zygote, a preloaded interpreter."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.flavours import PLAIN
from lambda_sandbox.environments.image import build
from lambda_sandbox.environments.openings import ENDPOINT_PORT, Opening
from lambda_sandbox.environments.starters import FUNCTION_USER, StartRequest, isolated_user
from lambda_sandbox.errors import SandboxFault

_READY_TIMEOUT_S = 10.0


@dataclass(slots=True, eq=False)
class _Zygote:
    """``baseline_bytes`` is 0 until it is ready."""

    requests: socket.socket
    baseline_bytes: int = 0

    def wait_ready(self) -> None:
        """Raises ``SandboxFault`` when it does not start, or not in time."""
        self.requests.settimeout(_READY_TIMEOUT_S)
        if not self.heard_ready():
            raise SandboxFault("the zygote did not start in time")

    def heard_ready(self) -> bool:
        """Take up what it says; raise ``SandboxFault`` when that is not that it is ready. Waits as the socket does."""
        try:
            answer, _, pid = control_socket.receive(self.requests)
        except (BlockingIOError, TimeoutError):
            return False
        if answer.get("event") != "ready":
            raise SandboxFault(f"the zygote did not start: {answer.get('reason', 'it ended at once')}")
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            self.baseline_bytes = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        return True


class ZygoteProcess:
    """The process of a first zygote: the image that it shows to environments, and the socket that it takes requests on.

    It is started by the constructor and ready when ``wait_ready`` returns. ``folder`` is private and empty.
    """

    def __init__(
        self, folder: Path, native: bool, openings: Sequence[Opening] = (), port: int = ENDPOINT_PORT
    ) -> None:
        self.image = build(folder, native, bare=False, openings=openings, port=port)
        root = folder / "root"
        root.mkdir(mode=0o755)
        layout = {
            "root": str(root),
            "python": self.image.python,
            "folders": self.image.folders,
            "files": self.image.files,
            "links": self.image.links,
            "texts": self.image.texts,
        }
        self.requests, child = control_socket.make_pair()
        with child:
            self._process = self._spawn(json.dumps(layout), child.fileno())

    def _spawn(self, layout: str, fd: int) -> subprocess.Popen[bytes]:
        script = str(self.image.runtime / "zygote.py")
        python = os.path.realpath(sys.executable)
        return subprocess.Popen(
            [python, "-E", "-s", "-S", "-X", "utf8", script, "prepare", str(fd), layout],
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        """Raises ``SandboxFault`` with the reason where it cannot work."""
        _Zygote(self.requests).wait_ready()

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self) -> socket.socket:
        """Have it fork a zygote for another server and return the socket for that one. May be called in forks of this process."""
        requests, child = control_socket.make_pair()
        with child:
            try:
                control_socket.send_with_fds(self.requests, {"op": "house"}, [child.fileno()])
            except OSError as error:
                raise SandboxFault("the zygote has ended: restart the sandbox") from error
        return requests

    def keep_at(self, number: int) -> int:
        """Have the socket be descriptor ``number``, in a fork that closes all others; return it."""
        given = self.requests.detach()
        if given != number:
            os.dup2(given, number, inheritable=False)
        self.requests = socket.socket(fileno=number)
        return number

    def end(self) -> None:
        self.requests.close()
        self._process.kill()
        self._process.wait()


class ZygoteStarter:
    """Level ``namespaces``: a preloaded interpreter forks, and our own code makes namespaces and mounts.

    The constructor waits until the plain zygote is ready; other flavours are forked from it when they are first asked for;
    a flavour that names another interpreter (``boto3@/var/lang-python3.13/bin/python3.13``) becomes that one.
    Raises ``SandboxFault`` with the reason where it cannot work.
    """

    level = "namespaces"
    keeps_tmp_size = True

    def __init__(
        self,
        folder: Path,
        native: bool,
        mother: ZygoteProcess | None = None,
        openings: Sequence[Opening] = (),
        port: int = ENDPOINT_PORT,
    ) -> None:
        """With ``mother`` the zygote is a fork of hers, which takes milliseconds, and ``folder`` stays empty. She opens
        nothing, and what she houses finds the sandbox at ``ENDPOINT_PORT``.
        """
        self.mapped_user: int | None = None if os.getuid() == 0 else FUNCTION_USER
        self._process = None if mother is not None else ZygoteProcess(folder, native, openings, port)
        source = mother or self._process
        assert source is not None
        self.image = source.image
        self._requests = source.fork() if mother is not None else source.requests
        plain = _Zygote(self._requests)
        self._zygotes: dict[str, _Zygote | None] = {PLAIN: plain}
        try:
            plain.wait_ready()
        except BaseException:
            self.close()
            raise

    def has_flavour(self, flavour: str) -> bool:
        zygote = self._zygotes.get(flavour)
        if zygote is None:
            if flavour not in self._zygotes:
                self._zygotes[flavour] = self._fork_flavour(flavour)
            return False
        if not zygote.baseline_bytes:
            try:
                return zygote.heard_ready()
            except SandboxFault:
                zygote.requests.close()
                self._zygotes[flavour] = None  # the plain one does for everything
                return False
        if flavour != PLAIN and not control_socket.is_heard(zygote.requests):
            # It has been killed: the plain one does until another is forked, when it is asked for again.
            zygote.requests.close()
            del self._zygotes[flavour]
            return False
        return True

    def _fork_flavour(self, flavour: str) -> _Zygote:
        requests, child = control_socket.make_pair()
        with child:
            self._send({"op": "flavour", "name": flavour}, [child.fileno()])
        requests.setblocking(False)
        return _Zygote(requests)

    def baseline_bytes(self, flavour: str) -> int:
        zygote = self._zygotes[flavour]
        return zygote.baseline_bytes if zygote is not None else 0

    def user(self, number: int, limited: bool) -> int | None:
        return isolated_user(number, limited)

    def start(self, request: StartRequest) -> None:
        message = {
            "op": "start",
            "spec": request.spec,
            "blank": request.code is None,
            "code": str(request.code),
            "layers": str(request.layers) if request.layers is not None else "",
            "tmp": request.tmp_key,
            "tmp_mb": request.tmp_mb,
        }
        zygote = self._zygotes[request.flavour]
        assert zygote is not None
        fds = [request.control.fileno(), request.output_fd, *request.group_fds]
        self._send(message, fds, zygote)

    def _send(self, message: dict[str, object], fds: list[int], zygote: _Zygote | None = None) -> None:
        requests = zygote.requests if zygote is not None else self._requests
        try:
            control_socket.send_with_fds(requests, message, fds)
        except OSError as error:
            raise SandboxFault("the zygote has ended: restart the sandbox") from error

    def forget_tmp(self, tmp_key: str) -> None:
        with contextlib.suppress(SandboxFault):
            self._send({"op": "forget", "tmp": tmp_key}, [])

    def close(self) -> None:
        for zygote in self._zygotes.values():
            if zygote is not None:
                zygote.requests.close()  # one that was forked for us ends with that
        if self._process is not None:
            self._process.end()
