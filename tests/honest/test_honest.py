"""Honest work gets everything, however it was written, saved, or slowed down."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.isolation import bare_isolation, best_isolation
from autograder.limits import Limits
from autograder.result import GRADED, Result
from tests.hostile.batch import graded_batch, hand_in, jobs_of
from tests.hostile.submitted import ALL_PLAIN

from .formats import FORMATS
from .submissions import HONEST

pytestmark = pytest.mark.timeout(600)
Results = dict[str, Result]

LEVELS = {"best": best_isolation(), "bare": bare_isolation()}
LIMITS = Limits(wall_s=60.0, check_s=30.0)
every_level = pytest.mark.parametrize("graded", LEVELS, indirect=True)


@pytest.fixture(scope="session")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Return a function that grades the batch of a level when it is first asked for it."""
    return functools.cache(lambda level: _graded(level, tmp_path_factory))


def _graded(level: str, folders: pytest.TempPathFactory) -> Results:
    folder = folders.mktemp(f"honest-{level}")
    hand_in(folder, HONEST)
    for name, content in FORMATS.items():
        (folder / f"{name}.ipynb").write_bytes(content())
    jobs = jobs_of(folder, (name for name, one in HONEST.items() if one.aws), LEVELS[level], LIMITS)
    return {result.submission: result for result in graded_batch(jobs, folders.mktemp(f"honest-out-{level}"))}


@pytest.fixture
def graded(request: pytest.FixtureRequest, batches: Callable[[str], Results]) -> Results:
    """Return submission name to result, of all honest submissions graded as one batch at one level."""
    return batches(request.param)


@every_level
@pytest.mark.parametrize("name", HONEST)
def test_honest_submission_gets_full_marks(graded: Results, name: str) -> None:
    result = graded[name]
    assert (result.status, result.score) == (GRADED, HONEST[name].expected), result.to_json()
    assert result.score == result.max_score
    says = HONEST[name].says
    assert [says in warning for warning in result.warnings] == ([True] if says else []), result.warnings


@every_level
@pytest.mark.parametrize("name", FORMATS)
def test_notebook_saved_by_another_program_gets_full_marks(graded: Results, name: str) -> None:
    result = graded[name]
    assert (result.status, result.score, result.warnings) == (GRADED, ALL_PLAIN, ()), result.to_json()
    assert result.cell_errors == ()


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Keep every processor busy with several others' work."""
    command = [sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(command) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for burner in burners:
        burner.send_signal(signal.SIGKILL)
        burner.wait()


@pytest.mark.usefixtures("busy_machine")
def test_slow_machine_changes_no_mark(tmp_path: Path) -> None:
    names = ("with-aws", "plain", "threads-and-processes-that-end")
    hand_in(tmp_path, {name: HONEST[name] for name in names})
    jobs = jobs_of(tmp_path, ["with-aws"], best_isolation(), Limits())
    for result in graded_batch(jobs, tmp_path / "out"):
        assert (result.status, result.score) == (GRADED, result.max_score), result.to_json()
