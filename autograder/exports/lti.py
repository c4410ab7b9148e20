"""Bodies for an LTI platform's score service. Source: 1EdTech, "LTI Assignment and Grade Services 2.0", *Score publish service*."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from autograder.gradebook import Gradebook
from autograder.report import write_atomically
from autograder.result import Result
from autograder.roster import Student


def score(student: Student, graded: Result) -> dict[str, Any]:
    """Return the body to ``POST``, as ``application/vnd.ims.lis.v1.score+json``, for one student who has a score."""
    return {
        "userId": student.lti_user_id or student.id,
        "timestamp": _subsecond(graded.graded_at),
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "scoreGiven": graded.score,
        "scoreMaximum": graded.max_score,
    }


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``lti-scores.json``: a list, one body for every student who has a score.

    Nobody else has one: a body without ``scoreGiven`` makes a platform clear the score that it has.
    """
    bodies = [score(row.student, row.graded) for row in book.rows if row.graded is not None]
    target = folder / "lti-scores.json"
    write_atomically(target, json.dumps(bodies, indent=2, allow_nan=False) + "\n")
    return [target]


def _subsecond(moment: str) -> str:
    """The specification asks for a fraction of the second and a time zone."""
    return datetime.datetime.fromisoformat(moment).isoformat(timespec="milliseconds")
