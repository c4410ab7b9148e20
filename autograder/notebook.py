"""Reads a submitted notebook without believing anything that it says about itself."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import re
import stat
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import NoAnswer, NotANotebook
from autograder.limits import MAX_CELL_CHARACTERS, MAX_CELLS, MAX_NESTING, MAX_NOTEBOOK_BYTES
from lambda_sandbox import json_schema  # noqa: F401 (before nbformat imports it)

import nbformat  # isort: skip

_STRINGS_AND_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
ANSWER_TAG = re.compile(r"answer:([a-z0-9][a-z0-9_-]{0,63})\Z")


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell: its source, the answer names on it, and its own tags."""

    source: str
    answers: tuple[str, ...]
    cell_id: str = ""


@dataclass(frozen=True, slots=True)
class Notebook:
    """The code cells of a submission in order; ``answers`` maps an answer name to the cell that counts."""

    cells: tuple[Cell, ...]
    answers: dict[str, int]
    warnings: tuple[str, ...]
    sha256: str
    raw: bytes = field(repr=False, default=b"")


def read_notebook(path: Path) -> Notebook:
    """Return the notebook in ``path``.

    Raises NotANotebook with one sentence that says what is wrong and what to do.
    """
    raw = _read_bounded(path)
    cells, notes = _code_cells(_parse(raw))
    answers, copied = _last_answers(cells)
    return Notebook(tuple(cells), answers, (*notes, *copied), hashlib.sha256(raw).hexdigest(), raw)


def warm_up() -> None:
    """Have nbformat compile its schema now: in a process that is forked later, every fork would compile it again."""
    nbformat.validate(nbformat.v4.new_notebook())  # type: ignore[no-untyped-call]


def _read_bounded(path: Path) -> bytes:
    # Opened without following links and without waiting: a link, a pipe or a device is not a notebook.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise NotANotebook(
            f"{path.name} cannot be opened ({error.strerror}): hand in the .ipynb file itself."
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotANotebook(f"{path.name} is not a file: hand in the .ipynb file itself.")
    with os.fdopen(descriptor, "rb") as stream:
        raw = stream.read(MAX_NOTEBOOK_BYTES + 1)
    if len(raw) > MAX_NOTEBOOK_BYTES:
        raise NotANotebook(
            f"{path.name} is larger than {MAX_NOTEBOOK_BYTES // 1_000_000} MB: clear its outputs and save it again."
        )
    return raw


def _parse(raw: bytes) -> dict[str, Any]:
    advice = "open it in Jupyter, save it and hand it in again."
    try:
        _refuse_deep_nesting(raw)
        document = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(document, dict) or not isinstance(document.get("nbformat"), int):
            raise NotANotebook(f"The file is not a Jupyter notebook: {advice}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Through nbformat, so that older formats are brought up to the current one.
            upgraded: Any = nbformat.reads(json.dumps(document), as_version=4)  # type: ignore[no-untyped-call]
            return dict(upgraded)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise NotANotebook(f"The file is not a Jupyter notebook (it is not JSON): {advice}") from None
    except NotANotebook:
        raise
    except (Exception, RecursionError) as error:  # nbformat raises whatever a malformed part leads to
        raise NotANotebook(f"The notebook is damaged ({type(error).__name__}): {advice}") from None


def _refuse_deep_nesting(raw: bytes) -> None:
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(raw):
        if match[0] in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise NotANotebook("The notebook is nested too deeply to be one that Jupyter wrote.")
        elif match[0] in b"]}":
            depth -= 1


def _code_cells(document: dict[str, Any]) -> tuple[list[Cell], list[str]]:
    listed = document.get("cells")
    if not isinstance(listed, list):
        raise NotANotebook(
            "The notebook has no list of cells: open it in Jupyter, save it and hand it in again."
        )
    if len(listed) > MAX_CELLS:
        raise NotANotebook(f"The notebook has more than {MAX_CELLS} cells: hand in the lab's own notebook.")
    cells: list[Cell] = []
    notes: list[str] = []
    for number, cell in enumerate(listed, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = _source(cell)
        if len(source) > MAX_CELL_CHARACTERS:
            notes.append(f"Cell {number} is longer than {MAX_CELL_CHARACTERS} characters and was left out.")
            continue
        cell_id = cell.get("id")
        cells.append(Cell(source, _answer_names(cell), cell_id if isinstance(cell_id, str) else ""))
    return cells, notes


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    # Line ends of another system would end up in the file name of %%writefile, for one.
    return source.replace("\r\n", "\n").replace("\r", "\n") if isinstance(source, str) else ""


def _answer_names(cell: dict[str, Any]) -> tuple[str, ...]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    if not isinstance(tags, list):
        return ()
    matches = (ANSWER_TAG.match(tag) for tag in tags if isinstance(tag, str))
    return tuple(match[1] for match in matches if match)


def _last_answers(cells: list[Cell]) -> tuple[dict[str, int], list[str]]:
    answers: dict[str, int] = {}
    notes: list[str] = []
    for index, cell in enumerate(cells):
        for name in cell.answers:
            if name in answers:
                notes.append(f"The answer cell {name} occurs more than once: the last one counts.")
            answers[name] = index
    return answers, list(dict.fromkeys(notes))


def answer_source(notebook: Notebook, name: str) -> str:
    """Return the source of the answer cell ``name``; raises NoAnswer if the notebook has none."""
    if name not in notebook.answers:
        raise NoAnswer(
            f"no cell tagged answer:{name} in the notebook (labs reset brings the lab's own cells back)",
            wanted=f"a cell tagged answer:{name}",
            look_at="the tags of your cells: a cell that was made anew has none",
        )
    return notebook.cells[notebook.answers[name]].source


class PlainAnswers(dict[str, Any]):
    """Names to plain values; a name that was never given a plain value raises NoAnswer when it is asked for."""

    def __init__(self, values: dict[str, Any], answer: str) -> None:
        super().__init__(values)
        self._answer = answer

    def __missing__(self, name: str) -> Any:
        raise NoAnswer(
            f"answer:{self._answer} gives {name} no plain value (write it out: a number, a text, a list, a dict)",
            wanted=f"a plain value for {name}",
            look_at=f"the line {name} = … in the cell tagged answer:{self._answer}",
        )


def literal_answers(source: str, name: str) -> PlainAnswers:
    """Return the plain values that ``source`` assigns to names, read from its syntax and never run.

    Only ``NAME = literal`` counts; tuples become lists; ``...`` is a blank that was left open.
    Raises NoAnswer if the cell is not Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoAnswer(
            f"answer:{name} cannot be read as Python ({type(error).__name__})",
            wanted="plain Python",
            look_at=f"the cell tagged answer:{name}: run it by itself",
        ) from None
    values: dict[str, Any] = {}
    for statement in tree.body:
        for target, expression in _assignments(statement):
            values.pop(target, None)
            try:
                values[target] = plain(ast.literal_eval(expression))
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
    return PlainAnswers(values, name)


def _assignments(statement: ast.stmt) -> list[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        return [(target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
        return [(statement.target.id, statement.value)]
    return []


def plain(value: object) -> Any:
    """Return ``value`` as JSON types of exactly the built-in classes; raises ValueError for anything else."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError("not a finite number")
        return value
    if type(value) in (list, tuple):
        return [plain(item) for item in value]  # type: ignore[attr-defined]
    if type(value) is dict:
        return {_plain_key(key): plain(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} is not a plain value")


def _plain_key(key: object) -> str:
    if type(key) is not str:
        raise ValueError("a key that is not a text")
    return key
