"""The columns that ``nbgrader export`` writes. Source: nbgrader 0.9, "Grade export plugins" (CsvExportPlugin)."""

from __future__ import annotations

from pathlib import Path

from autograder.exports.cells import csv_text
from autograder.gradebook import Gradebook
from autograder.report import write_atomically

COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``nbgrader.csv``.

    When a submission was handed in and when it was due is not known here: those cells are empty, as nbgrader writes
    what it does not know. No penalty is taken. Who was not graded has no score, where nbgrader itself would write 0.
    """
    rows: list[tuple[str | int, ...]] = [COLUMNS]
    for row in book.rows:
        student, graded = row.student, row.graded
        score: str | int = graded.score if graded else ""
        rows.append(
            (
                book.lab,
                "",
                "",
                student.id,
                student.last_name,
                student.first_name,
                student.email,
                score,
                0 if graded else "",
                score,
                book.max_score,
            )
        )
    target = folder / "nbgrader.csv"
    write_atomically(target, csv_text(rows))
    return [target]
