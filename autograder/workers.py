"""Grades many submissions, some side by side: each in a process of its own, none twice, none lost.

The processes are foremen (one a lab, which has everything ready) and their workers (one a submission). Whichever of them
dies, its submissions are given to another; what a submission itself does to its own processes is its own doing and is
graded as it is.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import select
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from autograder.errors import GraderFault
from autograder.foreman import LOST, Foreman, Order
from autograder.grade import Job, blank_result
from autograder.isolation import best_isolation, scratch_root
from autograder.result import Result, result_from_json

_MARGIN_S = 150.0  # beside the notebook's own limit: starting, the checks, clearing up
_MAX_RESULT_BYTES = 20_000_000
_ATTEMPTS = 3
_FOREMEN = 4


@dataclass(slots=True)
class _Work:
    """One submission while somebody works on it."""

    number: int
    job: Job
    attempt: int
    foreman: Foreman
    deadline: float
    scratch: str
    received: bytearray = field(default_factory=bytearray)

    def end(self, pipe: int) -> None:
        os.close(pipe)
        self.foreman.end(self.number)
        shutil.rmtree(self.scratch, ignore_errors=True)


class Foremen:
    """The foremen at work, one a lab; a context manager. Keep it to grade more of the same labs without a new start."""

    def __init__(self) -> None:
        self._foremen: dict[object, Foreman] = {}

    def __enter__(self) -> Foremen:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def for_job(self, job: Job) -> Foreman:
        """Return the foreman of the job's lab, started anew if it has died."""
        isolation = job.isolation or best_isolation()
        key = (job.lab.folder, isolation, job.needs_sandbox)
        foreman = self._foremen.pop(key, None)
        if foreman is not None and not foreman.alive():
            foreman.close()
            foreman = None
        if foreman is None:
            self._make_room()
            foreman = Foreman(job.lab, isolation, needs_sandbox=job.needs_sandbox)
        self._foremen[key] = foreman  # the last one used is the last to be let go
        return foreman

    def _make_room(self) -> None:
        idle = [key for key, foreman in self._foremen.items() if not foreman.busy]
        for key in idle[: max(0, len(self._foremen) - _FOREMEN + 1)]:
            self._foremen.pop(key).close()

    def close(self) -> None:
        while self._foremen:
            self._foremen.popitem()[1].close()


def grade_all(
    jobs: Iterable[Job], *, side_by_side: int = 1, foremen: Foremen | None = None
) -> Iterator[Result]:
    """Yield one result a job as they are done, at most ``side_by_side`` at once.

    A worker that dies or loses its fork server is replaced, three times at most; one that hangs gives a result that is not
    graded. ``foremen`` are used and left running; without them they start and end here. Raises GraderFault where processes
    cannot be forked.
    """
    if not hasattr(os, "fork"):
        raise GraderFault("Grading needs Linux or macOS (on Windows: WSL).")
    with contextlib.ExitStack() as stack:
        scratches: set[str] = set()
        # Once more when the foremen have ended: a signal may come between making a folder and noting whose it is, and a worker
        # that is being ended may still write to its own.
        stack.callback(_remove, scratches)
        kept = foremen or stack.enter_context(Foremen())
        grading = _Grading(jobs, side_by_side, kept, scratches)
        stack.callback(grading.end)
        yield from grading.results()


def grade_one(job: Job, foremen: Foremen | None = None) -> Result:
    """Grade one submission."""
    return next(iter([*grade_all([job], foremen=foremen)]))


class _Grading:
    """``scratches`` are the folders that were made and may still be there."""

    def __init__(self, jobs: Iterable[Job], side_by_side: int, foremen: Foremen, scratches: set[str]) -> None:
        self._fresh = enumerate(jobs)
        # Each start has a user id of its own, also one that begins again: what is left of the first may still fill up its limit
        # of processes for a moment. And somebody else may be grading on this machine.
        self._slots = itertools.count(random.randrange(1 << 16))  # noqa: S311 (no secret)
        self._again: deque[tuple[int, Job, int]] = deque()
        self._side_by_side = side_by_side
        self._foremen = foremen
        self._scratches = scratches
        self._running: dict[int, _Work] = {}

    def results(self) -> Iterator[Result]:
        while True:
            while len(self._running) < self._side_by_side and (waiting := self._next()) is not None:
                yield from self._start(*waiting)
            if self._running:
                yield from self._collect()
            elif not self._again:
                return

    def end(self) -> None:
        """End what is still running; nobody wants its result."""
        while self._running:
            self._end(next(iter(self._running)))

    def _next(self) -> tuple[int, Job, int] | None:
        if self._again:
            return self._again.popleft()
        fresh = next(self._fresh, None)
        return None if fresh is None else (*fresh, 1)

    def _start(self, number: int, job: Job, attempt: int) -> Iterator[Result]:
        checks_s = 20 * job.limits.check_s
        deadline = time.monotonic() + job.limits.wall_s + checks_s + _MARGIN_S
        # Made and removed by this side, so that it goes even when the worker is killed.
        scratch = tempfile.mkdtemp(prefix="labs-", dir=scratch_root(job.isolation or best_isolation()))
        self._scratches.add(scratch)
        foreman = self._foremen.for_job(job)
        try:
            pipe = foreman.order(Order(number, replace(job, slot=next(self._slots)), scratch))
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            yield from self._retry(number, job, attempt)
            return
        self._running[pipe] = _Work(number, job, attempt, foreman, deadline, scratch)

    def _collect(self) -> Iterator[Result]:
        nearest = min(work.deadline for work in self._running.values())
        readable, _, _ = select.select([*self._running], [], [], max(0.0, nearest - time.monotonic()))
        for pipe in readable:
            work = self._running[pipe]
            chunk = os.read(pipe, 1 << 16)
            work.received += chunk
            if not chunk or len(work.received) > _MAX_RESULT_BYTES:
                yield from self._finished(pipe)
        for pipe, work in [*self._running.items()]:
            if time.monotonic() > work.deadline:
                self._end(pipe)
                yield _not_graded(work.job, "Grading took too long and was stopped: grade it again.")

    def _finished(self, pipe: int) -> Iterator[Result]:
        work = self._end(pipe)
        try:
            document = json.loads(work.received)
            if LOST not in document:
                yield result_from_json(document)
                return
        except (ValueError, KeyError, TypeError):
            pass
        yield from self._retry(work.number, work.job, work.attempt)

    def _end(self, pipe: int) -> _Work:
        work = self._running.pop(pipe)
        work.end(pipe)
        if not os.path.exists(work.scratch):
            self._scratches.discard(work.scratch)
        return work

    def _retry(self, number: int, job: Job, attempt: int) -> Iterator[Result]:
        if attempt < _ATTEMPTS:
            self._again.append((number, job, attempt + 1))
        else:
            yield _not_graded(job, "The worker that graded it ended early, three times: grade it again.")


def _remove(folders: Iterable[str]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _not_graded(job: Job, fault: str) -> Result:
    return replace(blank_result(job), fault=fault)
