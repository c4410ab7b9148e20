"""The ``labs`` command as a person meets it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.hints import read_hints
from autograder.progress import progress_path

from .conftest import CHECKS, Write

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
