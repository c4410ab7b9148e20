"""The ``labs`` command: ``python -m autograder``."""

from __future__ import annotations

import datetime
import json
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder import console as show
from autograder.contract import check_lab, own_jobs, solution_problems, starter_problems
from autograder.discover import Lab, Submission, find_lab, find_submissions, labs_folder, read_labs
from autograder.errors import GraderError
from autograder.grade import Job
from autograder.hints import read_hints
from autograder.isolation import best_isolation
from autograder.limits import Limits
from autograder.report import write_atomically, write_result
from autograder.result import GRADED, Result
from autograder.starter import original_notebook
from autograder.workers import grade_all, grade_one

_LAB = click.argument("lab_name", metavar="[LAB]", required=False)


class LabsGroup(click.Group):
    """Turns the grader's own errors into one sentence and exit code 1, and a SIGTERM into an orderly end."""

    def invoke(self, context: click.Context) -> object:
        # The default would leave the workers and their sandboxes to themselves.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        try:
            return super().invoke(context)
        except GraderError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=LabsGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Do the labs of the course, and grade them."""


@main.command("list")
def list_command() -> None:
    """List the labs in their order."""
    show.print_labs(Console(), read_labs(labs_folder()))


@main.command()
@_LAB
@click.option(
    "--notebook", type=click.Path(path_type=Path), help="Check this notebook instead of the lab's own."
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.option(
    "--timeout", "wall_s", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Seconds."
)
def check(lab_name: str | None, notebook: Path | None, output: str, wall_s: float) -> None:
    """Run your notebook afresh and check it; held checks are only counted. Exit code 1 if a check fails."""
    lab = find_lab(read_labs(labs_folder()), lab_name)
    path = notebook or lab.notebook
    if not path.exists():
        raise click.ClickException(f"{path} does not exist.")
    job = Job(lab, Submission("you", "you", path), seed=secrets.token_hex(8), limits=Limits(wall_s=wall_s))
    result = grade_one(job)
    if output == "json":
        click.echo(json.dumps(_public(lab, result), allow_nan=False))
    else:
        show.print_result(Console(), lab, result)
    public, most = result.part(held=False)
    raise SystemExit(0 if result.status == GRADED and public == most else 1)


def _public(lab: Lab, result: Result) -> dict[str, object]:
    """Return what a learner may see: no held check, no seed."""
    public, most = result.part(held=False)
    return {
        "lab": lab.slug,
        "title": lab.title,
        "status": result.status,
        "fault": result.fault or None,
        "score": public,
        "max_score": most,
        "held_checks": sum(check.held for check in result.checks),
        "checks": [
            {
                "id": check.id,
                "title": check.title,
                "outcome": check.outcome,
                "points": check.points,
                "earned": check.earned,
                "told": show.told(check),
                "hint": show.hint_command(lab, check),
            }
            for check in result.checks
            if not check.held
        ],
        "warnings": [*result.warnings, *result.cell_errors],
    }


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--lab", "lab_name", help="The lab that the submissions answer.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--jobs", "side_by_side", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option(
    "--timeout",
    "wall_s",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds a notebook.",
)
@click.option("--seed", help="Seed of the held checks' inputs; random if not given, kept in every result.")
@click.option(
    "--require-isolation", is_flag=True, help="Refuse to grade with anything less than full isolation."
)
def grade(
    path: Path | None,
    lab_name: str | None,
    out: Path | None,
    side_by_side: int,
    wall_s: float,
    seed: str | None,
    require_isolation: bool,
) -> None:
    """Grade the submissions in PATH (a notebook or a folder) and write one result a student to OUT.

    Without PATH: grade every lab's own solution and starter, and show that the solutions get full marks and the
    starters nothing that asks for work.
    """
    if require_isolation and (lacking := best_isolation().missing):
        raise click.ClickException(
            f"Isolation is not complete here (missing: {', '.join(lacking)}): install bubblewrap."
        )
    labs = read_labs(labs_folder())
    if path is None:
        raise SystemExit(_grade_own([find_lab(labs, lab_name)] if lab_name else labs, side_by_side))
    if out is None:
        raise click.UsageError("Say where the results go: --out FOLDER.")
    lab = find_lab(labs, lab_name)
    kept = seed or secrets.token_hex(16)
    submissions = find_submissions(path)
    jobs = [Job(lab, submission, seed=kept, limits=Limits(wall_s=wall_s)) for submission in submissions]
    raise SystemExit(_grade_batch(jobs, out, side_by_side))


def _grade_batch(jobs: list[Job], out: Path, side_by_side: int) -> int:
    console = Console()
    graded: list[Result] = []
    for result in grade_all(jobs, side_by_side=side_by_side):
        graded.append(result)
        write_result(result, out / result.key)
        show.print_batch_line(console, result, len(graded), len(jobs))
    missing = [result for result in graded if result.status != GRADED]
    isolation = best_isolation()
    console.print(
        f"{len(graded) - len(missing)} graded, {len(missing)} not graded. Isolation: {isolation.level}."
    )
    return 1 if missing else 0


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


@main.command()
@click.argument("lab_name", metavar="LAB")
@click.argument("check_name", metavar="CHECK")
@click.argument("number", metavar="[N]", type=click.IntRange(min=1), default=1)
def hint(lab_name: str, check_name: str, number: int) -> None:
    """Show hint N (1 to 3) for a check, by its name or its number in the lab: labs hint 03 2."""
    lab = find_lab(read_labs(labs_folder()), lab_name)
    hints = read_hints(lab.hints)
    names = list(hints)
    if check_name.isdigit() and 1 <= int(check_name) <= len(names):
        check_name = names[int(check_name) - 1]
    found = hints.get(check_name) or hints.get(f"test_{check_name}")
    if not found:
        raise click.UsageError(f"There is no check {check_name!r}. The checks: {', '.join(names) or 'none'}.")
    if number > len(found):
        raise click.UsageError(f"{check_name} has {len(found)} hints.")
    click.echo(f"Hint {number} of {len(found)} for {check_name}: {found[number - 1]}")


@main.command()
@click.argument("lab_name", metavar="LAB")
def reset(lab_name: str) -> None:
    """Put the lab's notebook back as it came; what you have is kept in a copy beside it."""
    lab = find_lab(read_labs(labs_folder()), lab_name)
    original = original_notebook(lab)
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    copy = lab.folder / f"lab.{stamp}.ipynb"
    number = 2
    while copy.exists():
        copy, number = lab.folder / f"lab.{stamp}-{number}.ipynb", number + 1
    if lab.notebook.exists():
        shutil.copy2(lab.notebook, copy)
        click.echo(f"Your notebook is kept as {copy}.")
    write_atomically(lab.notebook, original)
    click.echo(f"{lab.notebook} is as it came.")


@main.command("dev-check")
@_LAB
def dev_check(lab_name: str | None) -> None:
    """Check that a lab (or every lab) keeps the contract. Exit code 1 if one does not."""
    labs = read_labs(labs_folder())
    console = Console()
    bad = 0
    for lab in [find_lab(labs, lab_name)] if lab_name else labs:
        problems = check_lab(lab, labs)
        bad += bool(problems)
        console.print(Text(f"{'✗' if problems else '✓'} {lab.slug}", style="red" if problems else "green"))
        for problem in problems:
            console.print(Text(f"    {problem}"), soft_wrap=True)
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main(prog_name="labs")
