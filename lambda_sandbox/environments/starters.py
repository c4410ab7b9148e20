"""Who starts an environment's first process: spawned in bubblewrap or bare here; ``zygote_starter`` forks it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lambda_sandbox.environments import confinement
from lambda_sandbox.environments.control_socket import send_with_fds
from lambda_sandbox.environments.image import Image, build, readable_in_place
from lambda_sandbox.environments.openings import ENDPOINT_PORT, Opening

FUNCTION_USER = 993  # AWS's


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a starter needs: ``spec`` goes to the launcher; ``control`` and the descriptors stay the caller's to close."""

    spec: dict[str, Any]
    code: Path | None  # None: a blank environment, which waits for its function
    layers: Path | None
    tmp_key: str
    tmp_mb: int
    server_side: socket.socket
    control: socket.socket
    output_fd: int
    group_fds: list[int]
    flavour: str = ""


class Starter(Protocol):
    level: str
    image: Image
    keeps_tmp_size: bool
    mapped_user: int | None  # in a user namespace of its own, an environment is this user

    def has_flavour(self, flavour: str) -> bool:
        """True when environments can be forked from a preloaded interpreter of this flavour; never waits."""
        ...

    def baseline_bytes(self, flavour: str) -> int:
        """Return the bytes of memory that every environment of a flavour shares with what it was forked from."""
        ...

    def start(self, request: StartRequest) -> subprocess.Popen[bytes] | None:
        """Start at once, without waiting. The process that was spawned, if any, is the caller's to reap."""
        ...

    def forget_tmp(self, tmp_key: str) -> None: ...

    def user(self, number: int, limited: bool) -> int | None:
        """Return the user id to become, or ``None`` to stay. ``limited``: a control group bounds the processes."""
        ...

    def close(self) -> None: ...


def isolated_user(number: int, limited: bool) -> int | None:
    if os.getuid() != 0:
        return None
    # RLIMIT_NPROC counts by user: without a control group each environment needs a user of its own.
    return FUNCTION_USER if limited else 20_000 + number % 10_000


class _Spawned:
    """What the two spawning starters share: a private folder for each ``/tmp``, whose size nothing bounds."""

    keeps_tmp_size = False
    mapped_user: int | None = None

    def __init__(self, folder: Path) -> None:
        self._tmp = folder / "tmp"
        self._tmp.mkdir(mode=0o711)

    def _tmp_folder(self, key: str) -> Path:
        folder = self._tmp / key
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o1777)
        return folder

    def has_flavour(self, flavour: str) -> bool:
        return False

    def baseline_bytes(self, flavour: str) -> int:
        return 0

    def forget_tmp(self, tmp_key: str) -> None:
        shutil.rmtree(self._tmp / tmp_key, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self._tmp, ignore_errors=True)

    def _spawn(self, command: list[str], request: StartRequest) -> subprocess.Popen[bytes]:
        control = request.control.fileno()
        process = subprocess.Popen(
            [*command, str(control)],
            pass_fds=[control],
            stdin=subprocess.DEVNULL,
            stdout=request.output_fd,
            stderr=request.output_fd,
            env={},
            cwd="/",
            start_new_session=True,
        )
        send_with_fds(request.server_side, request.spec, [request.output_fd, *request.group_fds])
        return process


class BareStarter(_Spawned):
    """Level ``process``: no namespace, the host's files and network; limits of each process only.

    With ``hold_files`` Landlock, where the kernel has it, keeps functions to the files that they need, and off other
    processes' memory.
    """

    level = "process"

    def __init__(self, folder: Path, native: bool, *, hold_files: bool = False) -> None:
        super().__init__(folder)
        self.image = build(folder, native, bare=True)
        self.holds_files = hold_files and confinement.landlock_version() > 0
        self._readable = readable_in_place(self.image, native) if self.holds_files else []

    def user(self, number: int, limited: bool) -> int | None:
        return None

    def start(self, request: StartRequest) -> subprocess.Popen[bytes]:
        own_tmp = str(self._tmp_folder(request.tmp_key))
        request.spec["variables"]["TMPDIR"] = own_tmp
        if self.holds_files:
            assert request.code is not None  # blank ones are made by a zygote only
            folders = [*self._readable, str(request.code), *request.spec["mounts"].values()]
            folders += [str(request.layers)] if request.layers else []
            request.spec["held_files"] = {"readable": folders, "changeable": ["/tmp", own_tmp]}  # noqa: S108
        script = str(self.image.runtime / "launcher.py")
        return self._spawn([self.image.python, "-E", "-s", "-S", "-X", "utf8", script], request)


class BubblewrapStarter(_Spawned):
    """Level ``bwrap``: bubblewrap makes the namespaces, the root folder and the mounts."""

    level = "bwrap"

    def __init__(
        self,
        folder: Path,
        native: bool,
        program: str,
        openings: Sequence[Opening] = (),
        port: int = ENDPOINT_PORT,
    ) -> None:
        super().__init__(folder)
        self.image = build(folder, native, bare=False, openings=openings, port=port)
        self.command = [program, *_bubblewrap_arguments(self.image)]
        if openings:  # the launcher makes their addresses and listens on any port, and then gives this up
            self.command += ["--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_BIND_SERVICE"]

    def user(self, number: int, limited: bool) -> int | None:
        return isolated_user(number, limited)

    def start(self, request: StartRequest) -> subprocess.Popen[bytes]:
        command = [*self.command, "--ro-bind", str(request.code), "/var/task"]
        if request.layers is not None:
            command += ["--ro-bind", str(request.layers), "/opt"]
        for target, source in request.spec["mounts"].items():
            command += ["--ro-bind", source, target]
        command += ["--bind", str(self._tmp_folder(request.tmp_key)), "/tmp", "--remount-ro", "/"]  # noqa: S108
        command += ["--", self.image.python, "-E", "-s", "-S", "-X", "utf8", "/var/runtime/launcher.py"]
        return self._spawn(command, request)


def _bubblewrap_arguments(image: Image) -> list[str]:
    arguments = [
        "--die-with-parent",
        "--new-session",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
    ]
    arguments += ["--unshare-cgroup-try", "--hostname", "lambda", "--clearenv", "--cap-drop", "ALL"]
    arguments += ["--setenv", "LD_LIBRARY_PATH", "/var/lang/lib"]
    if os.getuid() == 0:
        # The launcher itself becomes the function's user; what it could do as root it loses with that.
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        arguments += ["--unshare-user", "--uid", str(FUNCTION_USER), "--gid", "990"]
    arguments += ["--proc", "/proc"]
    # A folder that it makes by itself, on the way to a file, is closed to everybody but root.
    for folder in ("/dev", "/etc", "/opt", "/tmp", "/var/task"):  # noqa: S108
        arguments += ["--dir", folder]
    for device in ("null", "zero", "full", "random", "urandom"):
        arguments += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for target, source in {**image.folders, **image.files}.items():
        arguments += ["--ro-bind", source, target]
    for link, target in image.links.items():
        arguments += ["--symlink", target, link]
    for name in image.texts:
        arguments += ["--ro-bind", str(image.runtime / "etc" / os.path.basename(name)), name]
    return arguments
