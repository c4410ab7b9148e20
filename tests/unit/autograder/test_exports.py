"""What other programs read. Each format is held to its documentation; scores are never invented."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import jsonschema
import pytest
from junitparser import JUnitXml

from autograder.exports import FORMATS
from autograder.exports.cells import csv_text
from autograder.gradebook import Gradebook, gradebook, read_results
from autograder.manifest import Manifest, write_manifest
from autograder.report import write_result
from autograder.result import GRADED, NOT_GRADED, Result
from autograder.roster import Student
from autograder.score import CheckResult
from autograder.submissions import find_submissions

CHECKS = (
    CheckResult("test_a", "Adds", 2, 2, False, False, "passed"),
    CheckResult("test_b", "Held\x00one", 3, 0, True, False, "failed", "5", "4", "answer:b", ""),
)
CLASS = [
    Student("u7", "Ada Lovelace", "Ada", "Lovelace", "ada@x.org", canvas_id="4711", moodle_id="99"),
    Student("u8", "=cmd(),\nBo", "", "", "bo@x.org", lti_user_id="lti-8"),
    Student("u9", "Cy Nothing"),
]
_TEXT, _NUMBER = {"type": "string"}, {"type": "number", "minimum": 0}
_SEEN = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
# Source: Gradescope Autograder Documentation, "Autograder specifications", Output format, read 2026-11.
GRADESCOPE = jsonschema.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "score": _NUMBER,
            "execution_time": {"type": "integer"},
            "output": _TEXT,
            "visibility": _SEEN,
            "stdout_visibility": _SEEN,
            "extra_data": {"type": "object"},
            "tests": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "score": _NUMBER,
                        "max_score": _NUMBER,
                        "status": {"enum": ["passed", "failed"]},
                        "name": _TEXT,
                        "number": _TEXT,
                        "output": _TEXT,
                        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
                        "visibility": _SEEN,
                        "tags": {"type": "array"},
                        "extra_data": {"type": "object"},
                    },
                },
            },
        },
        "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    }
)
# Source: 1EdTech, "LTI Assignment and Grade Services 2.0", Score publish service, read 2026-11.
LTI = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": [
            "userId",
            "timestamp",
            "activityProgress",
            "gradingProgress",
            "scoreGiven",
            "scoreMaximum",
        ],
        "properties": {
            "userId": {"type": "string", "minLength": 1},
            "timestamp": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}(Z|[+-]\d\d:\d\d)$"},
            "activityProgress": {"enum": ["Initialized", "Started", "InProgress", "Submitted", "Completed"]},
            "gradingProgress": {"enum": ["FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"]},
            "scoreGiven": _NUMBER,
            "scoreMaximum": {"type": "number", "exclusiveMinimum": 0},
        },
    },
}
# Source: junit-10.xsd of Jenkins's xUnit plugin, read 2026-11: element to (needed, allowed attributes) and its children.
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "group", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
}


def refuse_against_junit_schema(element: ElementTree.Element) -> None:
    needed, allowed, children = JUNIT[element.tag]
    assert needed <= set(element.keys()) <= needed | allowed, element.tag
    if element.tag.startswith("testsuite") and element.get("time") is not None:
        assert re.fullmatch(r"[0-9]{0,3}(,?[0-9]{3})*(\.[0-9]*)?|[0-9]*(\.[0-9]*)?", element.get("time", ""))
    for child in element:
        assert child.tag in children, (element.tag, child.tag)
        refuse_against_junit_schema(child)


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


def test_lti_sends_nothing_for_who_was_not_graded_because_that_would_clear_a_score(
    book: Gradebook, tmp_path: Path
) -> None:
    [path] = FORMATS["lti"](book, tmp_path)
    bodies = json.loads(path.read_text())
    assert [body["userId"] for body in bodies] == ["u7", "zoe"]
    assert (bodies[0]["scoreGiven"], bodies[0]["scoreMaximum"]) == (2, 5)
    jsonschema.Draft202012Validator(LTI).validate(bodies)


def test_gradescope_reads_every_document(book: Gradebook, tmp_path: Path) -> None:
    for path in FORMATS["gradescope"](book, tmp_path):
        GRADESCOPE.validate(json.loads(path.read_text()))


def test_junit_keeps_the_schema_and_a_reader_counts_the_same(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["junit"](book, tmp_path)
    refuse_against_junit_schema(ElementTree.parse(path).getroot())
    read = JUnitXml.fromfile(str(path))
    assert [suite.name for suite in read] == ["Ada Lovelace", "Bo", "zoe"]
    cases = [case for suite in read for case in suite]
    assert sum(case.is_failure for case in cases) == 2
    assert sum(case.is_error for case in cases) == 1


def test_canvas_has_the_columns_that_its_import_asks_for(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["canvas"](book, tmp_path)
    # Canvas Instructor Guide, "How do I import grades in the Gradebook?": who comes first, then the section, then points.
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 03"]
    assert list(table(path)[0]) == columns


def test_moodle_has_the_columns_of_its_worksheet(book: Gradebook, tmp_path: Path) -> None:
    [path] = FORMATS["moodle"](book, tmp_path)
    # Moodle Docs, "Using Assignment", offline marking: the file must keep the columns of the one that was downloaded.
    assert list(table(path)[0]) == [
        "Identifier",
        "Full name",
        "Email address",
        "Status",
        "Grade",
        "Maximum grade",
        "Grade can be changed",
        "Last modified (grade)",
        "Feedback comments",
    ]


@pytest.mark.parametrize(
    ("handed_in", "back"),
    [
        ("lovelaceada_LATE_4711_815_lab-1.ipynb", "lovelaceada_LATE_4711_815_lab-1.html"),
        (
            "Ada Lovelace_99_assignsubmission_file/lab.ipynb",
            "Ada Lovelace_99_assignsubmission_file/report.html",
        ),
        (
            "Ada Lovelace_99_assignsubmission_file_/in/lab.ipynb",
            "Ada Lovelace_99_assignsubmission_file_/report.html",
        ),
        ("ada/lab.ipynb", "u7/report.html"),
    ],
    ids=["Canvas", "Moodle", "Moodle before 4.1", "a folder a student"],
)
def test_a_report_goes_back_under_the_name_under_which_the_submission_came(
    tmp_path: Path, handed_in: str, back: str
) -> None:
    source, results = tmp_path / "handed-in" / handed_in, tmp_path / "results"
    source.parent.mkdir(parents=True)
    source.write_text("{}")
    [found] = find_submissions(tmp_path / "handed-in")
    for result in (GOOD, FAULT):
        write_result(result, results / result.key)
    submissions = ((replace(found, key="u7"), ""),)
    write_manifest(Manifest(GOOD.lab, "seed", 120.0, "", {}, submissions), results)
    [path] = FORMATS["feedback"](gradebook([GOOD, FAULT], CLASS, "Lab 03"), results)
    with ZipFile(path) as archive:
        assert archive.namelist() == [back]  # nothing of who was not graded
        assert archive.read(back) == (results / "u7" / "report.html").read_bytes()


NBGRADER = Path(os.environ.get("NBGRADER_PYTHON", sys.executable))
_AS_NBGRADER_WRITES = """
import csv, os, sys, tempfile
from nbgrader.api import Gradebook
from nbgrader.plugins.export import CsvExportPlugin
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
with tempfile.TemporaryDirectory() as folder:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        for row in rows:
            book.update_or_create_assignment(row["assignment"])
            names = {name: row[name] for name in ("last_name", "first_name", "email")}
            book.update_or_create_student(row["student_id"], **names)
        CsvExportPlugin(to=os.path.join(folder, "grades.csv")).export(book)
    exported = list(csv.DictReader(open(os.path.join(folder, "grades.csv"), newline="")))
assert list(exported[0]) == list(rows[0]), (list(exported[0]), list(rows[0]))
same = ("assignment", "student_id", "last_name", "first_name", "email")
order = lambda found: sorted(tuple(row[name] for name in same) for row in found)
assert order(exported) == order(rows), (order(exported), order(rows))
print("same")
"""


def test_nbgraders_own_gradebook_reads_the_columns_and_writes_them_so(tmp_path: Path) -> None:
    probe = subprocess.run([NBGRADER, "-c", "import nbgrader"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("nbgrader is not installed here: name a Python that has it in NBGRADER_PYTHON")
    plain = gradebook([GOOD], [CLASS[0]], "Lab 03")  # nbgrader's own file is not quoted: no comma in a name
    [path] = FORMATS["nbgrader"](plain, tmp_path)
    done = subprocess.run(
        [NBGRADER, "-c", _AS_NBGRADER_WRITES, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{NBGRADER.parent}:{os.environ['PATH']}"},  # it calls its alembic by name
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout.endswith("same\n"), done.stderr


def test_the_book_is_made_from_the_files_alone(tmp_path: Path) -> None:
    for result in (GOOD, FAULT):
        write_result(result, tmp_path / result.key)
    assert list(read_results(tmp_path)) == [GOOD, FAULT]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"], ids=ascii)
def test_no_cell_begins_as_a_formula_does(first: str) -> None:
    assert csv_text([[f"{first}1+1", 7]]).strip('"').startswith("'")
