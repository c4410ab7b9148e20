"""What a learner has done is kept, grows, and is never lost without a word."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.discover import Lab
from autograder.errors import GraderError
from autograder.progress import (
    Progress,
    ProgressDamaged,
    changing,
    next_lab,
    progress_path,
    read_progress,
    record,
)
from autograder.result import GRADED, NOT_GRADED, Result
from autograder.score import CheckResult

PASSED = CheckResult("test_total", "The total", 2, 2, False, False, "passed")
FAILED = replace(PASSED, earned=0, outcome="failed")
HELD = CheckResult("test_printed", "Printed", 1, 1, True, False, "passed")


def result(*checks: CheckResult, status: str = GRADED) -> Result:
    at = "2026-11-21T10:00:00+00:00"
    return Result("07-plain", "you", "you", status, checks, notebook_sha256="0" * 64, graded_at=at)


def open_hint(path: Path, times: int) -> None:
    for _ in range(times):
        with changing(path) as progress:
            hints = progress.of_slug("07-plain").hints
            hints["test_total"] = hints.get("test_total", 0) + 1


def test_a_check_is_new_only_the_first_time_it_passes(plain_lab: Lab) -> None:
    progress = Progress()
    assert record(progress, plain_lab, result(FAILED, HELD)) == []
    assert not progress.finished(plain_lab)
    assert record(progress, plain_lab, result(PASSED, HELD)) == ["test_total"]
    assert record(progress, plain_lab, result(PASSED, HELD)) == []
    assert progress.finished(plain_lab)
    assert "test_printed" not in progress.of(plain_lab).checks


def test_a_fault_of_the_machine_changes_nothing(plain_lab: Lab) -> None:
    progress = Progress()
    record(progress, plain_lab, result(PASSED))
    assert record(progress, plain_lab, result(status=NOT_GRADED)) == []
    assert progress.finished(plain_lab)


def test_a_file_that_was_no_notebook_changes_nothing(plain_lab: Lab) -> None:
    progress = Progress()
    record(progress, plain_lab, result(PASSED))
    assert record(progress, plain_lab, replace(result(FAILED), notebook_sha256="")) == []
    assert progress.finished(plain_lab)


def test_a_check_that_fails_again_is_open_again(plain_lab: Lab) -> None:
    progress = Progress()
    record(progress, plain_lab, result(PASSED))
    record(progress, plain_lab, result(FAILED))
    assert not progress.finished(plain_lab)


def test_one_parameter_that_fails_leaves_its_check_open(plain_lab: Lab) -> None:
    progress = Progress()
    record(
        progress, plain_lab, result(replace(PASSED, id="test_total[a]"), replace(FAILED, id="test_total[b]"))
    )
    assert [check.name for check in progress.open_checks(plain_lab)] == ["test_total"]


def test_a_check_that_an_update_brings_is_open_and_the_others_stay(plain_lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    with changing(path) as progress:
        record(progress, plain_lab, result(PASSED))
    more = plain_lab.checks / "test_more.py"
    more.write_text('def test_more():\n    """More"""\n')
    assert [check.name for check in read_progress(path).open_checks(plain_lab)] == ["test_more"]


def test_next_is_the_first_open_lab_whose_forerunners_are_done(plain_lab: Lab) -> None:
    later = replace(plain_lab, slug="09-later", after=("07-plain",))
    progress = Progress()
    assert next_lab([later, plain_lab], progress) is plain_lab
    record(progress, plain_lab, result(PASSED))
    assert next_lab([later, plain_lab], progress) is later
    record(progress, later, result(PASSED))
    assert next_lab([later, plain_lab], progress) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 2, "labs": {}}', '{"version": 1, "labs": {"a": {}}}']
)
def test_a_damaged_file_is_kept_and_said_in_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(content)
    with pytest.raises(ProgressDamaged, match="is kept as"):
        read_progress(path)
    [kept] = tmp_path.glob("progress.damaged-*.json")
    assert kept.read_text() == content
    assert read_progress(path).labs == {}


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "progress.json"
    others = [
        multiprocessing.get_context("spawn").Process(target=open_hint, args=(path, 25)) for _ in range(2)
    ]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert json.loads(path.read_text())["labs"]["07-plain"]["hints"] == {"test_total": 50}


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    open_hint(path, 1)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(path) as progress:
        progress.labs["broken"] = 1 // 0
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = pytest.raises(GraderError, match=r"cannot be kept.*set XDG_STATE_HOME")
    with kept, changing(tmp_path / "file" / "progress.json"):
        pass
    with pytest.raises(GraderError, match=r"cannot be read: Not a directory; .*set XDG_STATE_HOME"):
        read_progress(tmp_path / "file" / "progress.json")


@pytest.mark.parametrize(
    ("state", "base"), [("/somewhere", "/somewhere"), ("", "~/.local/state"), ("here", "~/.local/state")]
)
def test_the_file_lies_in_the_state_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, state: str, base: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert progress_path() == Path(base).expanduser() / "lambda-course" / "progress.json"


def test_a_home_without_locks_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)  # the system's: as on some network drives
    with pytest.raises(GraderError, match=r"cannot be kept in .*: No locks available"):
        open_hint(tmp_path / "progress.json", 1)
