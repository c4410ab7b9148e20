"""``labs export``: results as gradebooks and learning platforms read them."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.cli.group import main
from autograder.discover import labs_folder, read_labs
from autograder.exports import FORMATS
from autograder.gradebook import Gradebook, gradebook, read_results
from autograder.manifest import read_manifest
from autograder.roster import read_roster

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@main.command()
@click.argument("results", type=_FOLDER)
@click.option(
    "--format", "formats", type=click.Choice(list(FORMATS)), multiple=True, help="All, if not given."
)
@click.option(
    "--roster",
    type=_FILE,
    help="CSV of the class: gives every student a row, and ids to the exports. Default: the one that was graded with.",
)
@click.option("--title", help="What the gradebook calls the lab; the lab's own title if not given.")
def export(results: Path, formats: tuple[str, ...], roster: Path | None, title: str | None) -> None:
    """Write the RESULTS of `labs grade` as gradebooks and learning platforms read them, into the same folder.

    Who was not graded has no score in any of them, never 0.
    """
    book = _read_book(results, roster, title)
    for name in formats or FORMATS:
        written = FORMATS[name](book, results)
        if len(written) > 1:
            click.echo(f"{name}: {written[0].parent} ({len(written)} files)")
        for path in written if len(written) == 1 else ():
            click.echo(f"{name}: {path}")


def _read_book(folder: Path, roster: Path | None, title: str | None) -> Gradebook:
    found = list(read_results(folder))
    if not found:
        raise click.UsageError(
            f"{folder} holds no result.json: grade into it first, with labs grade --out {folder}."
        )
    manifest = read_manifest(folder)
    kept = list(manifest.students) if manifest else []
    labs = {lab.slug: lab.title for lab in read_labs(labs_folder())}
    name = title or labs.get(found[0].lab, found[0].lab)
    return gradebook(found, read_roster(roster) if roster else kept, name)
