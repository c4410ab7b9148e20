"""Grades all the submissions once, as one batch with others running beside them, and gives the results to the tests."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.discover import Lab
from autograder.grade import Job
from autograder.isolation import best_isolation
from autograder.limits import Limits
from autograder.report import write_result
from autograder.result import Result
from autograder.submissions import find_submissions
from autograder.workers import grade_all

from .submissions import HONEST, HOSTILE, MALFORMED, Submitted

# The lab's checks are for the grader to run, not for this run.
collect_ignore = ["lab"]

LIMITS = Limits(wall_s=8.0, check_s=15.0, memory_mb=700, processes=60, scratch_mb=64)


def write_notebook(path: Path, submitted: Submitted) -> None:
    """Write a submission as a notebook file."""
    notebook: Any = nbformat.v4.new_notebook()
    for cell in submitted.cells:
        name, source = cell if isinstance(cell, tuple) else ("", cell)
        made: Any = nbformat.v4.new_code_cell(source)
        made.metadata["tags"] = [f"answer:{name}"] if name else []
        notebook.cells.append(made)
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="session")
def adding_lab() -> Lab:
    folder = Path(__file__).resolve().parent / "lab"
    return Lab("00-adding", "Adding", 15, (), ("add",), (), (), "", folder)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder that the grader takes for everything temporary in this run."""
    before = tempfile.tempdir
    folder = tmp_path_factory.mktemp("scratch")
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with one folder a submission, written while the batch is graded."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="session")
def graded(
    adding_lab: Lab, tmp_path_factory: pytest.TempPathFactory, scratch: Path, out: Path
) -> Iterator[dict[str, Result]]:
    """Return submission name to result, of one batch of all of them; results and reports are written as for a class."""
    batch = tmp_path_factory.mktemp("batch")
    for name, submitted in {**HONEST, **HOSTILE}.items():
        write_notebook(batch / f"{name}.ipynb", submitted)
    for name, (content, _) in MALFORMED.items():
        (batch / f"{name}.ipynb").write_bytes(content)
    (batch / "malformed-link.ipynb").symlink_to(batch / "honest-plain.ipynb")
    # What a planted file could change, if the grader ever looked at it.
    (batch / "conftest.py").write_text("import os; os._exit(0)\n")
    (batch / "sitecustomize.py").write_text("import os; os._exit(0)\n")
    os.environ["SECRET_FOR_THE_TEST"] = "1"
    if best_isolation().level != "bwrap":
        pytest.skip("bubblewrap does not work here: hostile code would run with limits only")
    jobs = [Job(adding_lab, found, seed="hostile", limits=LIMITS) for found in find_submissions(batch)]
    results: dict[str, Result] = {}
    for result in grade_all(jobs, side_by_side=2):
        write_result(result, out / result.key)
        results[result.submission] = result
    yield results
    del os.environ["SECRET_FOR_THE_TEST"]
