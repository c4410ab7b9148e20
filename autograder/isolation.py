"""How a notebook is kept away from the grader: namespaces below bubblewrap where they work, a bare process elsewhere.

A notebook gives its sandbox functions to run, and what those could reach the notebook reaches. So both are tried.
"""

from __future__ import annotations

import functools
import json
import os
import select
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.errors import GraderFault
from autograder.limits import Limits

INSIDE_SCRATCH = "/scratch"
INSIDE_COURSE = "/course"
INSIDE_FILES = "/files"
_NO_ONE_FIRST = 200_000  # user ids above this belong to nobody on common systems
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_TRIAL_S = 60.0  # takes half a second
_PRIVATE = (INSIDE_SCRATCH, "/tmp", "/dev/shm")  # noqa: S108 (inside the namespace)

SECCOMP = "system calls (seccomp)"
LANDLOCK = "file access (Landlock)"
FUNCTIONS = "functions kept apart"
_LIMITS_HELD = (
    "CPU time",
    "address space",
    "file size",
    "open files",
    "wall time",
    "total memory (watched)",
    "total CPU time (watched)",
)
_NAMESPACES = (
    "file system",
    "network",
    "process namespace",
    "scratch size",
    "empty environment",
    "no privileges",
)


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

    @property
    def holds_files(self) -> bool:
        """True where Landlock was tried and held."""
        return LANDLOCK in self.enforced

    @property
    def is_apart(self) -> bool:
        """True where neither the notebook nor, as far as that is known, its functions share files and processes with the grader."""
        return self.has_namespaces and FUNCTIONS not in self.missing

    def with_functions(self, apart: bool) -> Isolation:
        """Return the same, with what holds for the functions of a sandbox."""
        enforced = [text for text in self.enforced if text != FUNCTIONS]
        missing = [text for text in self.missing if text != FUNCTIONS]
        (enforced if apart else missing).append(FUNCTIONS)
        return replace(self, enforced=tuple(enforced), missing=tuple(missing))


# The least that every machine gives; what the kernel adds to it is in ``bare_isolation``.
BARE = Isolation(
    "process",
    (*_LIMITS_HELD, "empty environment", "number of processes (watched)"),
    ("file system", "network", "process namespace", "scratch size", SECCOMP, LANDLOCK),
)


def best_isolation() -> Isolation:
    """Return the strongest isolation that was tried on this machine and worked.

    Raises GraderFault when trying took too long: that tells nothing, and a busy machine must not get less isolation.
    """
    return _probe(shutil.which("bwrap"))


def whole_isolation() -> Isolation:
    """Return the strongest isolation of a notebook and of the functions of its sandbox. Raises GraderFault as above."""
    return best_isolation().with_functions(_functions_apart())


def lack(isolation: Isolation, where: str) -> str:
    """Return a sentence that says what ``isolation`` lacks and what to do; empty where nothing is missing."""
    if not isolation.missing:
        return ""
    told = (
        "Isolation is not complete"
        if isolation.is_apart
        else "Nothing keeps notebooks from your files, the checks and the results"
    )
    return f"{told} {where} (missing: {', '.join(isolation.missing)}): {_remedy(isolation)}."


def _remedy(isolation: Isolation) -> str:
    if isolation.is_apart:
        return "this kernel lacks it; Linux 5.13 and newer have it, where it is switched on"
    if shutil.which("bwrap") is None:
        return "install bubblewrap"
    return "bubblewrap is there, but namespaces are forbidden: allow them, as containers often do not even to root"


@functools.cache
def _functions_apart() -> bool:
    command = [
        sys.executable,
        "-P",
        "-s",
        "-B",
        "-m",
        "lambda_sandbox",
        "serve",
        "--port",
        "0",
        "--no-neighbours",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="labs-trial-") as home,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**_bare_environment(), "HOME": home, "TMPDIR": home},
        ) as server,
    ):
        assert server.stdout is not None
        try:
            told = select.select([server.stdout], [], [], _TRIAL_S)[0]
            words = server.stdout.readline().split() if told else []
        finally:
            server.terminate()
    if words[:1] != [b"ready"]:
        raise GraderFault("No sandbox could be tried here: `lambda-sandbox doctor` says why.")
    return words[-1] != b"process"


@functools.cache
def _probe(bwrap: str | None) -> Isolation:
    if bwrap is not None and sys.platform == "linux":
        # As root, a user id of its own makes the limit on processes hold (root is exempt from it).
        for own_user in [True, False] if os.geteuid() == 0 else [False]:
            held = _tried(own_user)
            if held is not None:
                return _with_kernel(_namespaces(own_user), held)
    return bare_isolation()


@functools.cache
def bare_isolation() -> Isolation:
    """Return what a process without namespaces is held by here: its limits, and what the kernel refuses it."""
    with tempfile.TemporaryDirectory(prefix="labs-trial-") as home:
        settings = {"namespaces": False, "home": home, "user": None, "rlimits": {}}
        held = _run_trial([sys.executable, "-P", "-s"], settings, _bare_environment())
    return _with_kernel(BARE, held or {})


def _bare_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


def _tried(own_user: bool) -> dict[str, bool] | None:
    limits = Limits()
    binds = course_binds()
    settings = {
        "namespaces": True,
        "home": INSIDE_SCRATCH,
        "scratch_mb": 1,
        "scratch_files": 1024,
        "files": "",
        "kept": kept_folders(),
        "user": no_one(0) if own_user else None,
        "rlimits": {"RLIMIT_CPU": limits.cpu_s},
    }
    command = bwrap_command(own_user=own_user, binds=binds)
    command += ["--setenv", "PYTHONPATH", INSIDE_COURSE, sys.executable, "-P", "-s"]
    return _run_trial(command, settings, {})


def _run_trial(
    command: list[str], settings: dict[str, Any], environment: dict[str, str]
) -> dict[str, bool] | None:
    words = [*command, "-B", "-m", "autograder.inside.trial", json.dumps(settings)]
    try:
        done = subprocess.run(words, capture_output=True, timeout=_TRIAL_S, check=False, env=environment)
        return dict(json.loads(done.stdout)) if done.returncode == 0 else None
    except (FileNotFoundError, PermissionError, ValueError):
        return None
    except (OSError, subprocess.TimeoutExpired):
        raise GraderFault(
            "This machine is too busy to try how notebooks can be shut in: grade again when it is not."
        ) from None


def _with_kernel(isolation: Isolation, held: dict[str, bool]) -> Isolation:
    added = [text for text, name in ((SECCOMP, "seccomp"), (LANDLOCK, "landlock")) if held.get(name, False)]
    lacking = [text for text in (SECCOMP, LANDLOCK) if text not in added]
    missing = [text for text in isolation.missing if text not in (SECCOMP, LANDLOCK)]
    return Isolation(isolation.level, (*isolation.enforced, *added), (*missing, *lacking), isolation.own_user)


def _namespaces(own_user: bool) -> Isolation:
    counted = own_user or os.geteuid() != 0
    processes = "number of processes" if counted else "number of processes (watched)"
    return Isolation("bwrap", (*_NAMESPACES, *_LIMITS_HELD, processes), (), own_user)


def scratch_root(isolation: Isolation) -> str | None:
    """Return where the grader's own temporary files go; ``None`` for the usual place.

    Functions that Landlock alone holds may write anywhere below ``/tmp``, as there is no other ``/tmp`` to give them.
    """
    elsewhere = "/var/tmp"  # noqa: S108 (only for folders that mkdtemp makes)
    if isolation.has_namespaces or not isolation.holds_files or not os.access(elsewhere, os.W_OK):
        return None
    return elsewhere


def no_one(slot: int) -> int:
    """Return a user id that owns nothing; ``slot`` keeps submissions that run side by side apart."""
    return _NO_ONE_FIRST + slot % 60_000


def course_binds() -> list[tuple[Path, str]]:
    """Return what may be imported inside besides installed packages (host path, path inside).

    The sandbox's front, an empty check runner, and the modules that run the notebook; no check and no result.
    """
    import lambda_sandbox

    here = Path(__file__).resolve().parent
    names = {
        "lambda_sandbox": Path(lambda_sandbox.__file__).resolve().parent,
        "autograder/__init__.py": here / "__init__.py",
        "autograder/checks.py": here / "checks.py",
        "autograder/inside": here / "inside",
    }
    return [(path, f"{INSIDE_COURSE}/{inside}") for inside, path in names.items()]


def bwrap_command(*, own_user: bool, binds: Sequence[tuple[Path, str]]) -> list[str]:
    """Return the bubblewrap call: Python, its packages and ``binds`` (host path, path inside) and nothing else.

    What it starts keeps the few capabilities, in these namespaces only, that shutting submissions in takes. It must run no
    line of a submission itself, and each submission's process gives all of them up.
    """
    namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    capabilities = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETPCAP"]
    if own_user:
        # A user namespace would map every id to root's: keep the two capabilities that changing user needs.
        capabilities += ["CAP_SETUID", "CAP_SETGID"]
    else:
        # As its root, bubblewrap needs no second user namespace, in which the mounts of the first would be locked.
        namespaces = ["--unshare-all", "--uid", "0", "--gid", "0"]
        capabilities.append("CAP_SETFCAP")  # to give that root another number in a namespace below
    command = [shutil.which("bwrap") or "bwrap", *namespaces, "--cap-drop", "ALL"]
    for capability in capabilities:
        command += ["--cap-add", capability]
    command += ["--die-with-parent", "--new-session", "--clearenv"]
    command += ["--hostname", "lab", "--proc", "/proc", "--dev", "/dev"]
    for folder in (INSIDE_SCRATCH, "/tmp"):  # noqa: S108 (inside the namespace)
        command += ["--perms", "0755", "--dir", folder]
    command += _python_binds()  # after /tmp: the course itself may lie there
    made: set[str] = {INSIDE_SCRATCH}
    for host, inside in binds:
        command += [*_parents(inside, made), "--ro-bind", str(host), inside]
    return [*command, "--chdir", "/"]


def kept_folders() -> list[str]:
    """Return those of Python's folders that a submission's own empty folders would hide."""
    return [path for path in python_folders() if any(Path(path).is_relative_to(top) for top in _PRIVATE)]


def readable_paths() -> list[str]:
    """Return what Python needs of the machine, for Landlock where there is no file system of its own."""
    paths = (*_SYSTEM, *_ETC, *python_folders(), "/proc", "/dev")
    return [path for path in paths if os.path.exists(path)]


@functools.cache
def _python_binds() -> tuple[str, ...]:
    words: list[str] = []
    made: set[str] = set()
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in (*_ETC, *python_folders()):
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


@functools.cache
def python_folders() -> tuple[str, ...]:
    """Return the folders that this interpreter needs, outermost only, without what ``_SYSTEM`` holds already."""
    wanted = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    wanted |= {os.path.dirname(os.path.realpath(sys.executable)), *site.getsitepackages()}
    real = sorted(path for path in wanted if path not in ("/", "/usr") and os.path.isdir(path))
    covered = [*(path for path in _SYSTEM if os.path.isdir(path))]
    kept: list[str] = []
    for path in real:
        if not any(Path(path).is_relative_to(outer) for outer in [*covered, *kept]):
            kept.append(path)
    return tuple(kept)
