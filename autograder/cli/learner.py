"""What a learner does: list, check, hint, reset."""

from __future__ import annotations

import datetime
import json
import secrets
import shutil
from pathlib import Path

import click
from rich.console import Console

from autograder.cli import console as show
from autograder.cli.group import main
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.grade import Job
from autograder.hints import read_hints
from autograder.limits import Limits
from autograder.report import write_atomically
from autograder.result import GRADED, Result
from autograder.starter import original_notebook
from autograder.submissions import Submission
from autograder.workers import grade_one

_LAB = click.argument("lab_name", metavar="[LAB]", required=False)


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
