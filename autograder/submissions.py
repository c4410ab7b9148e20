"""Finds the submissions of a class, in the shapes in which they come out of the places that collect them.

Canvas: ``lastfirst_LATE_4711_815_lab.ipynb``, one flat folder. Moodle: ``Full Name_4711_assignsubmission_file/lab.ipynb``.
Gradescope: ``submission_4711/lab.ipynb`` beside ``submission_metadata.yml``. GitHub Classroom: a clone a student, named
``assignment-login``. nbgrader: ``submitted/student/assignment/lab.ipynb``. Anything else: a file a student, or a folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import yaml

from autograder.roster import Student, find_student

_CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<canvas_id>\d+)_(?P<attempt>\d+)_(?P<file>.+?)(?:-(?P<copy>\d+))?\.[^.]+"
)
_MOODLE = re.compile(r"(?P<name>.+)_(?P<moodle_id>\d+)_assignsubmission_(?:file|onlinetext)_?")
_GRADESCOPE = re.compile(r"submission_\d+")
METADATA = "submission_metadata.yml"
_MAX_METADATA_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Submission:
    """One notebook to grade.

    ``name`` is the student as the file system or the roster spells it; ``key`` is safe as a file name and unique.
    ``who`` is what the place that collected it says of the student. ``notes`` are for the instructor.
    """

    name: str
    key: str
    path: Path
    who: Mapping[str, str] = field(default_factory=dict)
    student: str = ""
    late: bool = False
    notes: tuple[str, ...] = ()


def find_submissions(path: Path, students: list[Student] | None = None) -> list[Submission]:
    """Return the submissions in ``path``, a notebook or a folder; the last of a student counts.

    With a roster each is given to its student; one that belongs to nobody keeps its own name, with a note.
    Raises click.UsageError when there is nothing to grade.
    """
    if not os.path.lexists(path):
        raise click.UsageError(f"{path} does not exist.")
    if path.is_dir() and not path.is_symlink():
        found = list(_in_folder(path))
        if not found:
            raise click.UsageError(f"{path} holds no .ipynb file: nothing to grade.")
    else:
        found = [Submission(path.stem, path.stem, path, {"id": path.stem})]
    if students:
        found = [_of_student(submission, students) for submission in found]
    return _distinct(_last_of_each(found))


def _in_folder(root: Path) -> Iterator[Submission]:
    metadata = gradescope_metadata(root)
    for path in sorted(root.rglob("*.ipynb")):
        relative = path.relative_to(root)
        if not any(part.startswith(".") for part in relative.parts):
            yield shaped(root, path, relative, metadata)


def shaped(root: Path, path: Path, relative: Path, metadata: Mapping[str, Mapping[str, str]]) -> Submission:
    """Return a file at ``relative`` in ``root`` as a submission of whom its names mean; ``metadata`` is Gradescope's."""
    folder = relative.parts[0] if len(relative.parts) > 1 else ""
    canvas = _CANVAS.fullmatch(path.name)
    if canvas and not folder:
        who = {"canvas_id": canvas["canvas_id"]}
        return Submission(f"{canvas['name']}_{canvas['canvas_id']}", "", path, who, late=bool(canvas["late"]))
    moodle = _MOODLE.fullmatch(folder)
    if moodle:
        return Submission(
            moodle["name"], "", path, {"moodle_id": moodle["moodle_id"], "name": moodle["name"]}
        )
    if folder in metadata:
        who = dict(metadata[folder])
        return Submission(who.get("name") or who.get("email") or folder, "", path, who)
    if folder and (root / folder / ".git").exists():
        login = _login(root, folder)
        return Submission(login, "", path, {"github": login, "id": login})
    name = _plain_name(relative, path)
    return Submission(
        name, "", path, {"id": name.split("/")[-1] if "/" not in name else name.split("/")[0], "name": name}
    )


def _login(root: Path, folder: str) -> str:
    """Return the folder's name without the assignment's, which all clones begin with: ``lab-03-ana`` is ``ana``."""
    clones = [entry.name for entry in root.iterdir() if (entry / ".git").exists()]
    # Character by character is what is wanted here: the names are no paths.
    common = os.path.commonprefix(clones) if len(clones) > 1 else ""  # noqa: RUF071
    prefix = common[: common.rfind("-") + 1]
    return folder.removeprefix(prefix) or folder


def _plain_name(relative: Path, path: Path) -> str:
    """A folder a student with one notebook in it is the student's name; nbgrader has the assignment's folder between."""
    parts = relative.with_suffix("").parts
    if len(parts) == 1:
        return parts[0]
    alone = sum(1 for _ in path.parent.glob("*.ipynb")) == 1
    if alone and len(parts) == 3 and (path.parent / "timestamp.txt").is_file():
        return parts[0]
    return "/".join(parts[:-1] if alone else parts)


def gradescope_metadata(root: Path) -> dict[str, dict[str, str]]:
    """Return the first submitter by folder, from the file that Gradescope puts beside the folders."""
    path = root / METADATA
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MAX_METADATA_BYTES:
        return {}
    try:
        document: Any = yaml.load(path.read_text("utf-8", "replace"), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError):
        raise click.UsageError(
            f"{path} cannot be read: export the submissions from Gradescope again."
        ) from None
    found: dict[str, dict[str, str]] = {}
    for name, entry in document.items() if isinstance(document, dict) else ():
        submitters = entry.get(":submitters") if isinstance(entry, dict) else None
        if not _GRADESCOPE.fullmatch(str(name)) or not isinstance(submitters, list) or not submitters:
            continue
        first = submitters[0] if isinstance(submitters[0], dict) else {}
        who = {"name": first.get(":name"), "email": first.get(":email"), "id": first.get(":sid")}
        found[str(name)] = {key: str(value) for key, value in who.items() if value}
    return found


class _PlainLoader(yaml.SafeLoader):
    """YAML's plain values only, and Ruby's symbols and times as the text they are."""


_PlainLoader.add_multi_constructor("", lambda loader, suffix, node: str(getattr(node, "value", "")))


def _of_student(submission: Submission, students: list[Student]) -> Submission:
    student = find_student(students, submission.who)
    if student is None:
        note = f"{submission.name} is not in the roster: it is graded under its own name."
        return replace(submission, notes=(*submission.notes, note))
    return replace(submission, name=student.name, student=student.id)


def _last_of_each(found: list[Submission]) -> list[Submission]:
    """Keep a student's last submission, by the number of the attempt where the name has one, else by the file's time."""
    last: dict[str, Submission] = {}
    for submission in found:
        owner = (
            submission.student
            or f"\0{submission.who.get('canvas_id', submission.name)}\0{submission.path.parent}"
        )
        before = last.get(owner)
        if before is None:
            last[owner] = submission
            continue
        first, second = sorted((before, submission), key=_order)
        note = (
            f"{second.name} handed in more than once: {second.path.name} counts, {first.path.name} does not."
        )
        last[owner] = replace(second, notes=(*before.notes, *submission.notes, note))
    return list(last.values())


def _order(submission: Submission) -> tuple[int, int, float, str]:
    canvas = _CANVAS.fullmatch(submission.path.name)
    number = int(canvas["attempt"]) if canvas else 0
    copy = int(canvas["copy"] or 0) if canvas else 0
    try:
        modified = submission.path.lstat().st_mtime
    except OSError:
        modified = 0.0
    return number, copy, modified, submission.path.name


def _distinct(found: list[Submission]) -> list[Submission]:
    """Give every submission a key of its own: letters, digits and ``-_.``, told apart by number where they meet."""
    taken: set[str] = set()
    result: list[Submission] = []
    for submission in found:
        base = (
            re.sub(r"[^A-Za-z0-9_-]+", "-", submission.student or submission.name).strip("-")[:80]
            or "submission"
        )
        key, number = base, 2
        while key.casefold() in taken:
            key, number = f"{base}-{number}", number + 1
        taken.add(key.casefold())
        result.append(replace(submission, key=key))
    return result
