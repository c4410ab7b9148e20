"""How a notebook is kept away from the grader: bubblewrap where it works, a bare process with limits elsewhere."""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.limits import Limits

INSIDE_SCRATCH = "/scratch"
INSIDE_COURSE = "/course"
_NO_ONE_FIRST = 200_000  # user ids above this belong to nobody on common systems
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")


_TRIAL = """
import os, sys
if len(sys.argv) > 1:
    user = int(sys.argv[1]); os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
import ssl, zmq, ipykernel.kernelapp
"""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What holds for one submission: ``level`` is ``bwrap`` or ``process``; the rest goes to the report as it is."""

    level: str
    enforced: tuple[str, ...]
    missing: tuple[str, ...]
    own_user: bool = False

    @property
    def has_namespaces(self) -> bool:
        return self.level == "bwrap"


_LIMITS_HELD = ("CPU time", "address space", "file size", "open files", "wall time", "total memory (watched)")

BARE = Isolation(
    "process",
    (*_LIMITS_HELD, "empty environment", "number of processes (watched)"),
    ("file system", "network", "process namespace", "scratch size"),
)


def best_isolation() -> Isolation:
    """Return the strongest isolation that was tried on this machine and worked."""
    return _probe(shutil.which("bwrap"))


@functools.cache
def _probe(bwrap: str | None) -> Isolation:
    if bwrap is None or not sys.platform.startswith("linux"):
        return BARE
    # As root, a user id of its own makes the limit on processes hold (root is exempt from it).
    for own_user in [True, False] if os.geteuid() == 0 else [False]:
        tried = [
            *bwrap_command(own_user=own_user, limits=Limits(), binds=()),
            sys.executable,
            "-I",
            "-c",
            _TRIAL,
        ]
        tried += [str(no_one(0))] if own_user else []
        try:
            done = subprocess.run(tried, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return _namespaces(own_user)
    return BARE


def _namespaces(own_user: bool) -> Isolation:
    held = (
        "file system",
        "network",
        "process namespace",
        "scratch size",
        "empty environment",
        "no privileges",
    )
    processes = (
        ("number of processes",) if own_user or os.geteuid() != 0 else ("number of processes (watched)",)
    )
    return Isolation("bwrap", (*held, *_LIMITS_HELD, *processes), (), own_user)


def no_one(slot: int) -> int:
    """Return a user id that owns nothing; ``slot`` keeps submissions that run side by side apart."""
    return _NO_ONE_FIRST + slot % 60_000


def bwrap_command(*, own_user: bool, limits: Limits, binds: Sequence[tuple[Path, str]]) -> list[str]:
    """Return the bubblewrap call: Python, its packages and ``binds`` (host path, path inside) and nothing else.

    The working folder is a private tmpfs of ``limits.scratch_mb``. With ``own_user`` the program must change user
    itself, first thing; it then holds no capability at all.
    """
    namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if own_user:
        # A user namespace would map every id to root's: keep the two capabilities that changing user needs.
        namespaces += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        namespaces = ["--unshare-all", "--cap-drop", "ALL"]
    command = [
        shutil.which("bwrap") or "bwrap",
        *namespaces,
        "--die-with-parent",
        "--new-session",
        "--clearenv",
    ]
    command += ["--hostname", "lab", "--proc", "/proc", "--dev", "/dev"]
    size = str(limits.scratch_mb << 20)
    for folder in (INSIDE_SCRATCH, "/tmp", "/dev/shm"):  # noqa: S108 (inside the namespace)
        command += ["--perms", "1777", "--size", size, "--tmpfs", folder]
    command += _python_binds()  # after /tmp: the course itself may lie there
    made: set[str] = {INSIDE_SCRATCH}
    for host, inside in binds:
        command += [*_parents(inside, made), "--ro-bind", str(host), inside]
    return [*command, "--chdir", INSIDE_SCRATCH]


@functools.cache
def _python_binds() -> tuple[str, ...]:
    words: list[str] = []
    made: set[str] = set()
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in (*_ETC, *_python_folders()):
        if os.path.exists(path):
            words += [*_parents(path, made), "--ro-bind", path, path]
    return tuple(words)


def _parents(path: str, made: set[str]) -> list[str]:
    """Return the words that make the folders above ``path``; bubblewrap alone would make them root's only."""
    words: list[str] = []
    for parent in reversed(Path(path).parents):
        if str(parent) != "/" and str(parent) not in made:
            made.add(str(parent))
            words += ["--perms", "0755", "--dir", str(parent)]
    return words


def _python_folders() -> list[str]:
    """Return the folders that this interpreter needs, outermost only, without what ``_SYSTEM`` holds already."""
    wanted = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    wanted |= {os.path.dirname(os.path.realpath(sys.executable)), *site.getsitepackages()}
    real = sorted(path for path in wanted if path not in ("/", "/usr") and os.path.isdir(path))
    covered = [*(path for path in _SYSTEM if os.path.isdir(path))]
    kept: list[str] = []
    for path in real:
        if not any(Path(path).is_relative_to(outer) for outer in [*covered, *kept]):
            kept.append(path)
    return kept
