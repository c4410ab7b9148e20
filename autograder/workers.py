"""One forked process a submission, some side by side: nothing is shared, and nothing outlives its worker."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from autograder.errors import GraderFault
from autograder.grade import Job, grade
from autograder.processes import become_subreaper, kill_tree
from autograder.result import NOT_GRADED, Result, result_from_json

_MARGIN_S = 150.0  # beside the notebook's own limit: starting, the checks, clearing up
_MAX_RESULT_BYTES = 20_000_000


@dataclass(slots=True)
class _Worker:
    pid: int
    job: Job
    deadline: float
    scratch: str
    received: bytearray = field(default_factory=bytearray)


def grade_all(jobs: Iterable[Job], *, side_by_side: int = 1) -> Iterator[Result]:
    """Yield results as they are done, at most ``side_by_side`` at once.

    A worker that dies or hangs gives a result that is not graded; the others go on. Raises GraderFault where
    processes cannot be forked.
    """
    if not hasattr(os, "fork"):
        raise GraderFault("Grading needs Linux or macOS (on Windows: WSL).")
    waiting = enumerate(jobs)
    running: dict[int, _Worker] = {}
    try:
        while True:
            while len(running) < side_by_side and (job := next(waiting, None)) is not None:
                pipe, worker = _start(replace(job[1], slot=job[0]), [*running])
                running[pipe] = worker
            if not running:
                return
            yield from _collect(running)
    finally:
        for pipe, worker in running.items():
            _end(pipe, worker)


def grade_one(job: Job) -> Result:
    """Grade one submission in a process of its own."""
    return next(iter(grade_all([job])))


def _start(job: Job, others: list[int]) -> tuple[int, _Worker]:
    reading, writing = os.pipe()
    # Made and removed by this side, so that it goes even when the worker is killed.
    scratch = tempfile.mkdtemp(prefix="labs-")
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        for pipe in (reading, *others):
            os.close(pipe)
        _work(job, writing, scratch)
    os.close(writing)
    checks_s = 20 * job.limits.check_s
    return reading, _Worker(pid, job, time.monotonic() + job.limits.wall_s + checks_s + _MARGIN_S, scratch)


def _work(job: Job, pipe: int, scratch: str) -> None:
    """The forked side: grade, write the result, end without running anything of the parent's."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        tempfile.tempdir = scratch
        become_subreaper()
        _silence()
        document = json.dumps(grade(job).to_json(), allow_nan=False).encode()
        with os.fdopen(pipe, "wb") as stream:
            stream.write(document)
        code = 0
    finally:
        with contextlib.suppress(BaseException):
            kill_tree(os.getpid())
        os._exit(code)


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def _collect(running: dict[int, _Worker]) -> Iterator[Result]:
    nearest = min(worker.deadline for worker in running.values())
    readable, _, _ = select.select([*running], [], [], max(0.0, nearest - time.monotonic()))
    for pipe in readable:
        worker = running[pipe]
        chunk = os.read(pipe, 1 << 16)
        worker.received += chunk
        if not chunk or len(worker.received) > _MAX_RESULT_BYTES:
            del running[pipe]
            _end(pipe, worker)
            yield _result(worker)
    for pipe, worker in [*running.items()]:
        if time.monotonic() > worker.deadline:
            del running[pipe]
            _end(pipe, worker)
            yield _not_graded(worker.job, "Grading took too long and was stopped: grade it again.")


def _end(pipe: int, worker: _Worker) -> None:
    os.close(pipe)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(worker.pid, signal.SIGSTOP)  # it must not start anything while its tree is taken down
        kill_tree(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(worker.pid, 0)
    shutil.rmtree(worker.scratch, ignore_errors=True)


def _result(worker: _Worker) -> Result:
    try:
        return result_from_json(json.loads(worker.received))
    except (ValueError, KeyError, TypeError):
        return _not_graded(worker.job, "The worker that graded it ended early: grade it again.")


def _not_graded(job: Job, fault: str) -> Result:
    return Result(
        lab=job.lab.slug,
        submission=job.submission.name,
        key=job.submission.key,
        student=job.submission.student,
        late=job.submission.late,
        status=NOT_GRADED,
        fault=fault,
        seed=job.seed,
        isolation=job.isolation,
    )
