"""A class whose graders are killed under way gets the gradebook of a quiet run."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.grade import Job
from autograder.isolation import best_isolation
from autograder.limits import Limits
from autograder.result import GRADED
from tests.hostile.batch import graded_batch, hand_in, jobs_of

from .killer import Killer
from .mixture import mixture

LIMITS = Limits(wall_s=6.0, check_s=15.0, memory_mb=700, processes=60, scratch_mb=64)

pytestmark = pytest.mark.skipif(
    best_isolation().level != "bwrap", reason="hostile submissions among others need bubblewrap"
)
Report = Callable[..., None]


@pytest.fixture
def report(record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> Report:
    """Return a function that notes a figure for JUnit and shows it."""

    def note(**figures: object) -> None:
        for name, figure in figures.items():
            record_property(name, figure)
        with capsys.disabled():
            print(f"\n{json.dumps(figures)}")

    return note


def scores(jobs: list[Job], out: Path) -> tuple[dict[str, int], list[Job]]:
    """Grade ``jobs``; return name to points, and what was not graded and says that it is to be graded again."""
    book: dict[str, int] = {}
    again: list[Job] = []
    by_name = {job.submission.name: job for job in jobs}
    for result in graded_batch(jobs, out):
        assert result.submission not in book, "graded twice"
        if result.status == GRADED:
            book[result.submission] = result.score
        else:
            assert "again" in result.fault or "too busy" in result.fault, result.fault
            again.append(by_name[result.submission])
    return book, again


def gradebooks_agree(count: int, every_s: float, tmp_path: Path, report: Report) -> None:
    """Grade a class of ``count`` quietly, then with a worker killed every ``every_s`` seconds, and compare."""
    folder = tmp_path / "class"
    folder.mkdir()
    students = mixture(count, seed=count)
    hand_in(folder, students)
    jobs = jobs_of(folder, [], best_isolation(), LIMITS)
    began = time.monotonic()
    quiet, failed = scores(jobs, tmp_path / "quiet")
    assert failed == []
    middle = time.monotonic()
    with Killer(every_s, seed=count) as killer:
        disturbed, failed = scores(jobs, tmp_path / "disturbed")
    again, failed_again = scores(failed, tmp_path / "disturbed")  # as its result says
    assert failed_again == []
    ended = time.monotonic()
    report(
        submissions=count,
        quiet_s=round(middle - began, 1),
        disturbed_s=round(ended - middle, 1),
        workers_killed=killer.killed,
        graded_again=len(again),
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        load=os.getloadavg()[0],
    )
    assert killer.killed > 0
    assert {**disturbed, **again} == quiet
    assert quiet == {name: one.expected for name, one in students.items()}


@pytest.mark.timeout(600)
def test_gradebook_of_a_hundred_is_the_same_when_workers_are_killed(tmp_path: Path, report: Report) -> None:
    gradebooks_agree(100, 1.5, tmp_path, report)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_gradebook_of_a_thousand_is_the_same_when_workers_are_killed(tmp_path: Path, report: Report) -> None:
    gradebooks_agree(1_000, 5.0, tmp_path, report)
