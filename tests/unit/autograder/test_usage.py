"""Wrong usage of ``labs`` is one line that says what is to be written, and so is an output that cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main

COURSE = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("command", ["check", "watch", "grade"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "soon"])
def test_a_timeout_that_is_none_is_refused_before_anything_runs(command: str, seconds: str) -> None:
    done = CliRunner().invoke(main, [command, "01", "--timeout", seconds])
    assert done.exit_code == 2
    assert done.output.startswith("Error: Invalid value for '--timeout': ")
    assert done.output.endswith(f"; see labs {command} --help\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["package"], "Missing argument 'PLACE'. Choose from: gradescope, github, jupyterhub; see labs package"),
        (["hint", "01", "1", "abc"], "'abc' is not a whole number; see labs hint"),
    ],
    ids=["a choice that is missing", "a number that is none"],
)  # fmt: skip
def test_wrong_usage_has_no_line_ends_and_no_types_of_click(words: list[str], said: str) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert f"{said} --help\n" in done.output
    assert done.output.count("\n") == 1


def test_a_notebook_s_name_that_no_file_system_takes_is_one_sentence() -> None:
    done = CliRunner().invoke(main, ["check", "01", "--notebook", "x" * 300])
    assert done.exit_code == 1
    assert done.output == f"Error: {'x' * 300}: File name too long\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_standard_output_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = labs("list", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "Error: standard output cannot be written: No space left on device\n"


def test_a_closed_standard_output_is_no_error() -> None:
    command = 'exec "$0" -m autograder list >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable], cwd=COURSE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "autograder", "list"],
        cwd=COURSE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    started.stdout.close()
    _, said = started.communicate(timeout=60)
    assert said == ""


def labs(*words: str, stdout: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autograder", *words]
    return subprocess.run(
        command,
        cwd=COURSE,
        stdout=stdout,  # type: ignore[call-overload]
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
