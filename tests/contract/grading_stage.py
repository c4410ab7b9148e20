"""A small course for tests: a lab, its submissions, and the commands that grade them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.plain_checks import CHECKS

RIGHT, WRONG = "total = 3\nprint('hello')", "total = 4\nprint('hello')"


def notebook(path: Path, source: str) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["answer:facts"]})  # type: ignore[no-untyped-call]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)  # type: ignore[no-untyped-call]


class Course:
    """A course of one lab, four submissions, and the ``labs`` command on it."""

    def __init__(self, folder: Path) -> None:
        self.labs = folder / "labs"
        self.lab = self.labs / "07-plain"
        self.checks = self.lab / "checks" / "test_plain.py"
        self.handed_in = folder / "handed-in"
        self.out = folder / "out"
        notebook(self.lab / "lab.ipynb", "total = ...")
        self.checks.parent.mkdir()
        self.checks.write_text(CHECKS)
        (self.labs / "labs.toml").write_text('[[lab]]\nslug = "07-plain"\ntitle = "Plain"\nminutes = 20\n')
        for name, source in {"ada": RIGHT, "bo": WRONG, "cy": RIGHT, "dee": WRONG}.items():
            notebook(self.handed_in / f"{name}.ipynb", source)
        self.environment = {
            **os.environ,
            "LABS_FOLDER": str(self.labs),
            "XDG_STATE_HOME": str(folder / "state"),
            "COLUMNS": "200",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "autograder", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def labs_command(self, *words: str, code: int = 0) -> str:
        done = self.start(*words)
        out, err = done.communicate(timeout=250)
        assert done.returncode == code, out + err
        return out + err

    def grade(self, *words: str, code: int = 0) -> str:
        return self.labs_command(
            "grade", str(self.handed_in), "--lab", "7", "--out", str(self.out), *words, code=code
        )

    def scores(self) -> dict[str, int]:
        return {
            path.parent.name: json.loads(path.read_text())["score"] for path in self.out.glob("*/result.json")
        }


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)
