"""What a learner does to a notebook: check it, watch it, put it back."""

from __future__ import annotations

import datetime
import json
import secrets
import shutil
from pathlib import Path

import click
from rich.console import Console

from autograder.belonging import other_lab
from autograder.cli import console as show
from autograder.cli.group import INTERRUPTED, main
from autograder.cli.usage import Seconds
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.errors import GraderError
from autograder.grade import Job
from autograder.limits import Limits
from autograder.progress import ProgressDamaged, changing, progress_path, record
from autograder.report import write_atomically
from autograder.result import GRADED, Result
from autograder.starter import original_notebook
from autograder.submissions import Submission
from autograder.workers import grade_one

_LAB = click.argument("lab_name", metavar="[LAB]", required=False)


@main.command()
@_LAB
@click.option(
    "--notebook", type=click.Path(path_type=Path), help="Check this notebook instead of the lab's own."
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@click.option("--timeout", "wall_s", type=Seconds(), default=120.0, show_default=True, help="Seconds.")
def check(lab_name: str | None, notebook: Path | None, output: str, wall_s: float) -> None:
    """Run your notebook afresh and check it; held checks are only counted. Exit code 1 if a check fails."""
    labs = read_labs(labs_folder())
    lab = find_lab(labs, lab_name)
    path = notebook or lab.notebook
    if not path.exists():
        raise no_notebook(lab, path)
    refuse_other(lab, path, labs)
    job = Job(lab, Submission("you", "you", path), seed=secrets.token_hex(8), limits=Limits(wall_s=wall_s))
    try:
        result = grade_one(job)
    except KeyboardInterrupt:
        click.echo("Stopped: nothing was recorded, and your progress is as it was.", err=True)
        raise SystemExit(INTERRUPTED) from None
    refuse_unread(lab, path, result)
    if path.resolve() != lab.solution.resolve():
        remember(lab, result)
    if output == "json":
        click.echo(json.dumps(_public(lab, result), allow_nan=False))
    else:
        show.print_result(Console(), lab, result, show.whys_of(lab))
    public, most = result.part(held=False)
    raise SystemExit(0 if result.status == GRADED and public == most else 1)


def no_notebook(lab: Lab, path: Path) -> GraderError:
    """Return the error for a notebook that is not there."""
    own = path == lab.notebook
    what_to_do = f"labs reset {lab.number} brings it back" if own else "say where the .ipynb file is"
    return GraderError(f"{path} does not exist: {what_to_do}.")


def refuse_other(lab: Lab, path: Path, labs: list[Lab]) -> None:
    """Raise GraderError with one sentence where the notebook is another lab's: that is no result of this one."""
    other = other_lab(path, lab, labs)
    if other is None:
        return
    what_to_do = f"labs check {other.number} --notebook {path} checks it"
    if path.resolve() == lab.notebook.resolve():
        what_to_do = f"labs reset {lab.number} brings the lab's own back, and keeps this one as a copy"
    raise GraderError(
        f"{path} is the notebook of lab {other.slug}, not of {lab.slug}: {what_to_do}. "
        "Nothing was recorded: your progress is unchanged."
    )


def refuse_unread(lab: Lab, path: Path, result: Result) -> None:
    """Raise GraderError with one sentence where the file was no notebook: that is no result of the lab."""
    if result.status == GRADED and not result.read:
        reason = " ".join(result.warnings).rstrip(".")
        back = f"; labs reset {lab.number} brings the lab's own back" if path == lab.notebook else ""
        raise GraderError(f"{reason}{back}. Nothing was recorded: your progress is unchanged.")


def remember(lab: Lab, result: Result) -> list[str]:
    """Record a result in the learner's progress and return the checks that pass for the first time.

    Where that cannot be done one sentence on stderr says so, and the check stands.
    """
    try:
        with changing(progress_path()) as progress:
            return record(progress, lab, result)
    except ProgressDamaged as damaged:
        click.echo(str(damaged), err=True)
        return remember(lab, result)
    except GraderError as error:
        click.echo(str(error), err=True)
        return []


def _public(lab: Lab, result: Result) -> dict[str, object]:
    """Return what a learner may see: no held check, no seed."""
    public, most = result.part(held=False)
    whys = show.whys_of(lab)
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
                "told": show.told(check, whys),
                "hint": show.hint_command(lab, check.id),
            }
            for check in result.checks
            if not check.held
        ],
        "warnings": [*result.warnings, *result.cell_errors],
    }


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
        if lab.notebook.is_file():
            shutil.copy2(lab.notebook, copy)
        else:
            lab.notebook.rename(copy)  # a folder of that name would be in the way
        click.echo(f"Your notebook is kept as {copy}.")
    write_atomically(lab.notebook, original)
    click.echo(f"{lab.notebook} is as it came.")
