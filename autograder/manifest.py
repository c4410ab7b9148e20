"""What a folder of results was made from: ``class.json`` for the class, ``made-from.json`` beside each result.

By the second a run that was interrupted goes on where it stopped, and a check that was fixed is the only one run again.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from autograder.catalogue import read_checks
from autograder.discover import Lab
from autograder.errors import GraderFault, NotANotebook
from autograder.notebook import read_bounded
from autograder.passed_over import PassedOver
from autograder.report import write_atomically
from autograder.roster import Student
from autograder.submissions import Submission

VERSION = 1
_HERE = Path(__file__).resolve().parent
# Modules that say what was found; whatever they are, a score is the same.
_SHOWING = {
    "belonging",
    "class_report",
    "gradebook",
    "hints",
    "manifest",
    "passed_over",
    "progress",
    "report",
    "roster",
    "side_by_side",
    "similarity",
    "starter",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """What one result was made from. ``notebook`` is its file's SHA-256; ``checks`` is check function to digest."""

    notebook: str
    seed: str
    grader: str
    wall_s: float
    checks: Mapping[str, str]

    def same_but_for_checks(self, other: Origin) -> bool:
        mine, others = asdict(self) | {"checks": None}, asdict(other) | {"checks": None}
        return mine == others


@dataclass(frozen=True, slots=True)
class Manifest:
    """The class: its lab, its students, every submission with its file's SHA-256, and what was no notebook."""

    lab: str
    seed: str
    wall_s: float
    grader: str
    checks: Mapping[str, str]
    submissions: tuple[tuple[Submission, str], ...]
    students: tuple[Student, ...] = ()
    others: tuple[PassedOver, ...] = ()

    def origin(self, notebook: str) -> Origin:
        return Origin(notebook, self.seed, self.grader, self.wall_s, self.checks)

    @property
    def keys(self) -> set[str]:
        return {submission.key for submission, _ in self.submissions}


def manifest_of(
    lab: Lab,
    submissions: list[Submission],
    students: list[Student],
    *,
    seed: str,
    wall_s: float,
    others: tuple[PassedOver, ...] = (),
) -> Manifest:
    """Return the manifest of a class as its files are now."""
    found = tuple((submission, file_digest(submission.path)) for submission in submissions)
    checks = check_digests(lab)
    return Manifest(lab.slug, seed, wall_s, grader_digest(lab), checks, found, tuple(students), others)


def check_digests(lab: Lab) -> dict[str, str]:
    """Return check function to its digest."""
    return {name: check.digest for name, check in read_checks(lab.checks).items()}


def grader_digest(lab: Lab) -> str:
    """Return a digest of all that decides about a score beside the checks: the grader, and what a lab hands out."""
    whole = hashlib.sha256(_own_digest().encode())
    for path in sorted(lab.events.rglob("*")) if lab.events.is_dir() else []:
        if path.is_file():
            whole.update(f"{path.relative_to(lab.events)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


@functools.cache
def _own_digest() -> str:
    whole = hashlib.sha256()
    for path in sorted([*_HERE.glob("*.py"), *(_HERE / "inside").glob("*.py")]):
        if path.stem not in _SHOWING:
            whole.update(f"{path.relative_to(_HERE)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def file_digest(path: Path) -> str:
    """Return a submission's SHA-256; empty for what is no readable file of the size of a notebook."""
    try:
        return hashlib.sha256(read_bounded(path)).hexdigest()
    except NotANotebook:
        return ""


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write ``class.json``."""
    document = {
        "version": VERSION,
        "lab": manifest.lab,
        "seed": manifest.seed,
        "wall_s": manifest.wall_s,
        "grader": manifest.grader,
        "checks": dict(manifest.checks),
        "submissions": [_entry(submission, digest) for submission, digest in manifest.submissions],
        "students": [asdict(student) for student in manifest.students],
        "others": [asdict(other) for other in manifest.others],
    }
    write_atomically(folder / "class.json", json.dumps(document, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """Return what ``class.json`` says, ``None`` if there is none. Raises GraderFault for one that is damaged."""
    path = folder / "class.json"
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["version"] != VERSION:
            raise ValueError("another version")
        return Manifest(
            lab=str(document["lab"]),
            seed=str(document["seed"]),
            wall_s=float(document["wall_s"]),
            grader=str(document["grader"]),
            checks={str(name): str(digest) for name, digest in document["checks"].items()},
            submissions=tuple(_submission(entry) for entry in document["submissions"]),
            students=tuple(Student(**student) for student in document["students"]),
            # Folders of results that were made before this was kept have none.
            others=tuple(_other(entry) for entry in document.get("others", ())),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise GraderFault(
            f"{path} is damaged or of another version: grade into another folder, or start over with --fresh."
        ) from None


def _entry(submission: Submission, digest: str) -> dict[str, Any]:
    path = os.fspath(submission.path.absolute())
    entry = {field.name: getattr(submission, field.name) for field in fields(submission)}
    return entry | {"path": path, "who": dict(submission.who), "sha256": digest}


def _submission(entry: dict[str, Any]) -> tuple[Submission, str]:
    values = {name: value for name, value in entry.items() if name != "sha256"}
    values |= {"path": Path(entry["path"]), "notes": tuple(entry["notes"])}
    return Submission(**values), str(entry["sha256"])


def _other(entry: dict[str, Any]) -> PassedOver:
    return PassedOver(str(entry["name"]), str(entry["student"]), tuple(map(str, entry["files"])))


def write_origin(origin: Origin, folder: Path) -> None:
    """Write ``made-from.json`` beside the result that is already there."""
    result = hashlib.sha256((folder / "result.json").read_bytes()).hexdigest()
    document = {**asdict(origin), "result": result}
    write_atomically(folder / "made-from.json", json.dumps(document) + "\n")


def read_origin(folder: Path) -> Origin | None:
    """Return what the result in ``folder`` was made from; ``None`` unless both files are whole and belong together."""
    try:
        document = json.loads((folder / "made-from.json").read_text("utf-8"))
        result = hashlib.sha256((folder / "result.json").read_bytes()).hexdigest()
        if document.pop("result") != result:
            return None
        return Origin(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Keep others from writing to a folder of results. Raises GraderFault if somebody does, or nobody can."""
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context((folder / ".lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GraderFault(
                f"Another labs command is writing to {folder}: wait for it, or end it."
            ) from None
        except OSError as error:  # some network drives have no locks
            raise GraderFault(
                f"{folder} cannot be written ({error.strerror}): name a folder that can."
            ) from None
        yield
