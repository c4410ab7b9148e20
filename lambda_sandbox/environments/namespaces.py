"""System calls that Python's library lacks: namespaces, mounts, capabilities. Runs inside environments.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the launcher. Linux only.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from typing import Any

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_RELATIVE_ATIME = 1 << 21
_DETACH = 2
_PDEATHSIG, _DUMPABLE, _SUBREAPER, _NO_NEW_PRIVS, _BOUNDING_DROP = 1, 4, 36, 38, 24
_CAPABILITIES = 41
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C

_libc = ctypes.CDLL(None, use_errno=True)
# Keeps Python's lock: a child has no other thread to give it back.
_libc_in_turn = ctypes.PyDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def on_signal(number: int, handler: Any = _signal.SIG_DFL) -> None:
    """``signal.signal`` without its enumerations, whose machinery writes to forty pages of memory that a fork shares."""
    _signal.signal(number, handler)


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags``. Raises ``OSError`` where the machine forbids it."""
    _check(_libc.unshare(flags), "unshare")


def join(fd: int, kind: int) -> None:
    """Enter the namespace ``fd`` of a ``kind``, such as ``NEWNET``; with ``NEWPID`` the next child is in it."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mount {target}")


def bind_read_only(source: str, target: str, recursive: bool = True) -> None:
    """Show ``source`` at ``target``, unwritable."""
    mount(source, target, flags=BIND | (RECURSIVE if recursive else 0))
    present = os.statvfs(target).f_flag
    # In a user namespace the flags that the mount already has are locked and must be repeated.
    kept = present & (NO_SUID | NO_DEV | NO_EXEC | os.ST_NOATIME | os.ST_NODIRATIME)
    if present & os.ST_RELATIME:
        kept |= _RELATIVE_ATIME
    mount("none", target, flags=BIND | REMOUNT | READ_ONLY | NO_SUID | kept)


def make_private() -> None:
    mount("none", "/", flags=RECURSIVE | PRIVATE)


def detach(target: str) -> None:
    _check(_libc.umount2(target.encode(), _DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    _check(_libc.pivot_root(new.encode(), old.encode()), "pivot_root")


def write_identity_map(inside: int, outside_uid: int, outside_gid: int) -> None:
    """After ``unshare(NEWUSER)``: be ``inside`` in the new user namespace."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {outside_uid} 1"),
        ("gid_map", f"{inside} {outside_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def loopback_up() -> None:
    """Switch ``lo`` on in this network namespace."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))
    flags = struct.unpack_from("H", request, 16)[0]
    fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
    sock.close()


def add_address(address: str, number: int) -> None:
    """Give ``lo``, which is up, one more IPv4 address in this network namespace, under the name ``lo:number``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # The mask second: with the address comes that of its class, and with it all addresses of the class.
        for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
            place = struct.pack(
                "=16sHH4s16x", f"lo:{number}".encode(), socket.AF_INET, 0, socket.inet_aton(value)
            )
            fcntl.ioctl(sock, request, place)


def fork() -> int:
    """Fork a process that has one thread, holds no lock and was forked before it ran anybody's code.

    What ``os.fork`` adds is for processes with threads and locks. It writes to some 180 pages, and so copies them: half the
    time of a fork and 0.7 MB of an environment. Its one other duty, new random numbers, is the caller's.
    Raises ``OSError``.
    """
    pid = int(_libc_in_turn.fork())
    _check(pid, "fork")
    return pid


def bound_capabilities() -> None:
    """Rule out that this process, or one it starts, gains a capability again. Needs CAP_SETPCAP; without it nothing changes."""
    for number in range(_CAPABILITIES):
        _libc.prctl(_BOUNDING_DROP, number, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability that this process has."""
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, struct.pack("6I", 0, 0, 0, 0, 0, 0)), "capset")


def no_new_privileges() -> None:
    _check(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def die_with_parent(signal_number: int) -> None:
    _check(_libc.prctl(_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def open_to_peers(allowed: bool) -> None:
    """Allow or refuse ptrace and ``/proc/PID/mem`` to processes of the same user."""
    _check(_libc.prctl(_DUMPABLE, int(allowed), 0, 0, 0), "prctl")


def go_first() -> None:
    """Have the kernel end this process and all that it starts before any other when the machine is out of memory.

    What it starts may take that back where this process lacks CAP_SYS_RESOURCE.
    """
    # A container without a /proc that can be written decides that for itself.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def adopt_orphans() -> None:
    """Become the parent of every orphaned descendant, so that none escapes the end of the environment."""
    _check(_libc.prctl(_SUBREAPER, 1, 0, 0, 0), "prctl")
