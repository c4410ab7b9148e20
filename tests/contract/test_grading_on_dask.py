"""The same jobs on a Dask cluster: same scores, and a worker that is killed costs nobody a result."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.grading_stage import RIGHT, WRONG, Course, course, notebook

pytest.importorskip("distributed", reason="Dask is an extra of its own: pip install distributed")

__all__ = ["course"]
pytestmark = pytest.mark.timeout(300)  # four interpreters start before anything is graded


def started(course: Course, command: str, *words: str) -> tuple[subprocess.Popen[str], str]:
    """Start a Dask process on loopback; return it and what follows the words that say it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + command, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**course.environment, "DASK_DISTRIBUTED__WORKER__DAEMON": "False"},
        start_new_session=True,
    )
    ready = r"Scheduler at:\s+(tcp://\S+)" if command == "scheduler" else r"Registered to:\s+(tcp://\S+)"
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(ready, line):
            return process, found[1]
    pytest.fail(f"dask {command} ended")


@pytest.fixture
def cluster(course: Course, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Two workers on loopback; gives the scheduler's address and the id of a worker that may be killed."""
    loopback = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    scheduler, address = started(course, "scheduler", *loopback)
    processes = [scheduler]
    try:
        for number in range(2):
            place = ["--local-directory", str(tmp_path / f"dask-{number}")]
            worker, _ = started(
                course,
                "worker",
                address,
                "--host",
                "127.0.0.1",
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
                *place,
            )
            processes.append(worker)
        yield address, processes[1].pid
    finally:
        for process in reversed(processes):
            process.kill()
            process.communicate()


def test_a_worker_is_killed_and_the_gradebook_equals_that_of_a_quiet_run(
    course: Course, cluster: tuple[str, int]
) -> None:
    for number in range(8):
        notebook(course.handed_in / f"more-{number}.ipynb", RIGHT if number % 2 else WRONG)
    address, worker = cluster
    running = course.start(
        "grade",
        str(course.handed_in),
        "--lab",
        "7",
        "--out",
        str(course.out),
        "--dask",
        address,
        "--seed",
        "s",
    )
    assert running.stdout is not None
    first = running.stdout.readline()
    assert first.startswith("[1/12]"), first + running.communicate()[1]
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(worker)], check=True)
    out, err = running.communicate(timeout=250)
    assert running.returncode == 0, out + err
    assert len(re.findall(r"^\[\d+/12\]", out, re.M)) == 11  # each once
    assert "12 graded, 0 kept, 0 not graded" in out
    on_cluster = course.scores()
    course.grade("--fresh", "--seed", "s")
    assert course.scores() == on_cluster


def test_a_worker_with_other_checks_grades_nothing(
    course: Course, cluster: tuple[str, int], tmp_path: Path
) -> None:
    elsewhere = Course(tmp_path / "elsewhere")
    elsewhere.checks.write_text(elsewhere.checks.read_text().replace("wanted=3", "wanted=5"))
    said = elsewhere.grade("--dask", cluster[0], code=1)
    assert said.count("has another version of the course") == 4
    assert set(elsewhere.scores().values()) == {None}
