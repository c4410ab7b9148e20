"""What this machine lets the sandbox enforce, found by really trying. ``python -m lambda_sandbox.environments.isolation`` prints it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lambda_sandbox.config import Config
from lambda_sandbox.environments import confinement, delegation
from lambda_sandbox.environments.limits import ControlGroups, find_control_groups
from lambda_sandbox.environments.openings import Opening, read_openings
from lambda_sandbox.environments.starters import BareStarter, BubblewrapStarter, Starter
from lambda_sandbox.environments.zygote_starter import ZygoteProcess, ZygoteStarter
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Isolation

NETWORK = "no network but sandbox and what is opened"
FILES = "host files hidden"
CODE = "code read-only"
PROCESSES_HIDDEN = "host processes hidden"
MEMORY_TREE = "memory over the process tree"
MEMORY_EXACT = "memory to the megabyte"
PROCESS_COUNT = "number of processes"
CPU = "CPU in proportion to memory"
TMP_SIZE = "size of /tmp"
TMP_APART = "files of /tmp apart from the memory limit"
OPEN_FILES = "number of open files"
SYSTEM_CALLS = "dangerous system calls refused (seccomp)"
FILES_TWICE = "file access held a second time (Landlock)"
_NAMESPACES = (NETWORK, FILES, CODE, PROCESSES_HIDDEN)
_NO_NAMESPACES = (
    "the machine allows no namespaces: allow user namespaces, or install the package 'bubblewrap'"
)
_NO_GROUPS = "no control group can be written here: run as root, or in a login session under systemd (package dbus-user-session)"
_BY_NAMESPACES = "namespaces of its own, or bubblewrap"
_BY_GROUP = "a control group of version 1 or 2"
# What keeps each promise.
KEPT_BY = {
    **dict.fromkeys(_NAMESPACES, _BY_NAMESPACES),
    NETWORK: f"{_BY_NAMESPACES}; no route leads out, and to a place that is opened the server makes the connection",
    PROCESS_COUNT: "a control group, or a limit of the user in the namespaces",
    TMP_SIZE: "a file system in memory of that size",
    TMP_APART: "a limit that grows with the first file there; from then on the server looks at the rest",
    CPU: _BY_GROUP,
    MEMORY_TREE: "a control group; without one the server looks at all processes every 5 ms",
    MEMORY_EXACT: _BY_GROUP,
    OPEN_FILES: "a resource limit, everywhere",
    SYSTEM_CALLS: "a seccomp filter, everywhere on Linux",
    FILES_TWICE: "Landlock, beside the namespaces",
}
# One sentence a promise for those who miss it.
WHY_NOT = {
    **dict.fromkeys(_NAMESPACES, _NO_NAMESPACES),
    NETWORK: f"{_NO_NAMESPACES}; until then functions reach whatever the machine reaches",
    MEMORY_TREE: "processes can be looked at on Linux only",
    MEMORY_EXACT: f"{_NO_GROUPS}; the server looks every 5 ms instead, and a function may be some MB over until then",
    CPU: _NO_GROUPS,
    PROCESS_COUNT: _NO_GROUPS,
    TMP_SIZE: "only the isolation 'namespaces' gives /tmp a size: use --isolation auto where user namespaces are allowed",
    SYSTEM_CALLS: "the kernel has no seccomp filters, or the processor is neither x86_64 nor arm64",
    FILES_TWICE: "the kernel has no Landlock (Linux 5.13 and newer, if switched on), or there are no namespaces to add to",
}


def choose_starter(config: Config, folder: Path, mother: ZygoteProcess | None = None) -> Starter:
    """Return the strongest starter that works here, or the one that ``config.isolation`` names.

    ``folder`` is private and empty. ``mother`` is a zygote for the lean runtime client, ready, that the starter's may be forked from. Raises ``SandboxFault`` when what the configuration asks for is not possible.
    """
    native = config.runtime_client == "native"
    openings = read_openings(config.allow_network)
    if config.isolation == "auto" and sys.platform == "linux":
        if mother is not None and not native and not openings:  # hers are the hosts that all have
            with contextlib.suppress(SandboxFault, OSError):  # it may just have ended
                return ZygoteStarter(folder, native, mother)
        # Where the machine forbids namespaces of our own, bubblewrap may have the right.
        with contextlib.suppress(SandboxFault, OSError):
            return ZygoteStarter(_subfolder(folder, "zygote"), native, openings=openings, port=config.port)
    if config.isolation in ("auto", "bwrap"):
        try:
            return _bubblewrap(_subfolder(folder, "bwrap"), native, openings, config.port)
        except (SandboxFault, OSError):
            if config.isolation == "bwrap":
                raise
    # Whoever asks for none gets none.
    return BareStarter(_subfolder(folder, "bare"), native, hold_files=config.isolation == "auto")


def _subfolder(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(mode=0o755)
    return place


def _bubblewrap(folder: Path, native: bool, openings: Sequence[Opening], port: int) -> BubblewrapStarter:
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxFault(
            "bubblewrap is not installed: install the package 'bubblewrap' or use --isolation auto"
        )
    starter = BubblewrapStarter(folder, native, program, openings, port)
    listens = "import sys; sys.path.append('/var/runtime'); import networks; networks.listen(True)"
    trial = subprocess.run(
        [
            *starter.command,
            "--",
            starter.image.python,
            "-E",
            "-s",
            "-S",
            "-c",
            listens if openings else "import socket, json, logging",
        ],
        capture_output=True,
        text=True,
        timeout=20,
        env={},
        cwd="/",
        check=False,
    )
    if trial.returncode:
        raise SandboxFault(f"bubblewrap does not work here: {trial.stderr.strip()[:200]}")
    return starter


def describe(starter: Starter, groups: ControlGroups | None, opened: Sequence[Opening] = ()) -> Isolation:
    """Return the promises that hold with this starter and these control groups, and those that do not."""
    controllers = groups.controllers if groups is not None else frozenset[str]()
    isolated = starter.level != "process"
    promises = dict.fromkeys(_NAMESPACES, isolated)
    promises[MEMORY_TREE] = "memory" in controllers or sys.platform == "linux"
    promises[MEMORY_EXACT] = "memory" in controllers
    promises[CPU] = "cpu" in controllers
    promises[PROCESS_COUNT] = "pids" in controllers or isolated
    promises[TMP_SIZE] = starter.keeps_tmp_size
    promises[TMP_APART] = True
    promises[OPEN_FILES] = True
    promises[SYSTEM_CALLS] = confinement.seccomp_possible()
    promises[FILES_TWICE] = isolated and confinement.landlock_version() > 0
    enforced = tuple(text for text, holds in promises.items() if holds)
    missing = tuple(text for text, holds in promises.items() if not holds)
    return Isolation(starter.level, enforced, missing, tuple(map(str, opened)))


def report(config: Config) -> Isolation:
    """Try everything once, clean up, and return what this machine allows."""
    with tempfile.TemporaryDirectory(prefix="lambda-sandbox-") as folder:
        starter = choose_starter(config, Path(folder))
        groups = find_control_groups("lambda-sandbox")
        try:
            return describe(starter, groups, read_openings(config.allow_network))
        finally:
            starter.close()
            if groups is not None:
                groups.close()


def main() -> None:
    delegation.ask_for_own_group()
    try:
        isolation = report(Config.load())
    except SandboxFault as fault:
        sys.exit(str(fault))
    print(f"isolation: {isolation.level}")
    for title, texts in (("enforced", isolation.enforced), ("missing", isolation.missing)):
        print(f"{title}:")
        for text in texts or ("nothing",):
            print(f"  {text}")


if __name__ == "__main__":
    main()
