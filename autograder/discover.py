"""Finds the labs of the course and the submissions of a class."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_SLUG = re.compile(r"[0-9]{2}-[a-z0-9-]{1,60}\Z|[a-z][a-z0-9-]{1,60}\Z")


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab as ``labs.toml`` lists it; ``folder`` holds its notebook, checks, hints and solution."""

    slug: str
    title: str
    minutes: int
    after: tuple[str, ...]
    goals: tuple[str, ...]
    exam_tasks: tuple[str, ...]
    requires: tuple[str, ...]
    page: str
    folder: Path

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


@dataclass(frozen=True, slots=True)
class Submission:
    """One notebook to grade. ``name`` is the student as the file system spells it; ``key`` is safe as a file name."""

    name: str
    key: str
    path: Path


def labs_folder(start: Path | None = None) -> Path:
    """Return the folder with ``labs.toml``: above ``start``, or beside this package.

    Raises click.UsageError if there is none.
    """
    set_by_hand = os.environ.get("LABS_FOLDER")
    places = [Path(set_by_hand)] if set_by_hand else []
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
        exam_tasks=tuple(entry.get("exam_tasks", ())),
        requires=tuple(entry.get("requires", ())),
        page=str(entry.get("page", "")),
        folder=folder / slug,
    )


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


def find_submissions(path: Path) -> list[Submission]:
    """Return the submissions in ``path``: one file, or a folder of notebooks and of folders with one notebook each.

    Files that are not notebooks by name are left out; two whose names differ only in look get different keys.
    Raises click.UsageError when there is nothing to grade.
    """
    if path.is_dir() and not path.is_symlink():
        found = [_submission(path, entry) for entry in sorted(path.rglob("*.ipynb")) if _counts(path, entry)]
        if not found:
            raise click.UsageError(f"{path} holds no .ipynb file: nothing to grade.")
        return _distinct(found)
    if not os.path.lexists(path):
        raise click.UsageError(f"{path} does not exist.")
    return _distinct([Submission(path.stem, path.stem, path)])


def _counts(root: Path, entry: Path) -> bool:
    return not any(part.startswith(".") for part in entry.relative_to(root).parts)


def _submission(root: Path, entry: Path) -> Submission:
    relative = entry.relative_to(root).with_suffix("")
    # A folder a student, a notebook in it: the folder is the name.
    parts = relative.parts if len(relative.parts) == 1 else relative.parts[:-1]
    alone = len(relative.parts) > 1 and sum(1 for _ in entry.parent.glob("*.ipynb")) == 1
    name = "/".join(parts if alone or len(relative.parts) == 1 else relative.parts)
    return Submission(name, name, entry)


def _distinct(found: list[Submission]) -> list[Submission]:
    """Give every submission a key of its own: letters, digits and ``-_.``, told apart by number where they meet."""
    taken: set[str] = set()
    result: list[Submission] = []
    for submission in found:
        base = re.sub(r"[^A-Za-z0-9_-]+", "-", submission.name).strip("-")[:80] or "submission"
        key, number = base, 2
        while key.casefold() in taken:
            key, number = f"{base}-{number}", number + 1
        taken.add(key.casefold())
        result.append(Submission(submission.name, key, submission.path))
    return result
