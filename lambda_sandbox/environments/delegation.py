"""Control groups of version 2 under systemd: a group of one's own, asked for as ``systemd-run --scope`` asks.

On a learner's machine the groups belong to systemd, and a terminal's group may not be divided. systemd gives any process of a
login session a *scope* with the controllers delegated to it, without root. Its group must then hold no process itself ("no internal
processes"), so that this process moves to a leaf below. Source: systemd's "Control Group APIs and Delegation"; the kernel's cgroup-v2 guide.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

CONTROLLERS = ("memory", "pids", "cpu")
LEAF = "sandbox-server"
_MOUNT = Path("/sys/fs/cgroup")
_PATIENCE_S = 2.0
_MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")


def ask_for_own_group() -> None:
    """Move this process to a group whose controllers it may hand down, where systemd gives one; otherwise change nothing.

    To be called before anything else is started: what a process started before stays in the old group, and may not join a new one.
    """
    here = _own_group()
    if here is None or here.name == LEAF or not _has_memory(_MOUNT):
        return
    if _ask_systemd():
        scope = _moved(here)
        if scope is not None:
            divide(scope)


def divide(group: Path) -> None:
    """Move this process from ``group`` to a leaf below it, and hand the controllers down. Nothing where that is refused."""
    with contextlib.suppress(OSError):
        leaf = group / LEAF
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")
        hand_down(group)


def hand_down(group: Path) -> list[str]:
    """Let groups below ``group`` have limits. Returns the controllers that they get. Raises ``OSError``."""
    available = (group / "cgroup.controllers").read_text().split()
    wanted = [controller for controller in CONTROLLERS if controller in available]
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in wanted))
    return wanted


def _own_group() -> Path | None:
    """Return this process's group; ``None`` without version 2, or where version 1 has the controllers."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                return _MOUNT / line[4:]
    return None


def _has_memory(group: Path) -> bool:
    with contextlib.suppress(OSError):
        return "memory" in (group / "cgroup.controllers").read_text().split()
    return False


def _ask_systemd() -> bool:
    """Ask the user's systemd, or the machine's for root, to put this process into a scope. False where there is none."""
    busctl = shutil.which("busctl")
    if busctl is None:
        return False
    user = os.geteuid()
    whose = "--user" if user else "--system"
    # su and sudo leave the variable out that says where the user's systemd listens.
    variables = {"XDG_RUNTIME_DIR": f"/run/user/{user}", **os.environ}
    process = str(os.getpid())
    properties = f"3 Description s lambda_sandbox Delegate b true PIDs au 1 {process}".split()
    request = [
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
        f"lambda-sandbox-{process}.scope",
        "fail",
        *properties,
    ]
    try:
        answer = subprocess.run(
            [busctl, whose, "--quiet", "call", *_MANAGER, *request, "0"],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _moved(before: Path) -> Path | None:
    """Wait until systemd has moved this process, and return its new group."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        here = _own_group()
        if here is not None and here != before:
            return here
        time.sleep(0.002)
    return None
