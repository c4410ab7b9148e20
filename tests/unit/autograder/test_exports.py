"""What other programs read. Each format is held to its documentation; scores are never invented."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograder.exports import FORMATS
from autograder.gradebook import Gradebook, gradebook, read_results
from autograder.report import write_result
from autograder.result import GRADED, NOT_GRADED, Result
from autograder.roster import Student
from autograder.score import CheckResult

CHECKS = (
    CheckResult("test_a", "Adds", 2, 2, False, False, "passed"),
    CheckResult("test_b", "Held\x00one", 3, 0, True, False, "failed", "5", "4", "answer:b", ""),
)
CLASS = [
    Student("u7", "Ada Lovelace", "Ada", "Lovelace", "ada@x.org", canvas_id="4711", moodle_id="99"),
    Student("u8", "=cmd(),\nBo", "", "", "bo@x.org", lti_user_id="lti-8"),
    Student("u9", "Cy Nothing"),
]
MOMENT = "2026-11-21T10:00:00+00:00"
GOOD = Result(
    "03-environments", "Ada Lovelace", "u7", GRADED, CHECKS, graded_at=MOMENT, seconds=1.5, student="u7"
)
FAULT = Result("03-environments", "Bo", "u8", NOT_GRADED, fault="The machine is too busy.", student="u8")
STRANGER = Result("03-environments", "zoe", "zoe", GRADED, CHECKS, graded_at=MOMENT)


@pytest.fixture
def book() -> Gradebook:
    return gradebook([GOOD, FAULT, STRANGER], CLASS, "Lab 03")


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines(keepends=True)))


def test_everybody_in_the_roster_has_a_row_and_strangers_come_last(book: Gradebook) -> None:
    assert [row.student.id for row in book.rows] == ["u7", "u8", "u9", "zoe"]
    assert [row.graded.score if row.graded else None for row in book.rows] == [2, None, None, 2]


@pytest.mark.parametrize(
    ("name", "score", "who"),
    [("nbgrader", "score", "student_id"), ("canvas", "Lab 03", "Student"), ("moodle", "Grade", "Full name")],
)
def test_tables_have_no_score_for_who_was_not_graded(
    book: Gradebook, tmp_path: Path, name: str, score: str, who: str
) -> None:
    [path] = FORMATS[name](book, tmp_path)
    rows = [row for row in table(path) if "Points Possible" not in row[who]]
    assert [row[score] for row in rows] == ["2", "", "", "2"]
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_canvas_names_what_is_possible_in_its_second_row(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["canvas"](book, tmp_path)
    rows = table(path)
    assert (rows[0]["Student"], rows[0]["Lab 03"]) == ("    Points Possible", "5")
    assert (rows[1]["Student"], rows[1]["ID"]) == ("Lovelace, Ada", "4711")


def test_moodle_finds_participants_by_their_number(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["moodle"](book, tmp_path)
    assert table(path)[0]["Identifier"] == "Participant 99"


def test_gradescope_hides_held_checks_and_counts_their_points(book: Gradebook, tmp_path: Path) -> None:
    first, second, _ = FORMATS["gradescope"](book, tmp_path)
    document = json.loads(first.read_text())
    assert document["score"] == sum(test["score"] for test in document["tests"])
    assert [test["visibility"] for test in document["tests"]] == ["visible", "hidden"]
    assert "score" not in json.loads(second.read_text())


def test_junit_tells_a_failure_from_a_fault_of_the_machine(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["junit"](book, tmp_path)
    suites = ElementTree.parse(path).getroot().findall("testsuite")
    counted = [(suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in suites]
    assert counted == [("2", "1", "0"), ("1", "0", "1"), ("2", "1", "0")]


def test_lti_scores_say_how_far_grading_came(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["lti"](book, tmp_path)
    ada, bo, _ = json.loads(path.read_text())
    assert (ada["scoreGiven"], ada["scoreMaximum"], ada["gradingProgress"]) == (2, 5, "FullyGraded")
    assert ada["timestamp"] == "2026-11-21T10:00:00.000+00:00"
    assert (bo["userId"], bo["gradingProgress"], "scoreGiven" in bo) == ("lti-8", "Failed", False)


def test_the_book_is_made_from_the_files_alone(tmp_path: Path) -> None:
    for result in (GOOD, FAULT):
        write_result(result, tmp_path / result.key)
    assert list(read_results(tmp_path)) == [GOOD, FAULT]
