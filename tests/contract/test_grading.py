"""``labs grade``, ``regrade`` and ``export`` as an instructor runs them, on a lab with real checks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.isolation import best_isolation

CHECKS = '''
import pytest
from autograder.checks import expect

@pytest.mark.points(2)
def test_total(submission):
    """The total"""
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum")

@pytest.mark.points(1)
@pytest.mark.held
def test_printed(submission):
    """The word"""
    expect(submission.outputs_text("facts"), wanted="hello\\n", look_at="print")
'''
pytestmark = pytest.mark.timeout(300)
RIGHT, WRONG = "total = 3\nprint('hello')", "total = 4\nprint('hello')"


def notebook(path: Path, source: str) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["answer:facts"]})  # type: ignore[no-untyped-call]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)  # type: ignore[no-untyped-call]


class Course:
    """A course of one lab, four submissions, and the ``labs`` command on it."""

    def __init__(self, folder: Path) -> None:
        self.labs = folder / "labs"
        self.lab = self.labs / "07-plain"
        self.checks = self.lab / "checks" / "test_plain.py"
        self.handed_in = folder / "handed-in"
        self.out = folder / "out"
        notebook(self.lab / "lab.ipynb", "total = ...")
        self.checks.parent.mkdir()
        self.checks.write_text(CHECKS)
        (self.labs / "labs.toml").write_text('[[lab]]\nslug = "07-plain"\ntitle = "Plain"\nminutes = 20\n')
        for name, source in {"ada": RIGHT, "bo": WRONG, "cy": RIGHT, "dee": WRONG}.items():
            notebook(self.handed_in / f"{name}.ipynb", source)
        self.environment = {
            **os.environ,
            "LABS_FOLDER": str(self.labs),
            "XDG_STATE_HOME": str(folder / "state"),
            "COLUMNS": "200",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "autograder", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def labs_command(self, *words: str, code: int = 0) -> str:
        done = self.start(*words)
        out, err = done.communicate(timeout=250)
        assert done.returncode == code, out + err
        return out + err

    def grade(self, *words: str, code: int = 0) -> str:
        return self.labs_command(
            "grade", str(self.handed_in), "--lab", "7", "--out", str(self.out), *words, code=code
        )

    def scores(self) -> dict[str, int]:
        return {
            path.parent.name: json.loads(path.read_text())["score"] for path in self.out.glob("*/result.json")
        }


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_a_class_is_graded_kept_regraded_and_exported(course: Course) -> None:
    assert "4 graded, 0 kept, 0 not graded" in course.grade()
    assert course.scores() == {"ada": 3, "bo": 1, "cy": 3, "dee": 1}
    assert "0 graded, 4 kept, 0 not graded" in course.grade()
    # The check was wrong: 4 is right as well.
    course.checks.write_text(CHECKS.replace('["total"], wanted=3', '["total"] in (3, 4), wanted=True'))
    held = {path: json.loads(path.read_text())["checks"][1] for path in course.out.glob("*/result.json")}
    said = course.labs_command("regrade", str(course.out))
    assert "0 results are kept, 4 are run in part, 0 in full (changed: test_total)." in said
    assert course.scores() == {"ada": 3, "bo": 3, "cy": 3, "dee": 3}
    assert {path: json.loads(path.read_text())["checks"][1] for path in held} == held  # not run again
    said = course.labs_command("export", str(course.out))
    assert {line.split(":")[0] for line in said.splitlines()} == {
        "nbgrader",
        "canvas",
        "moodle",
        "gradescope",
        "junit",
        "lti",
    }
    assert "4 graded" in (course.out / "class.html").read_text()


def test_regrade_says_who_cannot_be_found_any_more_and_keeps_their_result(course: Course) -> None:
    course.grade()
    (course.handed_in / "bo.ipynb").unlink()
    course.checks.write_text(CHECKS.replace("wanted=3", "wanted=4"))
    said = course.labs_command("regrade", str(course.out), code=1)
    assert "bo.ipynb is gone or has changed" in said
    assert course.scores() == {"ada": 1, "bo": 1, "cy": 1, "dee": 3}


def test_ctrl_c_ends_in_order_and_the_same_command_goes_on(course: Course) -> None:
    notebook(course.handed_in / "eve.ipynb", "while True: pass")
    running = course.start("grade", str(course.handed_in), "--lab", "7", "--out", str(course.out))
    assert running.stdout is not None
    for _ in range(4):
        assert re.match(r"\[\d/5\]", running.stdout.readline())
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130, out + err
    assert err == "Stopped. What is graded is kept: the same command goes on from there.\n"
    notebook(course.handed_in / "eve.ipynb", RIGHT)
    assert "1 graded, 4 kept" in course.grade()
    assert course.scores()["eve"] == 3


def test_less_than_full_isolation_is_refused_where_it_is_required(course: Course, tmp_path: Path) -> None:
    course.environment["PATH"] = str(tmp_path / "empty")  # so that there is no bubblewrap
    said = course.grade("--require-isolation", code=1)
    assert "Isolation is not complete here (missing: file system, network" in said
    assert "install bubblewrap" in said
    assert not course.out.exists()
    assert "4 graded" in course.grade()  # with the less, where nobody requires more
    levels = {json.loads(path.read_text())["isolation"]["level"] for path in course.out.glob("*/result.json")}
    assert levels == {"process"}


@pytest.mark.skipif(bool(best_isolation().missing), reason="needs full isolation")
def test_full_isolation_is_not_refused_and_results_of_less_are_graded_again(course: Course) -> None:
    complete = course.environment["PATH"]
    course.environment["PATH"] = "/nonexistent"
    course.grade()
    course.environment["PATH"] = complete
    assert "4 graded, 0 kept, 0 not graded" in course.grade("--require-isolation")
    levels = {json.loads(path.read_text())["isolation"]["level"] for path in course.out.glob("*/result.json")}
    assert levels == {"bwrap"}


def test_a_roster_is_remembered_for_the_exports(course: Course, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("student_id,name\nada,Ada Lovelace\nzoe,Zoe Nobody\n")
    course.grade("--roster", str(roster))
    course.labs_command("export", str(course.out), "--format", "nbgrader")
    rows = (course.out / "nbgrader.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows[1:3]] == ["ada", "zoe"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grade", "HANDED", "--lab", "7"], "Say where the results go"),
        (["grade", "HANDED", "--lab", "99", "--out", "OUT"], "There is no lab '99'"),
        (["grade", "HANDED", "--out", "OUT"], "Say which lab"),
        (["grade", "nowhere", "--lab", "7", "--out", "OUT"], "does not exist"),
        (["grade", "LABS/07-plain/checks", "--lab", "7", "--out", "OUT"], "holds no .ipynb file"),
        (["grade", "--fresh", "--out", "OUT"], "is for a class"),
        (["grade", "HANDED", "--lab", "7", "--out", "LABS/labs.toml"], "cannot be written"),
        (["grade", "HANDED", "--lab", "7", "--out", "OUT", "--roster", "HANDED/ada.ipynb"], "has no column"),
        (["grade", "HANDED", "--lab", "7", "--out", "OUT", "--jobs", "0"], "--jobs"),
        (
            ["grade", "HANDED", "--lab", "7", "--out", "OUT", "--dask", "tcp://127.0.0.1:9"],
            "No Dask scheduler answers",
        ),
        (
            ["grade", "HANDED", "--lab", "7", "--out", "OUT", "--dask", "what://ever"],
            "No Dask scheduler answers",
        ),
        (["regrade", "HANDED"], "holds no class.json"),
        (["regrade", "nowhere"], "does not exist"),
        (["export", "HANDED"], "holds no result.json"),
        (["export", "HANDED", "--format", "excel"], "is not one of"),
        (["hint", "7", "nothing"], "There is no check 'nothing'"),
        (["next", "7"], "unexpected extra argument"),
        (["watch", "99"], "There is no lab '99'"),
        (["check", "7", "--timeout", "0"], "--timeout"),
        (["reset"], "Missing argument"),
        (["reset", "7"], "take it from a fresh clone"),
        (["package", "moon", "--lab", "7", "--out", "OUT"], "moon"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_used_wrongly_ends_with_one_clear_sentence(
    course: Course, words: list[str], said: str
) -> None:
    places = {"HANDED": course.handed_in, "OUT": course.out, "LABS": course.labs}
    given = [re.sub(r"^(HANDED|OUT|LABS)\b", lambda found: str(places[found[1]]), word) for word in words]
    done = CliRunner().invoke(
        main, given, env={"LABS_FOLDER": str(course.labs), "XDG_STATE_HOME": str(course.out)}
    )
    assert done.exit_code not in (0, None)
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    [error] = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert said in error
