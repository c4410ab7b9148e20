"""What the author of a lab does: hold it to the contract."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from autograder.cli.group import main
from autograder.contract import check_lab
from autograder.discover import find_lab, labs_folder, read_labs


@main.command("dev-check")
@click.argument("lab_name", metavar="[LAB]", required=False)
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
