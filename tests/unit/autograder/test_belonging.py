"""Whose notebook it is: that of another lab is told apart before it can lower anybody's progress."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.belonging import other_lab
from autograder.discover import Lab, labs_folder, read_labs
from autograder.progress import progress_path
from tests.plain_checks import CHECKS

from .conftest import Write

LISTED = '[[lab]]\nslug = "{0}"\ntitle = "Plain"\nminutes = 20\n'


@pytest.fixture
def labs(tmp_path: Path, write_notebook: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of two labs that have one answer in common; returns the folder of both."""
    folder = tmp_path / "course" / "labs"
    for slug, second in (("07-plain", "facts"), ("08-other", "wiring")):
        for place in (folder / slug, folder / slug / "solution"):
            write_notebook(("predict-1", "guess = ..."), (second, "total = 3"), folder=place)
        (folder / slug / "checks").mkdir()
        (folder / slug / "checks" / "test_plain.py").write_text(CHECKS)
        (folder / slug / "hints.md").write_text("# Hints\n")
    (folder / "labs.toml").write_text(LISTED.format("07-plain") + LISTED.format("08-other"))
    monkeypatch.setenv("LABS_FOLDER", str(folder))
    return folder


def labs_in(folder: Path) -> tuple[Lab, list[Lab]]:
    found = read_labs(folder)
    return found[0], found


def test_another_lab_s_notebook_is_named_and_nothing_is_recorded(labs: Path) -> None:
    assert CliRunner().invoke(main, ["check", "7"]).exit_code == 0
    before = progress_path().read_bytes()
    path = labs / "08-other" / "lab.ipynb"
    done = CliRunner().invoke(main, ["check", "7", "--notebook", str(path)])
    assert done.exit_code == 1
    assert done.output == (
        f"Error: {path} is the notebook of lab 08-other, not of 07-plain: labs check 08 --notebook {path} "
        "checks it. Nothing was recorded: your progress is unchanged.\n"
    )
    assert progress_path().read_bytes() == before


def test_a_lab_s_own_file_that_holds_another_lab_s_notebook_says_how_it_comes_back(labs: Path) -> None:
    shutil.copy(labs / "08-other" / "lab.ipynb", labs / "07-plain" / "lab.ipynb")
    done = CliRunner().invoke(main, ["check", "7"])
    assert done.exit_code == 1
    assert "is the notebook of lab 08-other, not of 07-plain: labs reset 07 brings" in done.output
    assert not progress_path().exists()


@pytest.mark.parametrize(
    ("answers", "other"),
    [
        (("predict-1", "facts"), None),
        (("predict-1", "wiring"), "08-other"),
        (("wiring",), "08-other"),
        (("predict-1",), None),
        (("facts", "wiring"), None),
        ((), None),
        (("something-else",), None),
    ],
    ids=[
        "its own",
        "another's",
        "a part of another's",
        "only what both have",
        "of both as many",
        "no answer left",
        "of neither",
    ],
)
def test_a_notebook_is_of_the_lab_with_which_it_shares_the_most_answers(
    labs: Path, write_notebook: Write, answers: tuple[str, ...], other: str | None
) -> None:
    path = write_notebook(*((name, "x = 1") for name in answers), "print()", name="mine.ipynb")
    asked, known = labs_in(labs)
    found = other_lab(path, asked, known)
    assert (found.slug if found else None) == other


def test_what_is_no_notebook_is_of_no_lab(labs: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.ipynb").write_text("{")
    asked, known = labs_in(labs)
    assert other_lab(tmp_path / "bad.ipynb", asked, known) is None


def test_the_course_s_own_notebooks_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABS_FOLDER", raising=False)
    known = read_labs(labs_folder(Path(__file__)))
    first, *others = known
    for lab in others:
        assert other_lab(lab.notebook, lab, known) is None
        found = other_lab(lab.notebook, first, known)
        assert found is not None
        assert found.slug == lab.slug


def test_a_class_is_told_who_handed_in_another_lab_s_notebook(labs: Path, tmp_path: Path) -> None:
    handed_in = tmp_path / "handed-in"
    handed_in.mkdir()
    shutil.copy(labs / "07-plain" / "lab.ipynb", handed_in / "ada.ipynb")
    shutil.copy(labs / "08-other" / "lab.ipynb", handed_in / "bo.ipynb")
    words = ["grade", str(handed_in), "--lab", "7", "--out", str(tmp_path / "out")]

    for _ in range(2):  # what is kept is told again
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        warnings = [line for line in done.output.splitlines() if line.startswith("⚠")]
        assert warnings == [
            f"⚠ bo: {handed_in / 'bo.ipynb'} is the notebook of lab 08-other, not of 07-plain; "
            "it was graded as 07-plain all the same."
        ]
