"""Finds the labs of the course."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_CLOCK = re.compile(r"real\Z|scaled:[1-9][0-9]{0,4}\Z")
_SLUG = re.compile(r"[0-9]{2}-[a-z0-9-]{1,60}\Z|[a-z][a-z0-9-]{1,60}\Z")


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab as ``labs.toml`` lists it; ``folder`` holds its notebook, checks, hints and solution."""

    slug: str
    title: str
    minutes: int
    after: tuple[str, ...]
    goals: tuple[str, ...]
    requires: tuple[str, ...]
    page: str
    folder: Path
    clock: str = "real"  # of the sandbox that the lab is graded in: real, or scaled:FACTOR
    enforce_iam: bool = False  # whether that sandbox verifies signatures and lets policies decide

    @property
    def notebook(self) -> Path:
        return self.folder / "lab.ipynb"

    @property
    def solution(self) -> Path:
        return self.folder / "solution" / "lab.ipynb"

    @property
    def checks(self) -> Path:
        return self.folder / "checks"

    @property
    def hints(self) -> Path:
        return self.folder / "hints.md"

    @property
    def events(self) -> Path:
        return self.folder / "events"

    @property
    def number(self) -> str:
        """The lab's short name on the command line: ``03`` of ``03-environments-cold-and-warm``."""
        return self.slug.split("-")[0]


def labs_folder(start: Path | None = None) -> Path:
    """Return the folder with ``labs.toml``: above ``start``, or beside this package.

    ``LABS_FOLDER`` names it and no other. Raises click.UsageError if there is none.
    """
    set_by_hand = os.environ.get("LABS_FOLDER")
    if set_by_hand:
        if not (Path(set_by_hand) / "labs.toml").is_file():
            raise click.UsageError(
                f"LABS_FOLDER is {set_by_hand}, which holds no labs.toml: set it to the labs folder of the course, or unset it."
            )
        return Path(set_by_hand)
    places = []
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        places += [folder, folder / "labs"]
    places.append(Path(__file__).resolve().parent.parent / "labs")
    for place in places:
        if (place / "labs.toml").is_file():
            return place
    raise click.UsageError("No labs.toml found: run this inside the course's folder.")


def read_labs(folder: Path) -> list[Lab]:
    """Return the labs in the order of ``labs.toml``; raises click.UsageError if it cannot be read."""
    try:
        listed = tomllib.loads((folder / "labs.toml").read_text("utf-8"))["lab"]
        return [_lab(entry, folder) for entry in listed]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise click.UsageError(f"{folder / 'labs.toml'} cannot be read: {error}") from None


def _lab(entry: dict[str, Any], folder: Path) -> Lab:
    slug = entry["slug"]
    if not isinstance(slug, str) or not _SLUG.match(slug):
        raise ValueError(f"slug {slug!r}")
    return Lab(
        slug=slug,
        title=str(entry["title"]),
        minutes=int(entry["minutes"]),
        after=tuple(entry.get("after", ())),
        goals=tuple(entry.get("goals", ())),
        requires=tuple(entry.get("requires", ())),
        page=str(entry.get("page", "")),
        folder=folder / slug,
        clock=_clock(entry.get("clock", "real")),
        enforce_iam=_switch(entry.get("enforce_iam", False)),
    )


def _clock(value: object) -> str:
    if not isinstance(value, str) or not _CLOCK.match(value):
        raise ValueError(f"clock {value!r} is neither real nor scaled:FACTOR")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"enforce_iam {value!r} is neither true nor false")
    return value


def find_lab(labs: list[Lab], name: str | None, start: Path | None = None) -> Lab:
    """Return the lab called ``name`` (slug or number), or the one whose folder ``start`` is in.

    Raises click.UsageError with the list of labs when there is no such lab.
    """
    here = (start or Path.cwd()).resolve()
    for lab in labs:
        if name is None and here.is_relative_to(lab.folder.resolve()):
            return lab
        if name is not None and name in (lab.slug, lab.number, lab.number.lstrip("0")):
            return lab
    known = ", ".join(lab.slug for lab in labs)
    asked = f"There is no lab {name!r}." if name else "Say which lab."
    raise click.UsageError(f"{asked} The labs: {known}.")
