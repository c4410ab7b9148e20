"""One ``results.json`` a student. Source: Gradescope Autograder Documentation, "Autograder specifications", *Output format*."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.gradebook import Gradebook
from autograder.report import write_atomically
from autograder.result import GRADED, Result
from autograder.score import CheckResult


def results_json(result: Result) -> dict[str, Any]:
    """Return the document for one submission.

    A held check is hidden from the student and its points count. A fault of ours has no score, which Gradescope
    shows as an autograder that failed, not as 0.
    """
    if result.status != GRADED:
        return {"output": f"Not graded: {result.fault}", "tests": []}
    return {
        "score": result.score,
        "execution_time": max(1, round(result.seconds)),
        "output": "\n".join((*result.warnings, *result.cell_errors)),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(check) for check in result.checks],
        "extra_data": {"lab": result.lab, "isolation": result.isolation.level if result.isolation else None},
    }


def _test(check: CheckResult) -> dict[str, Any]:
    told = [f"{label}: {text}" for label, text in check.missed]
    return {
        "name": check.title,
        "number": check.id,
        "score": check.earned,
        "max_score": check.points,
        "status": check.outcome,
        "output": "\n".join(told),
        "output_format": "text",
        "visibility": "hidden" if check.held else "visible",
    }


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``gradescope/<key>.json`` for every submission."""
    target = folder / "gradescope"
    target.mkdir(exist_ok=True)
    written: list[Path] = []
    for row in book.rows:
        if row.result is not None:
            path = target / f"{row.result.key}.json"
            write_atomically(path, json.dumps(results_json(row.result), indent=2, allow_nan=False) + "\n")
            written.append(path)
    return written
