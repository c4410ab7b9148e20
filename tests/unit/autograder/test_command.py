"""The ``labs`` command as a person meets it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.hints import read_hints
from autograder.progress import progress_path
from tests.plain_checks import CHECKS

from .conftest import Write

HINTS = "# Hints\n\n## test_total\n\n1. Add.\n2. One and\n   two.\n3. It is 3.\n\n## `test_printed`\n\n1. Print.\n"


@pytest.fixture
def course(tmp_path: Path, write_notebook: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lab in a git repository of its own; returns the lab's folder."""
    folder = tmp_path / "course" / "labs"
    lab = folder / "07-plain"
    write_notebook(("facts", "total = ..."), folder=lab)
    (lab / "checks").mkdir()
    (lab / "checks" / "test_plain.py").write_text(CHECKS)
    (lab / "hints.md").write_text(HINTS)
    (folder / "labs.toml").write_text('[[lab]]\nslug = "07-plain"\ntitle = "Plain"\nminutes = 20\n')
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "The course"]):
        settings = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *settings, *words], cwd=folder.parent, check=True)
    monkeypatch.setenv("LABS_FOLDER", str(folder))
    return lab


def test_hints_open_one_at_a_time(course: Path) -> None:
    assert read_hints(course / "hints.md")["test_total"] == ["Add.", "One and two.", "It is 3."]
    ask = ["hint", "7", "1"]
    assert "opens hint 1" in CliRunner().invoke(main, [*ask, "2"]).output
    assert CliRunner().invoke(main, ask).output == "Hint 1 of 3 for test_total: Add.\n"
    assert CliRunner().invoke(main, ask).output == "Hint 2 of 3 for test_total: One and two.\n"
    assert CliRunner().invoke(main, [*ask, "1"]).output == "Hint 1 of 3 for test_total: Add.\n"
    assert CliRunner().invoke(main, ["hint", "7"]).output == "Hint 3 of 3 for test_total: It is 3.\n"
    assert "all of them are open" in CliRunner().invoke(main, ask).output
    assert "has 3 hints" in CliRunner().invoke(main, ["hint", "7", "test_total", "4"]).output


def test_reset_brings_the_original_back_and_keeps_a_copy(course: Path) -> None:
    original = (course / "lab.ipynb").read_text()
    (course / "lab.ipynb").write_text("my work")
    for kept in (1, 2):
        assert CliRunner().invoke(main, ["reset", "07"]).exit_code == 0
        assert (course / "lab.ipynb").read_text() == original
        assert len(list(course.glob("lab.*-*.ipynb"))) == kept
    assert "my work" in [path.read_text() for path in course.glob("lab.*-*.ipynb")]


def test_check_is_remembered_by_next_and_progress(course: Path, write_notebook: Write) -> None:
    assert "Work through it, then: labs check 07" in CliRunner().invoke(main, ["next"]).output
    CliRunner().invoke(main, ["check", "7"])
    asked = CliRunner().invoke(main, ["next"]).output
    assert "Next: The total" in asked
    assert "labs hint 07 test_total" in asked
    assert "0 of 1" in CliRunner().invoke(main, ["progress"]).output
    write_notebook(("facts", "total = 3"), folder=course)
    CliRunner().invoke(main, ["check", "7"])
    assert CliRunner().invoke(main, ["next"]).output == "Every lab is finished.\n"
    assert "finished" in CliRunner().invoke(main, ["progress"]).output


def test_progress_outlives_the_course_folder_and_the_solution_does_not_count(
    course: Path, write_notebook: Write, tmp_path: Path
) -> None:
    write_notebook(("facts", "total = 3"), folder=course / "solution")
    solution = str(course / "solution" / "lab.ipynb")
    assert CliRunner().invoke(main, ["check", "7", "--notebook", solution]).exit_code == 0
    assert "0 of 1" in CliRunner().invoke(main, ["progress"]).output
    CliRunner().invoke(main, ["hint", "7", "1"])
    course.parent.rename(tmp_path / "moved")
    env = {"LABS_FOLDER": str(tmp_path / "moved")}
    assert "Hint 2 of 3" in CliRunner().invoke(main, ["hint", "7", "1"], env=env).output


def test_damaged_progress_is_said_once_and_the_check_goes_on(course: Path, write_notebook: Write) -> None:
    path = progress_path()
    path.parent.mkdir(parents=True)
    path.write_text("{")
    write_notebook(("facts", "total = 3"), folder=course)
    done = CliRunner().invoke(main, ["check", "7", "--format", "json"])
    assert done.exit_code == 0
    assert done.stderr.count("\n") == 1
    assert json.loads(done.stdout)["score"] == 2
    assert CliRunner().invoke(main, ["next"]).output == "Every lab is finished.\n"


def test_in_the_table_a_hint_is_asked_for_in_words_that_fit_a_narrow_cell(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    (course / "checks" / "test_plain.py").write_text(CHECKS.replace("test_total", "test_the_total_of_it_all"))
    (course / "hints.md").write_text("## test_other\n\n1. A.\n\n## test_the_total_of_it_all\n\n1. B.\n")
    table = CliRunner().invoke(main, ["check", "7"]).output
    assert "labs hint 07 2" in table
    assert (
        CliRunner().invoke(main, ["hint", "07", "2"]).output.startswith("Hint 1 of 1 for test_the_total_of")
    )


def test_why_is_shown_once_a_check_passes(course: Path, write_notebook: Write) -> None:
    source = CHECKS.replace('"""The total"""', '"""The total\n\n    Sums are sums.\n    """')
    (course / "checks" / "test_plain.py").write_text(source)
    assert "Sums are sums" not in CliRunner().invoke(main, ["check", "7"]).output
    write_notebook(("facts", "total = 3"), folder=course)
    done = CliRunner().invoke(main, ["check", "7", "--format", "json"])
    assert json.loads(done.output)["checks"][0]["told"] == [["why", "Sums are sums."]]


def test_list_names_every_lab(course: Path) -> None:
    assert "07-plain" in CliRunner().invoke(main, ["list"]).output


def test_unknown_lab_and_missing_notebook_end_with_one_sentence(course: Path) -> None:
    for words in (
        ["check", "99"],
        ["check", "7", "--notebook", "missing.ipynb"],
        ["grade", "missing", "--lab", "7", "--out", "x"],
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code != 0
        assert "Traceback" not in done.output


def test_check_tells_the_learner_nothing_of_held_checks(course: Path, write_notebook: Write) -> None:
    path = write_notebook(("facts", "total = 4"))
    done = CliRunner().invoke(main, ["check", "7", "--notebook", str(path), "--format", "json"])
    document = json.loads(done.output)
    assert (done.exit_code, document["held_checks"], document["max_score"]) == (1, 1, 2)
    assert "printed" not in done.output
    [check] = document["checks"]
    assert check["told"] == [["wanted", "3"], ["got", "4"], ["look at", "the sum"]]
    assert check["hint"] == "labs hint 07 test_total"


@pytest.mark.parametrize("what", ["not JSON", "a folder", "empty", "the lab's own, empty"])
def test_a_file_that_is_no_notebook_leaves_progress_as_it_was(
    course: Path, write_notebook: Write, tmp_path: Path, what: str
) -> None:
    write_notebook(("facts", "total = 3"), folder=course)
    assert CliRunner().invoke(main, ["check", "7"]).exit_code == 0
    own = "own" in what
    bad = course / "lab.ipynb" if own else tmp_path / "bad.ipynb"
    if what == "a folder":
        bad.mkdir()
    else:
        bad.write_text("" if "empty" in what else "{")
    before = progress_path().read_bytes()
    done = CliRunner().invoke(main, ["check", "7"] if own else ["check", "7", "--notebook", str(bad)])
    assert done.exit_code == 1
    assert done.output.endswith("Nothing was recorded: your progress is unchanged.\n")
    assert done.output.count("\n") == 1
    assert ("labs reset 07" in done.output) == own
    assert progress_path().read_bytes() == before


@pytest.mark.parametrize("command", ["check", "watch"])
def test_a_lab_without_its_notebook_says_how_it_comes_back(course: Path, command: str) -> None:
    (course / "lab.ipynb").unlink()
    done = CliRunner().invoke(main, [command, "7"])
    assert done.exit_code == 1
    assert done.output == f"Error: {course / 'lab.ipynb'} does not exist: labs reset 07 brings it back.\n"
    assert CliRunner().invoke(main, ["reset", "7"]).exit_code == 0
    assert (course / "lab.ipynb").exists()


def test_reset_keeps_a_folder_that_is_in_the_notebook_s_place(course: Path) -> None:
    (course / "lab.ipynb").unlink()
    (course / "lab.ipynb").mkdir()
    assert CliRunner().invoke(main, ["reset", "7"]).exit_code == 0
    assert (course / "lab.ipynb").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--zzz"], "Error: No such option '--zzz'; see labs check --help\n"),
        (["nope"], "Error: No such command 'nope'; see labs --help\n"),
        (["check", "99"], "Error: There is no lab '99'. The labs: 07-plain; see labs check --help\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_is_one_line(course: Path, words: list[str], said: str) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert done.output == said


def test_labs_alone_is_its_help(course: Path) -> None:
    assert "Commands:" in CliRunner().invoke(main, []).output


def test_ctrl_c_in_a_check_says_that_nothing_was_recorded(
    course: Path, write_notebook: Write, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    write_notebook(("facts", "total = 3"), folder=course)
    (course / "checks" / "conftest.py").write_text(
        f"import time\n\ndef pytest_runtest_setup(item):\n    open({str(begun)!r}, 'w').close()\n    time.sleep(60)\n"
    )
    checking = subprocess.Popen(
        [sys.executable, "-m", "autograder", "check", "7"], stderr=subprocess.PIPE, text=True
    )
    begun.read_bytes()  # blocks until the first check runs
    checking.send_signal(signal.SIGINT)
    _, err = checking.communicate(timeout=60)
    assert err == "Stopped: nothing was recorded, and your progress is as it was.\n"
    assert checking.returncode == 130
    assert not progress_path().exists()


@pytest.mark.parametrize("address", ["foo", "foo:8786", "http://127.0.0.1:9", "tcp://127.0.0.1"])
def test_what_is_no_address_of_a_dask_scheduler_is_refused_at_once(
    course: Path, tmp_path: Path, address: str
) -> None:
    pytest.importorskip("distributed", reason="Dask is an extra of its own: pip install distributed")
    out = str(tmp_path / "out")
    words = ["grade", str(course / "lab.ipynb"), "--lab", "7", "--out", out, "--dask", address]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "autograder", *words], capture_output=True, text=True, check=False
    )
    assert time.monotonic() - began < 15
    assert done.returncode == 1
    said = f"Error: No Dask scheduler answers at {address!r}: its address is tcp://HOST:PORT.\n"
    assert done.stderr == said


def test_nobody_at_a_dask_address_is_one_sentence(course: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is an extra of its own: pip install distributed")
    out = str(tmp_path / "out")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        words = ["grade", str(course / "lab.ipynb"), "--lab", "7", "--out", out, "--dask", address]
        done = subprocess.run(
            [sys.executable, "-m", "autograder", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: No Dask scheduler answers at {address} (TimeoutError): start one")
    assert done.stderr.count("\n") == 1
