"""The shapes in which submissions come out of the places that collect them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.roster import Student
from autograder.submissions import Submission, find_submissions

ADA = Student(
    "u7", "Ada Lovelace", "Ada", "Lovelace", "ada@x.org", canvas_id="4711", moodle_id="99", github="ada-l"
)
BO = Student("u8", "Bo Li", "Bo", "Li", "bo@x.org", canvas_id="4712", moodle_id="98", github="bo-li")
CLASS = [ADA, BO]


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")


def by_student(found: list[Submission]) -> dict[str, str]:
    return {submission.student: submission.path.name for submission in found}


def test_canvas_downloads_with_a_late_and_a_second_attempt(tmp_path: Path) -> None:
    put(
        tmp_path,
        "lovelaceada_4711_100_lab.ipynb",
        "lovelaceada_4711_101_lab-1.ipynb",
        "libo_LATE_4712_102_lab.ipynb",
    )
    found = find_submissions(tmp_path, CLASS)
    assert by_student(found) == {
        "u7": "lovelaceada_4711_101_lab-1.ipynb",
        "u8": "libo_LATE_4712_102_lab.ipynb",
    }
    assert [submission.late for submission in sorted(found, key=lambda each: each.student)] == [False, True]
    [note] = next(submission.notes for submission in found if submission.student == "u7")
    assert "more than once" in note


def test_moodle_downloads(tmp_path: Path) -> None:
    put(
        tmp_path, "Ada Lovelace_99_assignsubmission_file/lab.ipynb", "Bo Li_98_assignsubmission_file_/x.ipynb"
    )
    assert by_student(find_submissions(tmp_path, CLASS)) == {"u7": "lab.ipynb", "u8": "x.ipynb"}


def test_gradescope_exports(tmp_path: Path) -> None:
    put(tmp_path, "submission_1/lab.ipynb", "submission_2/lab.ipynb")
    (tmp_path / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: u7\n    :email: ada@x.org\n"
        "  :created_at: 2026-11-01 10:00:00\nsubmission_2:\n  :submitters:\n  - :email: bo@x.org\n    :at: !ruby/object:X {}\n"
    )
    assert by_student(find_submissions(tmp_path, CLASS)) == {"u7": "lab.ipynb", "u8": "lab.ipynb"}


def test_clones_of_github_classroom(tmp_path: Path) -> None:
    for login in ("ada-l", "bo-li"):
        put(tmp_path, f"lab-03-{login}/labs/03/lab.ipynb")
        (tmp_path / f"lab-03-{login}" / ".git").mkdir()
    assert {submission.student for submission in find_submissions(tmp_path, CLASS)} == {"u7", "u8"}


def test_nbgrader_folders(tmp_path: Path) -> None:
    for student in ("u7", "u8"):
        put(tmp_path, f"{student}/lab-03/lab.ipynb", f"{student}/lab-03/timestamp.txt")
    assert {submission.student for submission in find_submissions(tmp_path, CLASS)} == {"u7", "u8"}


def test_files_named_by_email_or_by_name(tmp_path: Path) -> None:
    put(tmp_path, "ada@x.org.ipynb", "li, bo.ipynb")
    assert {submission.student for submission in find_submissions(tmp_path, CLASS)} == {"u7", "u8"}


def test_the_newer_of_two_files_of_one_student_counts(tmp_path: Path) -> None:
    put(tmp_path, "ada@x.org.ipynb", "u7.ipynb")
    os.utime(tmp_path / "u7.ipynb", (1, 1))
    [found] = find_submissions(tmp_path, CLASS)
    assert found.path.name == "ada@x.org.ipynb"


def test_a_stranger_is_graded_under_their_own_name(tmp_path: Path) -> None:
    put(tmp_path, "zoe.ipynb")
    [found] = find_submissions(tmp_path, CLASS)
    assert (found.name, found.student) == ("zoe", "")
    assert "not in the roster" in found.notes[0]


@pytest.mark.parametrize(
    "text", ["- just a list\n", "submission_1: 3\n", "submission_1:\n  :submitters: []\n"]
)
def test_odd_metadata_leaves_the_folders_names(tmp_path: Path, text: str) -> None:
    put(tmp_path, "submission_1/lab.ipynb")
    (tmp_path / "submission_metadata.yml").write_text(text)
    [found] = find_submissions(tmp_path, CLASS)
    assert found.name == "submission_1"
