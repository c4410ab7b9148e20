"""Grades one submission: read, execute in isolation, run the checks, give a Result."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field, replace

from autograder.discover import Lab
from autograder.errors import ForkServerLost, GraderFault, NotANotebook, SandboxLost, SandboxTooLarge
from autograder.execute import Execution, executed
from autograder.fork_server import ForkServer
from autograder.isolation import Isolation, best_isolation
from autograder.limits import Limits
from autograder.notebook import Notebook, read_notebook
from autograder.result import GRADED, NOT_GRADED, Result
from autograder.sandbox import Sandbox
from autograder.sandbox_server import SandboxForkServer
from autograder.score import Checks, Subject, SubmissionView
from autograder.submissions import Submission
from autograder.text import cell_name, visible

_EMPTY = Notebook((), {}, (), "")
_NOTHING_RAN = Execution((), (), "finished", "", 0.0)
_SANDBOXES = 2  # of one submission: the first may have ended by the machine's fault


@dataclass(frozen=True, slots=True)
class Job:
    """One submission to grade. ``seed`` and the student's name make the inputs of held checks; ``slot`` tells
    submissions that run side by side apart. ``needs_sandbox`` is False only for a lab without any AWS in it. With
    ``only`` no other check functions are run than these, and the result holds nothing of the others.
    """

    lab: Lab
    submission: Submission
    seed: str
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation | None = None
    needs_sandbox: bool = True
    slot: int = 0
    only: frozenset[str] = frozenset()


def grade(job: Job, checks: Checks, fork_server: ForkServer, sandboxes: SandboxForkServer | None) -> Result:
    """Return the result of one submission; never raises for what is in it.

    Blocks for as long as the notebook and the checks take. Run it in a fork of the process that collected ``checks``
    (``foreman``), because at the end it kills every process below it. Raises ForkServerLost when another fork server
    should try.
    """
    began = time.monotonic()
    blank = blank_result(job)
    try:
        result = _graded(job, blank, checks, fork_server, sandboxes)
    except ForkServerLost:
        raise
    except GraderFault as fault:
        result = replace(blank, fault=str(fault))
    except Exception as error:
        result = replace(
            blank, fault=f"The grader failed ({type(error).__name__}: {error}). Please report this."
        )
    return replace(result, seconds=time.monotonic() - began)


def blank_result(job: Job) -> Result:
    """Return the result of a submission that was not graded yet, without a reason."""
    return Result(
        lab=job.lab.slug,
        submission=job.submission.name,
        key=job.submission.key,
        student=job.submission.student,
        late=job.submission.late,
        status=NOT_GRADED,
        isolation=job.isolation or best_isolation(),
        seed=job.seed,
        graded_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _graded(
    job: Job, blank: Result, checks: Checks, fork_server: ForkServer, sandboxes: SandboxForkServer | None
) -> Result:
    try:
        notebook = read_notebook(job.submission.path)
    except NotANotebook as error:
        return _refused(job, blank, checks, _EMPTY, str(error))
    reason = ""
    for _ in range(_SANDBOXES):
        try:
            return _run_and_checked(job, blank, notebook, checks, fork_server, sandboxes)
        except SandboxTooLarge as grown:
            return _refused(job, blank, checks, notebook, str(grown))
        except SandboxLost as lost:
            reason = str(lost)
    return _refused(
        job, blank, checks, notebook, f"{reason} A second one did no better: see what is left at work in it."
    )


def _run_and_checked(
    job: Job,
    blank: Result,
    notebook: Notebook,
    checks: Checks,
    fork_server: ForkServer,
    sandboxes: SandboxForkServer | None,
) -> Result:
    assert blank.isolation is not None
    with executed(
        notebook,
        fork_server=fork_server,
        sandboxes=sandboxes,
        isolation=blank.isolation,
        limits=job.limits,
        slot=job.slot,
        clock=job.lab.clock,
        enforce_iam=job.lab.enforce_iam,
    ) as (execution, server):
        sandbox = Sandbox(server.url) if server else None
        found = checks.run(_subject(job, notebook, execution, sandbox))
        isolation = blank.isolation
        if server is not None:
            server.require_alive()
            isolation = isolation.with_functions(server.functions_apart)
    return replace(
        blank,
        isolation=isolation,
        status=GRADED,
        checks=found,
        warnings=(*notebook.warnings, *([execution.note] if execution.note else [])),
        cell_errors=tuple(
            f"{cell_name(number, cell.source)}: {visible(text)}"
            for number, (cell, text) in enumerate(zip(notebook.cells, execution.errors, strict=False), 1)
            if text
        ),
        notebook_sha256=notebook.sha256,
    )


def _subject(
    job: Job, notebook: Notebook, execution: Execution, sandbox: Sandbox | None, refused: str = ""
) -> Subject:
    seed = f"{job.seed}\0{job.submission.name}"
    view = SubmissionView(notebook, execution)
    return Subject(view, sandbox, seed, job.limits.check_s, refused, job.only)


def _refused(job: Job, blank: Result, checks: Checks, notebook: Notebook, reason: str) -> Result:
    """What gives no valid answer: no check is run, and every one fails with the reason."""
    failed = checks.run(_subject(job, _EMPTY, _NOTHING_RAN, None, refused=reason))
    return replace(
        blank,
        status=GRADED,
        checks=failed,
        warnings=(*notebook.warnings, reason),
        notebook_sha256=notebook.sha256,
    )
