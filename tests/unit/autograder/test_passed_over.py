"""Files that somebody handed in instead of a notebook are named, and what belongs to a notebook is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.passed_over import PassedOver, passed_over
from autograder.roster import Student
from autograder.submissions import find_submissions

from .test_submissions import CLASS, put

METADATA = "submission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: u7\nsubmission_2:\n  :submitters:\n  - :name: Bo Li\n"


def others(root: Path, students: list[Student]) -> list[PassedOver]:
    return list(passed_over(root, students, find_submissions(root, students)))


@pytest.mark.parametrize(
    ("ada", "bo"),
    [
        ("lovelaceada_4711_100_lab.ipynb", "libo_LATE_4712_102_my lab.pdf"),
        ("Ada Lovelace_99_assignsubmission_file/lab.ipynb", "Bo Li_98_assignsubmission_file_/lab.py"),
        ("submission_1/lab.ipynb", "submission_2/lab.zip"),
        ("u7/lab-01/lab.ipynb", "u8/lab-01/lab.pdf"),
        ("ada@x.org.ipynb", "bo@x.org.pdf"),
        ("ada@x.org/lab.ipynb", "bo@x.org/lab.docx"),
        ("Ada Lovelace.ipynb", "Bo Li.pages"),
    ],
    ids=["Canvas", "Moodle", "Gradescope", "nbgrader", "files", "folders", "names"],
)
def test_whose_it_is_is_told_as_of_a_notebook(tmp_path: Path, ada: str, bo: str) -> None:
    put(tmp_path, ada, bo)
    if "submission_" in bo.partition("/")[0] and bo.startswith("submission_"):
        (tmp_path / "submission_metadata.yml").write_text(METADATA)
    assert others(tmp_path, CLASS) == [PassedOver("Bo Li", "u8", (bo,))]


def test_clone_without_a_notebook_is_named(tmp_path: Path) -> None:
    put(tmp_path, "lab-03-ada-l/.git/HEAD", "lab-03-ada-l/labs/03/lab.ipynb", "lab-03-ada-l/src/a.py")
    put(tmp_path, "lab-03-bo-li/.git/HEAD", "lab-03-bo-li/src/a.py", "lab-03-bo-li/README.md")
    found = others(tmp_path, CLASS)
    assert found == [PassedOver("Bo Li", "u8", ("lab-03-bo-li/README.md", "lab-03-bo-li/src/a.py"))]


def test_what_lies_beside_below_or_above_a_notebook_belongs_to_it(tmp_path: Path) -> None:
    put(tmp_path, "ada/labs/lab.ipynb", "ada/labs/notes.pdf", "ada/labs/work/a/app.py", "ada/read me.txt")
    put(tmp_path, "bo.ipynb", "bo.pdf", ".DS_Store", "__MACOSX/bo/._lab.pdf", "Thumbs.db", "cy/desktop.ini")
    assert others(tmp_path, []) == []


def test_who_hands_in_a_notebook_and_something_else_is_not_named(tmp_path: Path) -> None:
    put(tmp_path, "lovelaceada_4711_100_lab.ipynb", "lovelaceada_4711_101_lab.pdf")
    assert others(tmp_path, CLASS) == []
    assert others(tmp_path, []) == []


def test_strangers_are_named_as_they_are_called(tmp_path: Path) -> None:
    put(tmp_path, "u7.ipynb", "group a/cy/1.py", "group a/cy/2.py", "group a/cy/3.py", "group a/cy/4.py")
    [found] = others(tmp_path, CLASS)
    assert (found.name, found.student) == ("group a/cy", "")
    assert found.said == "group a/cy: group a/cy/1.py, group a/cy/2.py, group a/cy/3.py and 1 more"


def test_single_notebook_has_nothing_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "ada.ipynb", "bo.pdf")
    path = tmp_path / "ada.ipynb"
    assert passed_over(path, [], find_submissions(path, [])) == ()
