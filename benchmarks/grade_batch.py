"""Grades the same notebook many times and prints what that took: ``python -m benchmarks.grade_batch LAB COUNT WORKERS``.

``LAB`` is ``trivial`` (one answer cell, two checks, no AWS) or the slug of a lab, whose solution is handed in.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from autograder.discover import Lab, find_lab, labs_folder, read_labs
from autograder.grade import Job
from autograder.isolation import best_isolation
from autograder.processes import descendants
from autograder.submissions import Submission
from autograder.workers import grade_all

TRIVIAL_CELLS = ("total = 3\nprint('hello')", "1 + 1")
_CHECKS = '''
import pytest
from autograder.checks import expect


@pytest.mark.points(2)
def test_total(submission):
    """The total"""
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum")


@pytest.mark.points(1)
@pytest.mark.held
def test_printed(submission):
    """It prints"""
    expect(submission.outputs_text("facts"), wanted="hello\\n", look_at="print")
'''
_MEMORY_AT = 100  # and at the last


def trivial_lab(folder: Path) -> tuple[Lab, Path]:
    """Make the trivial lab and a right submission to it in ``folder``."""
    checks = folder / "labs" / "00-trivial" / "checks"
    checks.mkdir(parents=True)
    (checks / "test_trivial.py").write_text(_CHECKS)
    cells = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {"tags": tags}, "outputs": [], "source": source}
        | {"execution_count": None}
        for number, (source, tags) in enumerate(zip(TRIVIAL_CELLS, (["answer:facts"], []), strict=True))
    ]
    path = folder / "trivial.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    return Lab("00-trivial", "Trivial", 15, (), ("count",), (), "", checks.parent), path


def main(name: str, count: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        if name == "trivial":
            lab, path = trivial_lab(Path(scratch))
        else:
            lab = find_lab(read_labs(labs_folder()), name)
            path = lab.solution
        jobs = [
            Job(lab, Submission(f"s{n}", f"s{n}", path), "seed", needs_sandbox=name != "trivial")
            for n in range(count)
        ]
        print(json.dumps(_graded(jobs, workers)))


def _graded(jobs: list[Job], workers: int) -> dict[str, object]:
    best_isolation()
    outcomes: Counter[str] = Counter()
    memory_kb: dict[str, int] = {}
    began = time.monotonic()
    first = began
    for number, result in enumerate(grade_all(jobs, side_by_side=workers), 1):
        if number == 1:
            first = time.monotonic()
        outcomes[f"{result.status} {result.score} of {result.max_score}"] += 1
        if number in (_MEMORY_AT, len(jobs)):
            memory_kb[str(number)] = _tree_kb()
    ended = time.monotonic()
    return {
        "first_s": round(first - began, 3),
        "total_s": round(ended - began, 3),
        "each_s": round((ended - first) / max(1, len(jobs) - 1), 4),
        "outcomes": dict(outcomes),
        "memory_kb": memory_kb,
    }


def _tree_kb() -> int:
    """Return the memory of this process and all below it, shared pages divided among those that share them."""
    total = 0
    for pid in [os.getpid(), *descendants(os.getpid())]:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
