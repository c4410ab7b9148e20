"""The filter is interpreted here instruction by instruction, as the kernel would."""

from __future__ import annotations

import errno
import struct

import pytest

from lambda_sandbox.environments.confinement import filter_program

X86_64, ARM64 = 0xC000003E, 0xC00000B7
ALLOWED, NOT_PERMITTED, ABSENT = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS


def verdict(machine: str, architecture: int, number: int, first_argument: int = 0) -> int:
    program = filter_program(machine)
    instructions = list(struct.iter_unpack("HBBI", program))
    data = struct.pack("<iIQQ", number, architecture, 0, first_argument)
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, operand = instructions[place]
        place += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return int(operand)
        elif code == 0x05:
            place += operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: accumulator & operand != 0,
            }
            place += if_true if holds[code] else if_false


@pytest.mark.parametrize(
    "number", [0, 1, 9, 42, 57, 59, 60, 100, 102, 162, 231, 257, 302, 334, 424, 434, 436, 441, 450, 462]
)
def test_ordinary_calls_are_allowed(number: int) -> None:
    assert verdict("x86_64", X86_64, number) == ALLOWED


@pytest.mark.parametrize(
    ("machine", "architecture", "numbers"),
    [
        ("x86_64", X86_64, [101, 155, 161, 165, 166, 246, 250, 272, 298, 308, 310, 311, 313, 321, 323, 425, 427, 442, 443]),
        ("aarch64", ARM64, [18 + 21, 40, 41, 51, 97, 117, 241, 268, 270, 271, 273, 280, 282, 425, 427, 442, 443]),
    ],
)  # fmt: skip
def test_calls_that_reach_out_of_an_environment_are_not_permitted(
    machine: str, architecture: int, numbers: list[int]
) -> None:
    assert {verdict(machine, architecture, number) for number in numbers} == {NOT_PERMITTED}


def test_a_process_may_be_cloned_but_not_into_new_namespaces() -> None:
    assert verdict("x86_64", X86_64, 56, 0x11) == ALLOWED
    for flag in (0x00020000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict("x86_64", X86_64, 56, flag | 0x11) == NOT_PERMITTED


@pytest.mark.parametrize(
    ("machine", "architecture", "number"), [("x86_64", X86_64, 41), ("aarch64", ARM64, 198)]
)
def test_sockets_are_of_the_families_that_a_namespace_holds(
    machine: str, architecture: int, number: int
) -> None:
    families = {family for family in range(64) if verdict(machine, architecture, number, family) == ALLOWED}
    assert families == {1, 2, 10, 16}  # Unix, IPv4, IPv6, netlink
    assert verdict(machine, architecture, number, 40) == 0x50000 | errno.EAFNOSUPPORT  # AF_VSOCK


def test_clone3_seems_absent_so_that_libraries_take_clone() -> None:
    assert verdict("x86_64", X86_64, 435) == ABSENT


def test_calls_by_another_architectures_numbers_are_not_permitted() -> None:
    assert verdict("x86_64", 0x40000003, 1) == NOT_PERMITTED
    assert verdict("x86_64", X86_64, 0x40000000 + 101) == NOT_PERMITTED


def test_an_unknown_machine_has_no_filter() -> None:
    assert filter_program("riscv64") == b""
