"""The class as its results tell it: one row a student of the roster, and the submissions that belong to nobody in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GraderFault
from autograder.manifest import read_manifest
from autograder.result import GRADED, Result, result_from_json
from autograder.roster import Student


@dataclass(frozen=True, slots=True)
class Row:
    """One student and what was graded; ``result`` is ``None`` where nothing was handed in."""

    student: Student
    result: Result | None

    @property
    def graded(self) -> Result | None:
        """The result if it has a score: one that was not graded is never a 0."""
        return self.result if self.result is not None and self.result.status == GRADED else None


@dataclass(frozen=True, slots=True)
class Gradebook:
    """``title`` and ``max_score`` are the lab's; the second is 0 when nothing was graded."""

    lab: str
    title: str
    rows: tuple[Row, ...]
    max_score: int


def read_results(folder: Path) -> Iterator[Result]:
    """Yield the results that ``labs grade`` wrote below ``folder``, by key. Raises GraderFault for a damaged one.

    Where ``class.json`` names the class, what an earlier run left of others is passed over.
    """
    manifest = read_manifest(folder)
    for path in sorted(folder.glob("*/result.json")):
        if manifest is not None and path.parent.name not in manifest.keys:
            continue
        try:
            yield result_from_json(json.loads(path.read_text("utf-8")))
        except (ValueError, KeyError, TypeError):
            raise GraderFault(
                f"{path} is damaged or of another version: delete it and grade that submission again."
            ) from None


def gradebook(results: list[Result], students: list[Student], title: str) -> Gradebook:
    """Return one row for every student in the roster's order, then one for every result without a student in it."""
    by_student = {result.student: result for result in results if result.student}
    known = {student.id for student in students}
    rows = [Row(student, by_student.get(student.id)) for student in students]
    rows += [
        Row(Student(result.student or result.key, result.submission), result)
        for result in results
        if result.student not in known
    ]
    lab = results[0].lab if results else ""
    return Gradebook(lab, title, tuple(rows), max((result.max_score for result in results), default=0))
