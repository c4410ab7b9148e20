"""A file for Canvas's *Grades → Import*. Source: Canvas Instructor Guide, "How do I import grades in the Gradebook?"."""

from __future__ import annotations

from pathlib import Path

from autograder.exports.cells import csv_text
from autograder.gradebook import Gradebook
from autograder.report import write_atomically

COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``canvas.csv``: five columns that say who, one with the lab's points; the second row has what is possible.

    Canvas finds a student by any of the ids and leaves an empty grade alone, so who was not graded keeps what they have.
    """
    rows: list[tuple[str | int, ...]] = [(*COLUMNS, book.title)]
    rows.append(("    Points Possible", "", "", "", "", book.max_score))
    for row in book.rows:
        student, graded = row.student, row.graded
        last_first = f"{student.last_name}, {student.first_name}" if student.first_name else student.name
        who = (last_first, student.canvas_id, student.sis_user_id, student.sis_login_id, student.section)
        rows.append((*who, graded.score if graded else ""))
    target = folder / "canvas.csv"
    write_atomically(target, csv_text(rows))
    return [target]
