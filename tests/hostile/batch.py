"""Hands in many submissions at once and grades them as a class is graded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat

from autograder.discover import Lab
from autograder.grade import Job
from autograder.isolation import Isolation
from autograder.limits import Limits
from autograder.report import write_result
from autograder.result import Result
from autograder.submissions import Submission, find_submissions
from autograder.workers import grade_all

from .submitted import Submitted

LIMITS = Limits(wall_s=8.0, check_s=15.0, memory_mb=700, processes=60, scratch_mb=64)
_HERE = Path(__file__).resolve().parent
ADDING = Lab("00-adding", "Adding", 15, (), ("add",), (), "", _HERE / "lab")
PLAIN = Lab("00-plain", "Plain", 15, (), ("count",), (), "", _HERE / "plain_lab")


def write_notebook(path: Path, submitted: Submitted) -> None:
    """Write a submission as a notebook file."""
    notebook: Any = nbformat.v4.new_notebook()
    for number, cell in enumerate(submitted.cells):
        name, source = cell if isinstance(cell, tuple) else ("", cell)
        made: Any = nbformat.v4.new_code_cell(source, id=f"cell-{number}")
        made.metadata["tags"] = [f"answer:{name}"] if name else []
        notebook.cells.append(made)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def hand_in(folder: Path, submissions: Mapping[str, Submitted]) -> None:
    """Write the submissions into ``folder``, each that has files beside it into a folder of its own."""
    for name, submitted in submissions.items():
        if not submitted.beside:
            write_notebook(folder / f"{name}.ipynb", submitted)
            continue
        (folder / name).mkdir()
        write_notebook(folder / name / "lab.ipynb", submitted)
        for beside, text in submitted.beside.items():
            target = folder / name / beside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


def jobs_of(folder: Path, aws: Iterable[str], isolation: Isolation, limits: Limits = LIMITS) -> list[Job]:
    """Return a job for each submission in ``folder``; those named in ``aws`` are for the lab with a sandbox."""
    needing = frozenset(aws)

    def job(found: Submission) -> Job:
        lab = ADDING if found.name in needing else PLAIN
        return Job(lab, found, "seed-of-the-test", limits, isolation, needs_sandbox=lab is ADDING)

    return [job(found) for found in find_submissions(folder)]


def graded_batch(jobs: list[Job], out: Path) -> Iterator[Result]:
    """Grade two side by side, write each result and its report to ``out`` as it comes, and yield it."""
    for result in grade_all(jobs, side_by_side=2):
        write_result(result, out / result.key)
        yield result
