"""Grades one submission: read, execute in isolation, run the checks, give a Result."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field, replace

from autograder.discover import Lab
from autograder.errors import GraderFault, NotANotebook
from autograder.execute import Execution, executed
from autograder.isolation import Isolation, best_isolation
from autograder.limits import Limits
from autograder.notebook import Notebook, read_notebook
from autograder.result import GRADED, NOT_GRADED, Result
from autograder.sandbox import Sandbox
from autograder.score import CheckResult, SubmissionView, run_checks
from autograder.submissions import Submission

_EMPTY = Notebook((), {}, (), "")
_NOTHING_RAN = Execution((), (), "finished", "", 0.0)


@dataclass(frozen=True, slots=True)
class Job:
    """One submission to grade. ``seed`` and the student's name make the inputs of held checks; ``slot`` tells
    submissions that run side by side apart. ``needs_sandbox`` is False only for a lab without any AWS in it.
    """

    lab: Lab
    submission: Submission
    seed: str
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation | None = None
    needs_sandbox: bool = True
    slot: int = 0


def grade(job: Job) -> Result:
    """Return the result of one submission; never raises for what is in it.

    Blocks for as long as the notebook and the checks take. Run it in a process of its own (``workers``), because
    at the end it kills every process below it.
    """
    began = time.monotonic()
    isolation = job.isolation or best_isolation()
    blank = Result(
        lab=job.lab.slug,
        submission=job.submission.name,
        key=job.submission.key,
        student=job.submission.student,
        late=job.submission.late,
        status=NOT_GRADED,
        isolation=isolation,
        seed=job.seed,
        graded_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    try:
        result = _graded(job, isolation, blank)
    except GraderFault as fault:
        result = replace(blank, fault=str(fault))
    except Exception as error:
        result = replace(
            blank, fault=f"The grader failed ({type(error).__name__}: {error}). Please report this."
        )
    return replace(result, seconds=time.monotonic() - began)


def _graded(job: Job, isolation: Isolation, blank: Result) -> Result:
    try:
        notebook = read_notebook(job.submission.path)
    except NotANotebook as error:
        return _unreadable(job, blank, str(error))
    with executed(
        notebook,
        isolation=isolation,
        limits=job.limits,
        needs_sandbox=job.needs_sandbox,
        files=job.lab.events.resolve(),
        slot=job.slot,
    ) as (execution, server):
        sandbox = Sandbox(server.url) if server else None
        checks = _checks(job, notebook, execution, sandbox)
        if server is not None and not server.alive():
            raise GraderFault("The sandbox ended while the checks ran: grade this submission again.")
    return replace(
        blank,
        status=GRADED,
        checks=checks,
        warnings=(*notebook.warnings, *([execution.note] if execution.note else [])),
        cell_errors=tuple(f"code cell {i}: {text}" for i, text in enumerate(execution.errors, 1) if text),
        notebook_sha256=notebook.sha256,
    )


def _checks(
    job: Job, notebook: Notebook, execution: Execution, sandbox: Sandbox | None, refused: str = ""
) -> tuple[CheckResult, ...]:
    seed = f"{job.seed}\0{job.submission.name}"
    view = SubmissionView(notebook, execution)
    return run_checks(job.lab.checks, view, sandbox, seed=seed, check_s=job.limits.check_s, refused=refused)


def _unreadable(job: Job, blank: Result, reason: str) -> Result:
    """A notebook that cannot be read gives no valid answer: nothing is run, and every check fails with the reason."""
    failed = _checks(job, _EMPTY, _NOTHING_RAN, None, refused=reason)
    return replace(blank, status=GRADED, checks=failed, warnings=(reason,))
