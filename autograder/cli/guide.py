"""What leads a learner through the course: what comes next, hints, and how far it is."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from autograder.cli import console as show
from autograder.cli.group import main
from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.hints import read_hints
from autograder.progress import (
    Progress,
    ProgressDamaged,
    changing,
    next_lab,
    progress_path,
    read_progress,
)


@main.command("list")
def list_command() -> None:
    """List the labs in their order."""
    show.print_labs(Console(), read_labs(labs_folder()))


@main.command("next")
def next_command() -> None:
    """Say what to do now: the first lab that is not finished, and its first open check."""
    labs = read_labs(labs_folder())
    progress = _progress()
    lab = next_lab(labs, progress)
    console = Console()
    if lab is None:
        done = all(progress.finished(each) for each in labs)
        text = "Every lab is finished." if done else "No lab is ready: two of them come after each other."
        console.print(text)
        return
    console.print(Text(f"Lab {lab.slug}: {lab.title}", style="bold"), soft_wrap=True)
    console.print(Text(f"  {lab.notebook}, about {lab.minutes} minutes"), soft_wrap=True)
    open_checks = progress.open_checks(lab)
    if not progress.of(lab).checks:
        console.print(f"  Work through it, then: labs check {lab.number}", soft_wrap=True)
    elif open_checks:
        console.print(Text("  Next: ").append(open_checks[0].title, style="red"), soft_wrap=True)
        console.print(f"  {show.hint_command(lab, open_checks[0].name)}", soft_wrap=True)


@main.command("progress")
def progress_command() -> None:
    """Show how many checks of each lab pass and how many hints you opened."""
    labs = read_labs(labs_folder())
    show.print_progress(Console(), labs, _progress())


@main.command()
@click.argument("lab_name", metavar="LAB")
@click.argument("check_name", metavar="[CHECK]", required=False)
@click.argument("number", metavar="[N]", type=click.IntRange(min=1), required=False)
def hint(lab_name: str, check_name: str | None, number: int | None) -> None:
    """Open the next hint for a check, by its name or its number in the lab: labs hint 03 2.

    Without CHECK: for the first check that does not pass yet. With N: show a hint that is open already.
    """
    lab = find_lab(read_labs(labs_folder()), lab_name)
    hints = read_hints(lab.hints)
    name = _check_called(lab, hints, check_name)
    found = hints[name]
    opened = _progress().of(lab).hints.get(name, 0)
    if number is not None and number > len(found):
        raise click.UsageError(f"{name} has {len(found)} hints.")
    if number is not None and number > opened + 1:
        raise click.UsageError(
            f"Hints open one at a time: labs hint {lab.number} {name} opens hint {opened + 1}."
        )
    shown = number or min(opened + 1, len(found))
    click.echo(f"Hint {shown} of {len(found)} for {name}: {found[shown - 1]}")
    if number is None and opened >= len(found):
        click.echo("That was the last one; all of them are open.")
    if shown > opened:
        with changing(progress_path()) as progress:
            progress.of(lab).hints[name] = shown


def _check_called(lab: Lab, hints: dict[str, list[str]], asked: str | None) -> str:
    names = list(hints)
    if asked is None:
        missed = [check.name for check in _progress().open_checks(lab) if check.name in hints]
        if not missed:
            raise click.UsageError(f"Every check of {lab.slug} that you can see passes: no hint is needed.")
        return missed[0]
    if asked.isdecimal() and 1 <= int(asked) <= len(names):
        return names[int(asked) - 1]
    for name in (asked, f"test_{asked}"):
        if hints.get(name):
            return name
    raise click.UsageError(f"There is no check {asked!r}. The checks: {', '.join(names) or 'none'}.")


def _progress() -> Progress:
    try:
        return read_progress(progress_path())
    except ProgressDamaged as damaged:
        click.echo(str(damaged), err=True)
        return Progress()
