"""``labs package``: a lab's grading, ready for the place where students hand in."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.cli.group import main
from autograder.discover import find_lab, labs_folder, read_labs
from autograder.errors import GraderFault
from autograder.packaging import PLACES


@main.command()
@click.argument("place", metavar="PLACE", type=click.Choice(list(PLACES)))
@click.option("--lab", "lab_name", help="The lab; the one whose folder this is, if not given.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
def package(place: str, lab_name: str | None, out: Path) -> None:
    """Make what PLACE needs to grade a lab: gradescope (a zip), github (a workflow) or jupyterhub (settings)."""
    lab = find_lab(read_labs(labs_folder()), lab_name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = PLACES[place](lab, out)
    except OSError as error:
        raise GraderFault(f"{out} cannot be written ({error.strerror}): name a folder that can.") from None
    for path in written:
        click.echo(str(path))
