"""What was handed in and is no notebook: it cannot be graded, and the instructor hears of it by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.roster import Student, find_student
from autograder.submissions import METADATA, Submission, gradescope_metadata, shaped

_SHOWN_FILES = 3
# What Windows and macOS put into folders by themselves.
_SYSTEMS_OWN = {"__MACOSX", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Files of somebody without a notebook: ``files`` are paths in the folder, ``student`` an id or empty."""

    name: str
    student: str
    files: tuple[str, ...]

    @property
    def said(self) -> str:
        """Return whose files they are and what they are called, a few of them."""
        more = len(self.files) - _SHOWN_FILES
        shown = ", ".join(self.files[:_SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")
        return f"{self.name}: {shown}"


def passed_over(root: Path, students: list[Student], submissions: list[Submission]) -> tuple[PassedOver, ...]:
    """Return what lies in the folder ``root`` of those who handed in no notebook; nothing if it is a single file.

    What lies beside a notebook, above or below it belongs to it, and is not named.
    """
    if root.is_symlink() or not root.is_dir():
        return ()
    metadata = gradescope_metadata(root)
    known = {submission.student for submission in submissions if submission.student}
    known_names = {name for each in submissions for name in (each.name, each.who.get("name", "")) if name}
    found: dict[tuple[str, str], list[str]] = {}
    for path in _others(root):
        owner = _owner(root, path, metadata)
        student = find_student(students, owner.who) if students else None
        if (student.id in known) if student else owner.name in known_names:
            continue
        key = (student.name, student.id) if student else (owner.name, "")
        found.setdefault(key, []).append(path.relative_to(root).as_posix())
    return tuple(PassedOver(name, student, tuple(files)) for (name, student), files in found.items())


def _others(root: Path) -> Iterator[Path]:
    """Yield the files that are no notebook and belong to none, in order."""
    everything = [path for path in sorted(root.rglob("*")) if not _is_hidden(path.relative_to(root))]
    notebooks = [path for path in everything if path.suffix == ".ipynb"]
    beside = {path.parent for path in notebooks} - {root}
    above = {folder for path in notebooks for folder in path.parents} - {root, *root.parents}
    for path in everything:
        if path.suffix == ".ipynb" or path == root / METADATA or (path.is_dir() and not path.is_symlink()):
            continue
        if path.parent not in above and beside.isdisjoint(path.parents):
            yield path


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") or part in _SYSTEMS_OWN for part in relative.parts)


def _owner(root: Path, path: Path, metadata: Mapping[str, Mapping[str, str]]) -> Submission:
    """Return whose file it is, as of a notebook in its place: of a folder that is nobody's, its last part says it."""
    relative = path.relative_to(root)
    owner = shaped(root, path, relative, metadata)
    if set(owner.who) != {"id", "name"} or len(relative.parts) == 1:
        return owner
    folder = relative.parent.as_posix()
    return Submission(folder, "", path, {"id": relative.parts[0], "name": folder})
