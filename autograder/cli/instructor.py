"""What an instructor does: grade a class, go on after an interruption, and grade again what a fix touches."""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.batch import Plan, Runner, planned
from autograder.cli.batch import interruptible, run_batch
from autograder.cli.group import main
from autograder.cli.usage import Seconds
from autograder.contract import own_jobs, solution_problems, starter_problems
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.errors import GraderFault
from autograder.grade import Job
from autograder.isolation import Isolation, lack, whole_isolation
from autograder.manifest import (
    Manifest,
    check_digests,
    grader_digest,
    manifest_of,
    read_manifest,
    write_manifest,
    writing,
)
from autograder.passed_over import passed_over
from autograder.result import Result
from autograder.roster import read_roster
from autograder.submissions import find_submissions
from autograder.workers import grade_all

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_JOBS = click.option(
    "--jobs",
    "side_by_side",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Submissions at once.",
)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--lab", "lab_name", help="The lab that the submissions answer.")
@click.option("--roster", type=_FILE, help="CSV of the class: who is who, and who is missing.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@_JOBS
@click.option(
    "--timeout",
    "wall_s",
    type=Seconds(),
    default=120.0,
    show_default=True,
    help="Seconds a notebook.",
)
@click.option("--seed", help="Seed of the held checks' inputs; random if not given, kept in every result.")
@click.option(
    "--require-isolation", is_flag=True, help="Refuse to grade with anything less than full isolation."
)
@click.option("--fresh", is_flag=True, help="Keep nothing of an earlier run.")
@click.option("--dask", metavar="ADDRESS", help="Grade on a Dask cluster: tcp://HOST:PORT of its scheduler.")
def grade(
    path: Path | None,
    lab_name: str | None,
    roster: Path | None,
    out: Path | None,
    side_by_side: int,
    wall_s: float,
    seed: str | None,
    require_isolation: bool,
    fresh: bool,
    dask: str | None,
) -> None:
    """Grade the submissions in PATH (a notebook or a folder) and write one result a student, and the class, to OUT.

    PATH may be what Canvas, Moodle, Gradescope, GitHub Classroom or nbgrader give: students are told apart by its names.
    What OUT holds already and is still true is kept, so an interrupted run goes on where it stopped.

    Where the machine cannot keep notebooks away from the checks, the results and your files, that is said before anything
    runs, and they are graded one at a time, out of each other's way.

    Without PATH: grade every lab's own solution and starter, and show that the solutions get full marks and the
    starters nothing that asks for work.
    """
    labs = read_labs(labs_folder())
    if path is None:
        _refuse_class_options(roster=roster, out=out, seed=seed, fresh=fresh or None, dask=dask)
        raise SystemExit(_grade_own([find_lab(labs, lab_name)] if lab_name else labs, side_by_side))
    if out is None:
        raise click.UsageError("Say where the results go: --out FOLDER.")
    lab = find_lab(labs, lab_name)
    students = read_roster(roster) if roster else []
    submissions = find_submissions(path, students)
    others = passed_over(path, students, submissions)
    isolation = None if dask else _found(require_isolation)
    again = "the same command goes on from there."
    with (
        interruptible(again),
        writing(out),
        _runner(dask, side_by_side, require_isolation, isolation) as runner,
    ):
        before = None if fresh else _earlier(out, lab)
        kept = seed or (before.seed if before else secrets.token_hex(16))
        manifest = manifest_of(lab, submissions, students, seed=kept, wall_s=wall_s, others=others)
        if fresh:
            _forget(out)
        write_manifest(manifest, out)
        plan = planned(manifest, lab, out, isolation=isolation, complete_isolation=require_isolation)
        console = Console()
        _say_isolation(console, isolation)
        _say_plan(console, plan, before, manifest)
        code = run_batch(console, plan, manifest, lab, out, runner)
    raise SystemExit(code)


@main.command()
@click.argument("out", metavar="OUT", type=_FOLDER)
@_JOBS
@click.option("--dask", metavar="ADDRESS", help="Grade on a Dask cluster: tcp://HOST:PORT of its scheduler.")
def regrade(out: Path, side_by_side: int, dask: str | None) -> None:
    """After a check was fixed: run what the fix touches again, for everybody whose results are in OUT.

    What a check uses counts as part of it; comments and layout do not. Each submission is found again where it was;
    one that is gone or has changed keeps its result, and that is said.
    """
    isolation = None if dask else _found(False)
    again = f"labs regrade {out} goes on from there."
    with interruptible(again), writing(out), _runner(dask, side_by_side, False, isolation) as runner:
        before = read_manifest(out)
        if before is None:
            raise click.UsageError(
                f"{out} holds no class.json: grade into it first, with labs grade --out {out}."
            )
        lab = find_lab(read_labs(labs_folder()), before.lab)
        manifest = replace(before, checks=check_digests(lab), grader=grader_digest(lab))
        plan = planned(manifest, lab, out, isolation=isolation)
        write_manifest(manifest, out)
        console = Console()
        _say_isolation(console, isolation)
        _say_plan(console, plan, before, manifest)
        code = run_batch(console, plan, manifest, lab, out, runner)
    raise SystemExit(code)


def _refuse_class_options(**given: object) -> None:
    named = [f"--{name}" for name, value in given.items() if value is not None]
    if named:
        raise click.UsageError(f"{', '.join(named)} is for a class: say which submissions, labs grade PATH.")


def _earlier(out: Path, lab: Lab) -> Manifest | None:
    before = read_manifest(out)
    if before is not None and before.lab != lab.slug:
        raise click.UsageError(
            f"{out} holds results of {before.lab}: choose another folder, or start over with --fresh."
        )
    return before


def _forget(out: Path) -> None:
    """Make earlier results count for nothing; each is replaced when its submission is graded."""
    for path in out.glob("*/made-from.json"):
        path.unlink()


def _found(complete: bool) -> Isolation:
    """Return what notebooks are held by here. Raises GraderFault where it has to be ``complete`` and is not."""
    isolation = whole_isolation()
    lacking = lack(isolation, "here")
    if complete and lacking:
        raise GraderFault(lacking)
    return isolation


def _say_isolation(console: Console, isolation: Isolation | None) -> None:
    if isolation is None or not isolation.missing:
        return
    text = lack(isolation, "here")
    if not isolation.is_apart:
        text += " Grade only what you would start yourself; it is done one at a time. --require-isolation refuses."
    console.print(Text(f"⚠ {text}", style="yellow"), soft_wrap=True)


@contextlib.contextmanager
def _runner(
    dask: str | None, side_by_side: int, complete: bool, isolation: Isolation | None
) -> Iterator[Runner]:
    """Give what turns jobs into results: workers of our own, or those of a Dask cluster."""
    if dask is None:
        # Without walls each would reach the sandbox of the one beside it.
        alone = isolation is not None and not isolation.is_apart
        yield functools.partial(grade_all, side_by_side=1 if alone else side_by_side)
        return
    from autograder.cluster import cluster_at

    with cluster_at(dask, complete_isolation=complete) as runner:
        yield runner


def _say_plan(console: Console, plan: Plan, before: Manifest | None, manifest: Manifest) -> None:
    """Say what is kept and why the rest is not, where there was an earlier run."""
    if before is None:
        return
    names = sorted(name for name, digest in manifest.checks.items() if before.checks.get(name) != digest)
    dropped = sorted(set(before.checks) - set(manifest.checks))
    reasons = [f"changed: {', '.join(names)}"] if names else []
    reasons += [f"no longer there: {', '.join(dropped)}"] if dropped else []
    reasons += ["the grader itself has changed"] if before.grader != manifest.grader else []
    reasons += ["another seed"] if before.seed != manifest.seed else []
    reasons += ["another --timeout"] if before.wall_s != manifest.wall_s else []
    because = f" ({'; '.join(reasons)})" if reasons else ""
    part = sum(bool(job.only) for job in plan.jobs)
    console.print(
        f"{len(plan.kept)} results are kept, {part} are run in part, {len(plan.jobs) - part} in full{because}.",
        soft_wrap=True,
        markup=False,
    )


def _grade_own(labs: list[Lab], side_by_side: int) -> int:
    console = Console()
    bad: list[str] = []
    for job, result in _own_results(labs, side_by_side):
        starter = job.submission.key == "starter"
        problems = starter_problems(result) if starter else solution_problems(result)
        given = sum(check.earned for check in result.checks if check.given)
        work = f"{result.score - given}/{result.max_score} points for work"
        if given:
            work += f" (and {given} for what is given)"
        verdict = "✗" if problems else "✓"
        text = f"{verdict} {job.lab.slug} {job.submission.name}: {work} ({result.seconds:.1f} s)"
        console.print(Text(text, style="red" if problems else "green"), soft_wrap=True)
        for problem in problems:
            console.print(Text(f"    {problem}"), soft_wrap=True)
        bad += problems
    console.print("Solutions get full marks, starters none for work." if not bad else f"{len(bad)} problems.")
    return 1 if bad else 0


def _own_results(labs: list[Lab], side_by_side: int) -> Iterator[tuple[Job, Result]]:
    jobs = {(job.lab.slug, job.submission.key): job for lab in labs for job in own_jobs(lab)}
    for result in grade_all(jobs.values(), side_by_side=side_by_side):
        yield jobs[result.lab, result.key], result
