"""Makes this machine a lesser one for one program: ``python lesser.py namespaces,landlock,filters -- COMMAND``.

What is named is refused by the kernel, to the command and all that it starts, as in a container or on a kernel without it. It
needs no privilege, and works for root and for anybody.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

NAMESPACES, LANDLOCK, FILTERS = "namespaces", "landlock", "filters"
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERROR, _EPERM, _ENOSYS, _EINVAL = 0x7FFF0000, 0x00050000, 1, 38, 22
_NUMBER, _FIRST_ARGUMENT = 0, 16
_NO_NEW_PRIVILEGES, _SET_SECCOMP = 38, 22
# Numbers of system calls. Source: the kernel's syscall_64.tbl and asm-generic/unistd.h.
_CALLS = {
    "x86_64": {"clone": 56, "prctl": 157, "mount": 165, "unshare": 272, "setns": 308, "seccomp": 317},
    "aarch64": {"clone": 220, "prctl": 167, "mount": 40, "unshare": 97, "setns": 268, "seccomp": 277},
}
_CLONE3, _LANDLOCK_CALLS = 435, (444, 445, 446)
_NEW_NAMESPACES = 0x7E020080
Instruction = tuple[int, int, int, int]


def possible() -> bool:
    """True where this file knows the numbers of the machine's system calls."""
    return sys.platform == "linux" and os.uname().machine in _CALLS


def _refuse(number: int, error: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)]


def _refuse_argument(number: int, test: int, value: int, error: int) -> list[Instruction]:
    """Refuse one call where its first argument is (or has a bit of) ``value``, and allow it otherwise."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (test, 0, 1, value),
        (_RETURN, 0, 0, _ERROR | error),
        (_RETURN, 0, 0, _ALLOW),
    ]


def program(lacking: set[str]) -> list[Instruction]:
    calls = _CALLS[os.uname().machine]
    found: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    if LANDLOCK in lacking:
        for number in _LANDLOCK_CALLS:
            found += _refuse(number, _ENOSYS)
    if NAMESPACES in lacking:
        found += _refuse(_CLONE3, _ENOSYS)
        for name in ("unshare", "setns", "mount"):
            found += _refuse(calls[name], _EPERM)
        found += _refuse_argument(calls["clone"], _ANY_BIT, _NEW_NAMESPACES, _EPERM)
    if FILTERS in lacking:
        found += _refuse(calls["seccomp"], _ENOSYS)
        found += _refuse_argument(calls["prctl"], _EQUAL, _SET_SECCOMP, _EINVAL)
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def become_lesser(lacking: set[str]) -> None:
    """Refuse to this process, and all it starts, what is ``lacking``. Raises ``OSError``."""
    text = b"".join(struct.pack("HBBI", *instruction) for instruction in program(lacking))
    kept = ctypes.create_string_buffer(text, len(text))
    head = struct.pack("HxxxxxxQ", len(text) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, 2, ctypes.c_char_p(head), 0, 0):
        raise OSError(ctypes.get_errno(), "this kernel filters no system calls")


if __name__ == "__main__":
    become_lesser(set(sys.argv[1].split(",")))
    os.execvp(sys.argv[3], sys.argv[3:])
