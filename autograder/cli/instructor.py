"""What an instructor does: grade a class, and export the gradebook."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from autograder.class_report import write_class_report
from autograder.cli import console as show
from autograder.cli.group import main
from autograder.contract import own_jobs, solution_problems, starter_problems
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.exports import FORMATS
from autograder.grade import Job
from autograder.gradebook import Gradebook, gradebook, read_results
from autograder.isolation import best_isolation
from autograder.limits import Limits
from autograder.report import write_result
from autograder.result import GRADED, Result
from autograder.roster import Student, read_roster
from autograder.submissions import find_submissions
from autograder.workers import grade_all

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--lab", "lab_name", help="The lab that the submissions answer.")
@click.option("--roster", type=_FILE, help="CSV of the class: who is who, and who is missing.")
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
    roster: Path | None,
    out: Path | None,
    side_by_side: int,
    wall_s: float,
    seed: str | None,
    require_isolation: bool,
) -> None:
    """Grade the submissions in PATH (a notebook or a folder) and write one result a student, and the class, to OUT.

    PATH may be what Canvas, Moodle, Gradescope, GitHub Classroom or nbgrader give: students are told apart by its names.

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
    students = read_roster(roster) if roster else []
    submissions = find_submissions(path, students)
    jobs = [Job(lab, submission, seed=kept, limits=Limits(wall_s=wall_s)) for submission in submissions]
    raise SystemExit(_grade_batch(jobs, students, out, side_by_side))


def _grade_batch(jobs: list[Job], students: list[Student], out: Path, side_by_side: int) -> int:
    console = Console()
    graded: list[Result] = []
    for result in grade_all(jobs, side_by_side=side_by_side):
        graded.append(result)
        write_result(result, out / result.key)
        show.print_batch_line(console, result, len(graded), len(jobs))
    for note in (note for job in jobs for note in job.submission.notes):
        console.print(Text(f"⚠ {note}", style="yellow"), soft_wrap=True)
    lab = jobs[0].lab
    book = gradebook(sorted(graded, key=lambda result: result.key), students, lab.title)
    notebooks = {job.submission.key: job.submission.path for job in jobs}
    report = write_class_report(book, out, notebooks, lab.notebook)
    missing = [result for result in graded if result.status != GRADED]
    isolation = best_isolation()
    console.print(
        f"{len(graded) - len(missing)} graded, {len(missing)} not graded. Isolation: {isolation.level}. Class: {report}"
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
@click.argument("results", type=_FOLDER)
@click.option(
    "--format", "formats", type=click.Choice(list(FORMATS)), multiple=True, help="All, if not given."
)
@click.option(
    "--roster", type=_FILE, help="CSV of the class: gives every student a row, and ids to the exports."
)
@click.option("--title", help="What the gradebook calls the lab; the lab's own title if not given.")
def export(results: Path, formats: tuple[str, ...], roster: Path | None, title: str | None) -> None:
    """Write the RESULTS of `labs grade` as gradebooks and learning platforms read them, into the same folder.

    Who was not graded has no score in any of them, never 0.
    """
    book = _read_book(results, roster, title)
    for name in formats or FORMATS:
        for path in FORMATS[name](book, results)[:1]:
            click.echo(f"{name}: {path}")


def _read_book(folder: Path, roster: Path | None, title: str | None) -> Gradebook:
    found = list(read_results(folder))
    if not found:
        raise click.UsageError(
            f"{folder} holds no result.json: grade into it first, with labs grade --out {folder}."
        )
    labs = {lab.slug: lab.title for lab in read_labs(labs_folder())}
    return gradebook(
        found, read_roster(roster) if roster else [], title or labs.get(found[0].lab, found[0].lab)
    )
