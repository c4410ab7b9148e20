"""Every student's report in one zip, named as Canvas and Moodle want feedback back: as they gave the submissions out.

Canvas finds the student by the ids in the file's name. Source: Canvas Instructor Guide, "How do I upload all student
submissions for an assignment?". Moodle by those in the folder's name. Source: Moodle Docs, "Assignment settings", *Feedback files*.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from autograder.gradebook import Gradebook
from autograder.manifest import read_manifest
from autograder.submissions import Submission

_REPORT = "report.html"


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``feedback.zip`` with the report of every student who has a score; what a zip of ours held before is gone."""
    graded = {row.graded.key for row in book.rows if row.graded is not None}
    target = folder / "feedback.zip"
    beside = folder / f".feedback.{os.getpid()}"
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, report in _reports(folder, graded):
                archive.write(report, name)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return [target]


def _reports(folder: Path, graded: set[str]) -> Iterator[tuple[str, Path]]:
    """Yield what a report is called in the zip, and where it is."""
    manifest = read_manifest(folder)
    found = {submission.key: submission for submission, _ in manifest.submissions} if manifest else {}
    for key in sorted(graded):
        report = folder / key / _REPORT
        if report.is_file():
            yield (_name(found[key]) if key in found else f"{key}/{_REPORT}"), report


def _name(submission: Submission) -> str:
    if "canvas_id" in submission.who:
        return f"{submission.path.stem}.html"
    if "moodle_id" in submission.who:
        own = f"_{submission.who['moodle_id']}_assignsubmission_"
        with contextlib.suppress(StopIteration):
            return f"{next(part for part in submission.path.parts[::-1] if own in part)}/{_REPORT}"
    return f"{submission.key}/{_REPORT}"
