"""The same trivial notebook graded by others: nbgrader, Otter, and nbclient alone with a kernel a notebook."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cpu_account import Cost, run
from benchmarks.grade_batch import TRIVIAL_CELLS, trivial_lab

PEERS = Path("build/peers")
MISSING = "not measured: it is not in build/peers; `make bench` installs it there"
_NBCLIENT = """
import sys, nbformat
from nbclient import NotebookClient
for _ in range(int(sys.argv[2])):
    NotebookClient(nbformat.read(sys.argv[1], 4), kernel_name="python3").execute()
"""
_TEST = "assert total == 3"
_OTTER_TEST = """
OK_FORMAT = True
test = {"name": "q1", "points": 3, "suites": [{"cases": [
    {"code": ">>> assert total == 3\\n", "hidden": False, "locked": False}], "scored": True, "type": "doctest"}]}
"""


def measure(count: int) -> dict[str, Any]:
    """Return seconds a notebook for each peer, or a sentence where it is missing."""
    found: dict[str, Any] = {"nbclient": _figures(_nbclient(count), count)}
    for name, grading in (("nbgrader", _nbgrader), ("otter", _otter)):
        program = (PEERS / "bin" / name).absolute()
        if not program.exists():
            found[name] = {"missing": MISSING}
            continue
        try:
            found[name] = _figures(grading(program, count), count)
        except subprocess.CalledProcessError as error:
            last = str(error.stderr).strip().splitlines()[-1:]
            found[name] = {"missing": f"not measured: it failed ({' '.join(last)[:200]})"}
    return found


def _figures(costs: list[Cost], count: int) -> dict[str, Any]:
    return {
        "each_s": round(sum(cost.wall_s for cost in costs) / count, 4),
        "each_cpu_s": round(sum(cost.cpu_s for cost in costs) / count, 4),
        "notebooks": count,
    }


def _nbclient(count: int) -> list[Cost]:
    with tempfile.TemporaryDirectory() as scratch:
        _, path = trivial_lab(Path(scratch))
        return [run([sys.executable, "-c", _NBCLIENT, str(path), str(count)], Path(scratch))]


def _nbgrader(program: Path, count: int) -> list[Cost]:
    with tempfile.TemporaryDirectory() as scratch:
        course = Path(scratch)
        source = course / "source" / "ps1"
        source.mkdir(parents=True)
        (source / "trivial.ipynb").write_text(json.dumps(_nbgrader_notebook()))
        environment = {"HOME": scratch, "PATH": f"{program.parent}:/usr/bin:/bin"}
        run([str(program), "generate_assignment", "ps1", "--create"], course, environment)
        for number in range(count):
            target = course / "submitted" / f"s{number}" / "ps1"
            target.mkdir(parents=True)
            shutil.copy(source / "trivial.ipynb", target)
        cost = run([str(program), "autograde", "ps1", "--create"], course, environment)
        graded = len(list(course.glob("autograded/*/ps1/trivial.ipynb")))
        if graded != count:
            raise subprocess.CalledProcessError(1, "nbgrader", "", f"it graded {graded} of {count}")
        return [cost]


def _nbgrader_notebook() -> dict[str, Any]:
    def cell(source: str, name: str, *, grade: bool) -> dict[str, Any]:
        mark: dict[str, Any] = {"grade_id": name, "grade": grade, "solution": not grade, "locked": grade}
        mark |= {"task": False, "schema_version": 3, **({"points": 3} if grade else {})}
        made: dict[str, Any] = {"cell_type": "code", "id": name, "outputs": [], "execution_count": None}
        return made | {"source": source, "metadata": {"nbgrader": mark}}

    cells = [cell(TRIVIAL_CELLS[0], "facts", grade=False), cell(_TEST, "test", grade=True)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def _otter(program: Path, count: int) -> list[Cost]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "tests").mkdir()
        (folder / "out").mkdir()
        (folder / "tests" / "q1.py").write_text(_OTTER_TEST)
        _, path = trivial_lab(folder)
        environment = {"HOME": scratch, "PATH": f"{program.parent}:/usr/bin:/bin"}
        run(
            [str(program), "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment"],
            folder,
            environment,
        )
        grade = [str(program), "run", "-a", "autograder.zip", "-o", "out", str(path)]
        return [run(grade, folder, environment) for _ in range(count)]
