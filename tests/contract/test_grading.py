"""``labs grade``, ``regrade`` and ``export`` as an instructor runs them, on a lab with real checks."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.__main__ import main
from autograder.isolation import best_isolation
from tests.contract.grading_stage import RIGHT, Course, notebook
from tests.contract.grading_stage import course as course
from tests.plain_checks import CHECKS

pytestmark = pytest.mark.timeout(300)


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
        "feedback",
    }
    assert f"gradescope: {course.out}/gradescope (4 files)" in said
    assert "4 graded" in (course.out / "class.html").read_text()


def test_regrade_says_who_cannot_be_found_any_more_and_keeps_their_result(course: Course) -> None:
    course.grade()
    (course.handed_in / "bo.ipynb").unlink()
    course.checks.write_text(CHECKS.replace("wanted=3", "wanted=4"))
    said = course.labs_command("regrade", str(course.out), code=1)
    assert "bo.ipynb is gone or has changed" in said
    assert course.scores() == {"ada": 1, "bo": 1, "cy": 1, "dee": 3}


def grading_for_ever(course: Course) -> subprocess.Popen[str]:
    """Start to grade five submissions, of which the last never ends, and return once four are done."""
    notebook(course.handed_in / "eve.ipynb", "while True: pass")
    running = course.start("grade", str(course.handed_in), "--lab", "7", "--out", str(course.out))
    assert running.stdout is not None
    for _ in range(4):
        assert re.match(r"\[\d/5\]", running.stdout.readline())
    return running


def test_ctrl_c_ends_in_order_and_the_same_command_goes_on(course: Course) -> None:
    running = grading_for_ever(course)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130, out + err
    assert err == "Stopped. What is graded is kept: the same command goes on from there.\n"
    notebook(course.handed_in / "eve.ipynb", RIGHT)
    assert "1 graded, 4 kept" in course.grade()
    assert course.scores()["eve"] == 3


def test_the_end_of_the_terminal_leaves_nothing_behind(course: Course, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    course.environment["TMPDIR"] = str(scratch)
    running = grading_for_ever(course)
    running.send_signal(signal.SIGHUP)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 128 + signal.SIGHUP, out + err
    assert list(scratch.iterdir()) == []


def test_less_than_full_isolation_is_refused_where_it_is_required(course: Course, tmp_path: Path) -> None:
    course.environment["PATH"] = str(tmp_path / "empty")  # so that there is no bubblewrap
    said = course.grade("--require-isolation", code=1)
    nothing_holds = (
        "Nothing keeps notebooks from your files, the checks and the results here (missing: file system"
    )
    assert nothing_holds in said
    assert "install bubblewrap" in said
    assert not course.out.exists()
    said = course.grade("--jobs", "2")  # with the less, where nobody requires more
    assert nothing_holds in said
    assert "it is done one at a time" in said
    assert "4 graded" in said
    assert nothing_holds in course.labs_command("regrade", str(course.out))
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
        (
            ["grade", "HANDED", "--lab", "7", "--out", "LABS/labs.toml"],
            "(File exists): name a folder that can.",
        ),
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
