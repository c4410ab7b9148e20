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


def scores(folder: Path, out: Path) -> tuple[dict[str, int], int]:
    """Grade the class in ``folder``; return its gradebook, name to points, and how many had to be graded once more.

    A submission whose worker was killed three times is not graded: grading it again is what its result says, and done here.
    """
    book: dict[str, int] = {}
    again: list[Job] = []
    jobs = {job.submission.name: job for job in jobs_of(folder, [], best_isolation(), LIMITS)}
    for result in graded_batch([*jobs.values()], out):
        assert result.submission not in book, "graded twice"
        if result.status == GRADED:
            book[result.submission] = result.score
        else:
            assert "ended early, three times" in result.fault
            again.append(jobs[result.submission])
    for result in graded_batch(again, out):
        assert result.status == GRADED, result.to_json()
        book[result.submission] = result.score
    return book, len(again)


def gradebooks_agree(count: int, every_s: float, tmp_path: Path, report: Report) -> None:
    """Grade a class of ``count`` quietly, then with a worker killed every ``every_s`` seconds, and compare."""
    folder = tmp_path / "class"
    folder.mkdir()
    students = mixture(count, seed=count)
    hand_in(folder, students)
    began = time.monotonic()
    quiet, _ = scores(folder, tmp_path / "quiet")
    middle = time.monotonic()
    with Killer(every_s, seed=count) as killer:
        disturbed, again = scores(folder, tmp_path / "disturbed")
    ended = time.monotonic()
    report(
        submissions=count,
        quiet_s=round(middle - began, 1),
        disturbed_s=round(ended - middle, 1),
        workers_killed=killer.killed,
        graded_again=again,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        load=os.getloadavg()[0],
    )
    assert killer.killed > 0
    assert disturbed == quiet
    assert quiet == {name: one.expected for name, one in students.items()}


@pytest.mark.timeout(600)
def test_gradebook_of_a_hundred_is_the_same_when_workers_are_killed(tmp_path: Path, report: Report) -> None:
    gradebooks_agree(100, 1.5, tmp_path, report)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_gradebook_of_a_thousand_is_the_same_when_workers_are_killed(tmp_path: Path, report: Report) -> None:
    gradebooks_agree(1_000, 5.0, tmp_path, report)
