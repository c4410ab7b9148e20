"""Shuts one submission in: namespaces and mounts of its own, another user, limits, and what the kernel refuses.

Called in a process that the fork server has just forked, before any line of the notebook. ``enter`` is for the process
that runs nbclient and so for all below it; ``restrict`` is called by each process for itself.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from typing import Any

if sys.platform == "linux":
    from lambda_sandbox.environments import confinement, namespaces

SCRATCH = "/scratch"
_WRITABLE = (SCRATCH, "/tmp", "/dev/shm")  # noqa: S108 (inside the namespace)
_APART = ("NEWNS", "NEWNET", "NEWIPC", "NEWUTS", "NEWCGROUP")
_MAPPED_USER = 65_532


def enter(settings: dict[str, Any]) -> None:
    """Be apart from the fork server and every other submission. Raises ``OSError`` where the machine forbids it."""
    os.setsid()
    if sys.platform != "linux":
        return
    if not settings["namespaces"]:
        namespaces.adopt_orphans()
        return
    flags = 0
    for name in _APART:
        flags |= getattr(namespaces, name)
    namespaces.unshare(flags)
    namespaces.make_private()
    socket.sethostname("lab")
    namespaces.loopback_up()
    quiet = namespaces.NO_SUID | namespaces.NO_DEV
    kept = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in settings["kept"]}
    for folder in _WRITABLE:
        # An empty file takes no room of the size, but a kilobyte of the kernel's memory.
        room = f"size={settings['scratch_mb']}m,nr_inodes={settings['scratch_files']},mode=1777"
        namespaces.mount("tmpfs", folder, "tmpfs", quiet, room)
    for path, place in kept.items():  # Python itself may lie below /tmp
        os.makedirs(path, mode=0o755)
        namespaces.bind_read_only(f"/proc/self/fd/{place}", path)
        os.close(place)
    namespaces.mount("proc", "/proc", "proc", quiet | namespaces.NO_EXEC)
    if settings["files"]:
        target = f"{SCRATCH}/{os.path.basename(settings['files'])}"
        os.mkdir(target)
        namespaces.bind_read_only(settings["files"], target)


def drop_user(settings: dict[str, Any]) -> None:
    """Become nobody in particular, without a capability, for good."""
    limit(settings["rlimits"])
    user = settings["user"]
    if user is not None:
        namespaces.bound_capabilities()
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    elif settings["namespaces"]:
        # Without root there is one user only; in a user namespace of its own its processes are counted apart.
        outside = os.getuid(), os.getgid()
        namespaces.unshare(namespaces.NEWUSER)
        namespaces.write_identity_map(_MAPPED_USER, *outside)
        namespaces.bound_capabilities()
    if sys.platform == "linux":
        if not settings["namespaces"]:
            namespaces.bound_capabilities()
        namespaces.drop_capabilities()  # without namespaces root has them over the whole machine
        namespaces.no_new_privileges()
        namespaces.die_with_parent(signal.SIGKILL)  # after the change of user, which forgets it
    os.umask(0o077)


def limit(limits: dict[str, int]) -> None:
    """Set resource limits by name (``RLIMIT_CPU`` in seconds, sizes in bytes), never above what holds already."""
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
            resource.setrlimit(kind, (value, value))


def hide_from_peers(hidden: bool) -> None:
    """Refuse or allow ptrace, ``/proc/PID/mem`` and ``/proc/PID/fd`` to processes of the same user. Linux only."""
    if sys.platform == "linux":
        namespaces.open_to_peers(not hidden)


def restrict(settings: dict[str, Any]) -> None:
    """Give up, in this process and all it starts, the system calls and files that no notebook needs. Linux only."""
    if sys.platform != "linux":
        return
    if settings["namespaces"]:
        confinement.hold_files(("/",), _WRITABLE, ("/dev", "/proc"))
    elif settings["readable"]:
        confinement.hold_files(tuple(settings["readable"]), (settings["home"],), ("/dev",))
    confinement.filter_system_calls()
