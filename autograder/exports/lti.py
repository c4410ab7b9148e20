"""Bodies for an LTI platform's score service. Source: 1EdTech, "LTI Assignment and Grade Services 2.0", *Score publish service*."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from autograder.gradebook import Gradebook, Row
from autograder.report import write_atomically

MEDIA_TYPE = "application/vnd.ims.lis.v1.score+json"


def score(row: Row, max_score: int) -> dict[str, Any]:
    """Return the body to ``POST`` for one student with ``MEDIA_TYPE``.

    A submission that was not graded says ``Failed`` and carries no score; the platform then keeps what it has.
    """
    graded = row.graded
    body: dict[str, Any] = {
        "userId": row.student.lti_user_id or row.student.id,
        "timestamp": _subsecond(graded.graded_at if graded else ""),
        "activityProgress": "Completed" if row.result else "Initialized",
        "gradingProgress": "FullyGraded" if graded else ("Failed" if row.result else "NotReady"),
    }
    if graded:
        body |= {"scoreGiven": graded.score, "scoreMaximum": max_score}
    return body


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``lti-scores.json``: a list, one body for every student who handed in."""
    bodies = [score(row, book.max_score) for row in book.rows if row.result is not None]
    target = folder / "lti-scores.json"
    write_atomically(target, json.dumps(bodies, indent=2, allow_nan=False) + "\n")
    return [target]


def _subsecond(moment: str) -> str:
    """The specification asks for a fraction of the second and a time zone."""
    when = datetime.datetime.fromisoformat(moment) if moment else datetime.datetime.now(datetime.UTC)
    return when.isoformat(timespec="milliseconds")
