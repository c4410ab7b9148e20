"""What the kernel refuses to a function whatever its user may do: system calls (seccomp) and file accesses (Landlock).

Both need no privilege and last for the process and all that it starts. Namespaces and users come first and already hold
what these hold; these hold it once more, should a kernel's namespaces have a hole. Source: seccomp(2), landlock(7).

Standard library only: this file is mounted alone at ``/var/runtime`` beside the launcher.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys

# Numbers of system calls: x86_64, then arm64. Source: the kernel's syscall_64.tbl and asm-generic/unistd.h.
_DENIED = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "reboot": (169, 142), "request_key": (249, 218), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170), "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vhangup": (153, 58),
}  # fmt: skip
_CLONE = (56, 220)
_SOCKET = (41, 198)
# Unix, IPv4, IPv6 and netlink. No namespace holds the others: by AF_VSOCK one reaches the host of a virtual machine, and its peers.
_FAMILIES = (1, 2, 10, 16)
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_LOAD, _JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_SET_SECCOMP, _FILTER = 22, 2

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_CHANGE = _READ | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_ALL = (1 << 16) - 1
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3

_libc = ctypes.CDLL(None, use_errno=True)
Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def filter_program(machine: str) -> bytes:
    """Return the seccomp filter for ``machine``; empty where its numbers are not known here.

    A balanced search: some seven comparisons a system call instead of fifty. What is denied fails with EPERM; ``clone3``,
    whose flags a filter cannot see, with ENOSYS, so that C libraries take ``clone``; a socket of a family that nobody needs
    with EAFNOSUPPORT, as on a kernel that has none of it.
    """
    if machine not in _AUDIT_ARCHITECTURES:
        return b""
    column = list(_AUDIT_ARCHITECTURES).index(machine)
    search = _search(sorted(numbers[column] for numbers in _DENIED.values()))
    # From the search's first instruction on.
    allow, deny, absent, clone, family = (len(search) + n for n in (0, 1, 2, 3, 7))
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 0, deny + 5, _AUDIT_ARCHITECTURES[machine]),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, deny + 3, 0, _X32),
        (_JUMP_EQUAL, absent + 2, 0, _CLONE3),
        (_JUMP_EQUAL, clone + 1, 0, _CLONE[column]),
        (_JUMP_EQUAL, family, 0, _SOCKET[column]),
        *search,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *((_JUMP_EQUAL, len(_FAMILIES) - place, 0, number) for place, number in enumerate(_FAMILIES)),
        (_RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ]
    assert search[-1][0] == _JUMP
    assert allow == len(search)
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _search(numbers: list[int], after: int = 0) -> list[Instruction]:
    """Return comparisons that end behind themselves (allowed) or one further (denied).

    ``after`` is how many more instructions of the search follow.
    """
    if len(numbers) > 3:
        middle = len(numbers) // 2
        right = _search(numbers[middle:], after)
        left = _search(numbers[:middle], after + len(right))
        return [(_JUMP_AT_LEAST, len(left), 0, numbers[middle]), *left, *right]
    count = len(numbers)
    equal = [(_JUMP_EQUAL, count - place + after + 1, 0, number) for place, number in enumerate(numbers)]
    return [*equal, (_JUMP, 0, 0, after)]


_PROGRAM = filter_program(os.uname().machine if sys.platform == "linux" else "")


def landlock_version() -> int:
    """Return the kernel's Landlock ABI; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def seccomp_possible() -> bool:
    """True where the kernel filters system calls and the filter knows this machine's numbers."""
    if not _PROGRAM:
        return False
    with (
        contextlib.suppress(OSError),
        open("/proc/sys/kernel/seccomp/actions_avail", encoding="ascii") as file,
    ):
        return "errno" in file.read().split()
    return False


def filter_system_calls() -> bool:
    """Refuse the denied system calls from now on and return whether the kernel took that. Needs ``no_new_privileges``."""
    if not _PROGRAM:
        return False
    text = ctypes.create_string_buffer(_PROGRAM, len(_PROGRAM))
    head = struct.pack("HxxxxxxQ", len(_PROGRAM) // 8, ctypes.addressof(text))
    return bool(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(head), 0, 0) == 0)


def hold_files(
    readable: tuple[str, ...], changeable: tuple[str, ...], open_to_write: tuple[str, ...]
) -> None:
    """Allow from now on: to read and run what lies below ``readable``; everything below ``changeable``; and to write, but
    neither create nor remove, below ``open_to_write``. Signals and abstract sockets reach no process outside, where the
    kernel's Landlock has that. Does nothing where it has none.
    """
    version = landlock_version()
    if not version:
        return
    handled = _ALL >> max(0, (16 - {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)))
    attributes = struct.pack("QQQ", handled, 0, _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _libc.syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    if rules < 0:
        return
    for paths, access in ((readable, _READ), (changeable, _ALL), (open_to_write, _CHANGE)):
        for path in paths:
            _add_rule(rules, path, access & handled)
    _libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def _add_rule(rules: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        access &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
    rule = struct.pack("=Qi", access, place)
    _libc.syscall(_ADD_RULE, rules, 1, ctypes.c_char_p(rule), 0)
    os.close(place)
