"""The ``labs`` command as a person meets it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.hints import read_hints

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
    asked = CliRunner().invoke(main, ["hint", "7", "1", "2"])
    assert asked.output == "Hint 2 of 3 for test_total: One and two.\n"
    assert "has 3 hints" in CliRunner().invoke(main, ["hint", "7", "test_total", "4"]).output


def test_reset_brings_the_original_back_and_keeps_a_copy(course: Path) -> None:
    original = (course / "lab.ipynb").read_text()
    (course / "lab.ipynb").write_text("my work")
    for kept in (1, 2):
        assert CliRunner().invoke(main, ["reset", "07"]).exit_code == 0
        assert (course / "lab.ipynb").read_text() == original
        assert len(list(course.glob("lab.*-*.ipynb"))) == kept
    assert "my work" in [path.read_text() for path in course.glob("lab.*-*.ipynb")]


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
