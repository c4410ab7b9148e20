"""Moodle's offline grading worksheet. Source: Moodle Docs, "Assignment settings", *Offline grading worksheet*."""

from __future__ import annotations

from pathlib import Path

from autograder.exports.cells import csv_text
from autograder.gradebook import Gradebook, Row
from autograder.report import write_atomically

COLUMNS = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum grade",
    "Grade can be changed",
    "Last modified (grade)",
    "Feedback comments",
)


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``moodle.csv``; a student without a score has an empty grade, which Moodle leaves alone."""
    rows = [COLUMNS, *(_cells(book, row) for row in book.rows)]
    target = folder / "moodle.csv"
    write_atomically(target, csv_text(rows))
    return [target]


def _cells(book: Gradebook, row: Row) -> tuple[str | int, ...]:
    student, graded = row.student, row.graded
    return (
        f"Participant {student.moodle_id}" if student.moodle_id else student.id,
        student.name,
        student.email,
        "Submitted for grading" if row.result else "No submission",
        graded.score if graded else "",
        book.max_score,
        "Yes",
        graded.graded_at if graded else "",
        _feedback(row),
    )


def _feedback(row: Row) -> str:
    if row.graded is None:
        return ""
    public, most = row.graded.part(held=False)
    held, held_most = row.graded.part(held=True)
    return f"{public} of {most} points for the checks in the lab, {held} of {held_most} for held ones."
