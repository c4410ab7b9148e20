"""A lab without any AWS in it, and notebooks made of cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.discover import Lab
from tests.plain_checks import CHECKS

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' progress out of that of whoever runs them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-of-tests"))


@pytest.fixture
def write_notebook(tmp_path: Path) -> Write:
    """Return a function that writes cells (a pair is an answer cell) as a notebook and returns its path."""

    def write(*cells: str | tuple[str, str], name: str = "lab.ipynb", folder: Path = tmp_path) -> Path:
        notebook: Any = nbformat.v4.new_notebook()
        for number, cell in enumerate(cells):
            answer, source = cell if isinstance(cell, tuple) else ("", cell)
            made: Any = nbformat.v4.new_code_cell(source, id=f"cell-{number}")
            made.metadata["tags"] = [f"answer:{answer}"] if answer else []
            notebook.cells.append(made)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return path

    return write


@pytest.fixture
def plain_lab(tmp_path: Path) -> Lab:
    """A lab of two checks, three points, without a sandbox; its folder may be changed."""
    folder = tmp_path / "labs" / "07-plain"
    (folder / "checks").mkdir(parents=True)
    (folder / "checks" / "test_plain.py").write_text(CHECKS)
    return Lab("07-plain", "Plain", 20, (), ("count",), (), "concepts/plain.md", folder)
