"""Why a program cannot be started: one sentence each, that says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambda_sandbox.environments.entry_advice import advice

ELF = b"\x7fELF" + bytes(14)
HERE = {"x86_64": 0x3E, "aarch64": 0xB7}.get(os.uname().machine, 0)
OTHER = 0xB7 if HERE == 0x3E else 0x3E


def _program(folder: Path, content: bytes, mode: int = 0o755) -> list[str]:
    file = folder / "bootstrap"
    file.write_bytes(content)
    file.chmod(mode)
    return [str(file), "/opt/nothing/bootstrap"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"#!/bin/sh\r\necho\r\n", "save it with LF as line end", id="line ends of Windows"),
        pytest.param(b"#!/no/such -x\n", "names /no/such, which is not there", id="no interpreter"),
        pytest.param(b"#!\n", "names no interpreter", id="no name of an interpreter"),
        pytest.param(b"echo hi\n", "script that begins with #!", id="no first line"),
        pytest.param(b"", "script that begins with #!", id="empty"),
        pytest.param(b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark", id="byte order mark"),
        pytest.param(b"\xcf\xfa\xed\xfe", "for macOS", id="macOS"),
        pytest.param(b"MZ\x90", "for Windows", id="Windows"),
        pytest.param(ELF + OTHER.to_bytes(2, "little"), "build it for", id="another processor"),
        pytest.param(ELF + HERE.to_bytes(2, "little"), "link it statically", id="no loader"),
    ],
)
def test_a_program_that_does_not_start_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    text = advice(_program(tmp_path, content))
    assert said in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_file_without_its_mode_is_told_before_its_content(tmp_path: Path) -> None:
    assert "run chmod 755 bootstrap" in advice(_program(tmp_path, b"MZ", 0o644))


def test_a_folder_of_that_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").mkdir()
    assert advice([str(tmp_path / "bootstrap")]) == "bootstrap is a folder: it must be an executable file."


def test_a_folder_too_many_is_named(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "bootstrap").touch()
    assert advice([str(tmp_path / "bootstrap")]).startswith(
        "The package has build/bootstrap: zip the folder's content"
    )


def test_a_package_without_one_is_told_its_name(tmp_path: Path) -> None:
    assert "named bootstrap at the root" in advice([str(tmp_path / "bootstrap")])


def test_a_missing_wrapper_is_told_the_variable(tmp_path: Path) -> None:
    assert "correct AWS_LAMBDA_EXEC_WRAPPER" in advice([str(tmp_path / "wrap.sh")])


def test_what_cannot_be_read_is_no_error() -> None:
    assert advice(["/no/such/folder/bootstrap"]) == ""
