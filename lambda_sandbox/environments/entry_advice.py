"""Why a program cannot be started, in words that say what to do next: the system's own are about symptoms.

Part of the launcher: lies beside it inside the environment. Standard library only.
"""

from __future__ import annotations

import os

# Source: the ELF specification, "Machine" (e_machine), as in Linux's elf-em.h.
_MACHINES = {0x3E: "x86_64", 0xB7: "arm64", 0x28: "32-bit ARM", 0x03: "32-bit x86", 0xF3: "RISC-V"}
_NAMES = {"aarch64": "arm64", "amd64": "x86_64"}
_MACOS = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_HEAD_BYTES = 256  # as much of a first line as Linux reads


def advice(programs: list[str]) -> str:
    """Return one sentence about the first of ``programs`` that is there, or about where else a ``bootstrap`` lies.

    Never raises; ``""`` where nothing is known.
    """
    try:
        found = next((program for program in programs if os.path.lexists(program)), None)
        return _misplaced(programs) if found is None else _reason(found)
    except OSError:
        return ""


def _misplaced(programs: list[str]) -> str:
    """Programs that are looked for by one name: only a ``bootstrap`` has places of its own."""
    folder, name = os.path.split(programs[0])
    if name != "bootstrap":
        return f"There is no file {programs[0]}: correct AWS_LAMBDA_EXEC_WRAPPER, or put the script there (/opt is what layers bring)."
    elsewhere = sorted(
        f"{entry.name}/{name}"
        for entry in os.scandir(folder)
        if entry.is_dir() and os.path.isfile(f"{entry.path}/{name}")
    )
    if elsewhere:
        return f"The package has {elsewhere[0]}: zip the folder's content and not the folder, so that bootstrap lies at the root."
    return "An OS-only runtime starts an executable file named bootstrap at the root of the package or of a layer: give your program this name."


def _reason(program: str) -> str:
    name = os.path.basename(program)
    if os.path.isdir(program):
        return f"{name} is a folder: it must be an executable file."
    if not os.access(program, os.X_OK):
        return f"{name} is not executable: run chmod 755 {name} before you zip it, or set its mode in the zip (zips made on Windows have none)."
    with open(program, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"#!"):
        return _of_script(name, head)
    if head.startswith(b"\x7fELF"):
        return _of_program(name, head)
    if head.startswith(_MACOS):
        return f"{name} is a program for macOS: build it for Linux (Go: GOOS=linux; Rust: a target that ends in -linux-gnu or -linux-musl)."
    if head.startswith(b"MZ"):
        return f"{name} is a program for Windows: build it for Linux (Go: GOOS=linux; Rust: a target that ends in -linux-gnu or -linux-musl)."
    if head.startswith(b"\xef\xbb\xbf#!"):
        return (
            f"{name} begins with a byte order mark: save it as UTF-8 without one, so that it begins with #!."
        )
    return f"{name} is neither a program nor a script that begins with #! and its interpreter, such as #!/bin/bash."


def _of_script(name: str, head: bytes) -> str:
    line = head.split(b"\n")[0]
    if line.endswith(b"\r"):
        return f"The lines of {name} end as on Windows: save it with LF as line end, or run dos2unix {name}."
    interpreter = (line[2:].split() or [b""])[0].decode("utf-8", "replace")
    return f"The first line of {name} names {interpreter or 'no interpreter'}, which is not there: name one of the runtime, such as /bin/bash."


def _of_program(name: str, head: bytes) -> str:
    # DIFFERS: ``Architectures`` decides what a function costs. Its code runs on this machine's processor, whatever is named: a program that
    # was built for the other one does not start.
    here = os.uname().machine
    here = _NAMES.get(here, here)
    built = _MACHINES.get(int.from_bytes(head[18:20], "little"), "another machine")
    if built != here:
        target = "amd64" if here == "x86_64" else here
        return f"{name} is built for {built} and this machine is {here}: build it for {here} to run it here (Go: GOOS=linux GOARCH={target})."
    return f"{name} needs a dynamic loader or libraries that are not there: link it statically (Go: CGO_ENABLED=0; Rust: a target that ends in -linux-musl)."
