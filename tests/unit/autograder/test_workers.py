"""One process a submission: executed in isolation where there is any, and never mixed with another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from autograder.discover import Lab
from autograder.foreman import Foreman
from autograder.grade import Job
from autograder.isolation import BARE, best_isolation
from autograder.limits import Limits
from autograder.result import GRADED, NOT_GRADED
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_all, grade_one

from .conftest import Write

LEVELS = sorted({"process", best_isolation().level})


def job(lab: Lab, path: Path, level: str = "", name: str = "ada") -> Job:
    isolation = BARE if level == "process" else best_isolation()
    limits = Limits(wall_s=20.0, check_s=5.0)
    return Job(lab, Submission(name, name, path), "s", limits, isolation, needs_sandbox=False)


@pytest.mark.parametrize("level", LEVELS)
def test_right_notebook_gets_all_points_at_every_level(
    plain_lab: Lab, write_notebook: Write, level: str
) -> None:
    path = write_notebook(
        "import os, sys; assert 'PYTEST_CURRENT_TEST' not in os.environ",
        ("facts", "total = 3\nprint('hello')"),
    )
    result = grade_one(job(plain_lab, path, level))
    assert (result.status, result.score, result.max_score, result.cell_errors) == (GRADED, 3, 3, ())
    assert result.isolation is not None
    assert result.isolation.level == level


def test_a_cell_that_fails_is_named_by_its_first_line(plain_lab: Lab, write_notebook: Write) -> None:
    path = write_notebook("total = 3", "\ndeploy('quote')", ("facts", "total = 3"))
    result = grade_one(job(plain_lab, path, "process"))
    assert result.cell_errors == ("code cell 2 (deploy('quote')): NameError: name 'deploy' is not defined",)


def test_a_cell_that_ends_the_kernel_is_named_by_its_first_line(
    plain_lab: Lab, write_notebook: Write
) -> None:
    path = write_notebook("import os", "os._exit(1)")
    result = grade_one(job(plain_lab, path, "process"))
    assert [note for note in result.warnings if "ended in code cell 2 (os._exit(1)): out of" in note]


@pytest.mark.parametrize("level", LEVELS)
def test_daemon_of_a_notebook_does_not_outlive_it(plain_lab: Lab, write_notebook: Write, level: str) -> None:
    mark = f"54321{os.getpid()}"
    source = f"import subprocess\nsubprocess.Popen(['setsid', '-f', 'sleep', '{mark}'])\n"
    grade_one(job(plain_lab, write_notebook(source), level))
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in lines if mark.encode() in line]


def test_results_keep_to_their_submissions_when_graded_side_by_side(
    plain_lab: Lab, write_notebook: Write
) -> None:
    right = write_notebook(("facts", "total = 3\nprint('hello')"), name="right.ipynb")
    wrong = write_notebook(("facts", "total = 4\nprint('hello')"), name="wrong.ipynb")
    none = write_notebook("total = 3", name="none.ipynb")
    jobs = [job(plain_lab, path, name=path.stem) for path in (right, wrong, none)]
    assert {result.submission: result.score for result in grade_all(jobs, side_by_side=2)} == {
        "right": 3,
        "wrong": 1,
        "none": 0,
    }


def test_lab_without_checks_is_not_graded_and_has_no_score(plain_lab: Lab, write_notebook: Write) -> None:
    (plain_lab.checks / "test_plain.py").unlink()
    result = grade_one(job(plain_lab, write_notebook("1")))
    assert (result.status, result.to_json()["score"]) == (NOT_GRADED, None)
    assert "No check ran" in result.fault


def test_a_signal_between_two_submissions_leaves_no_folder(
    plain_lab: Lab, write_notebook: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Foremen):
        def for_job(self, job: Job) -> Foreman:
            raise SystemExit(129)  # what the command makes of the end of its terminal

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    with pytest.raises(SystemExit):
        grade_one(job(plain_lab, write_notebook("total = 3"), "process"), Interrupted())
    assert list((tmp_path / "scratch").iterdir()) == []


def test_worker_that_dies_is_not_graded_leaves_nothing_and_the_rest_is_graded(
    plain_lab: Lab, write_notebook: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = Lab(
        **{
            **{name: getattr(plain_lab, name) for name in plain_lab.__slots__},
            "folder": plain_lab.folder / "b",
        }
    )
    deadly.checks.mkdir(parents=True)
    (deadly.checks / "test_deadly.py").write_text("import os\nos._exit(3)\n")
    path = write_notebook(("facts", "total = 3\nprint('hello')"))
    # A short path: without bubblewrap the kernel's Unix sockets lie in here, and those take 107 bytes.
    with tempfile.TemporaryDirectory() as scratch:
        monkeypatch.setattr(tempfile, "tempdir", scratch)
        died, fine = grade_all([job(deadly, path, name="a"), job(plain_lab, path, name="b")])
        assert (died.status, fine.status, fine.score) == (NOT_GRADED, GRADED, 3), fine.fault
        assert "ended early" in died.fault
        assert os.listdir(scratch) == []
