"""Reads a submitted notebook without believing anything that it says about itself."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import NoAnswer, NotANotebook
from autograder.limits import (
    MAX_ANSWERS_A_CELL,
    MAX_CELL_CHARACTERS,
    MAX_CELLS,
    MAX_NESTING,
    MAX_NOTEBOOK_BYTES,
)

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
# What the formats of Jupyter and of IPython before it call the text of a code cell.
_SOURCES = {1: "code", 2: "input", 3: "input", 4: "source"}
ANSWER_TAG = re.compile(r"answer:([a-z0-9][a-z0-9_-]{0,63})\Z")


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell: its source, and the answer names on it."""

    source: str
    answers: tuple[str, ...]


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
    raw = read_bounded(path)
    cells, notes = _code_cells(_parse(raw))
    answers, copied = _last_answers(cells)
    return Notebook(tuple(cells), answers, (*notes, *copied), hashlib.sha256(raw).hexdigest(), raw)


def read_bounded(path: Path) -> bytes:
    """Return what is in a submitted file; nothing of it has to be JSON. Raises NotANotebook as ``read_notebook`` does."""
    # Opened without following links and without waiting: a link, a pipe or a device is not a notebook.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotANotebook(f"{path.name} is not a file: hand in the .ipynb file itself.")
        with os.fdopen(descriptor, "rb") as stream:
            raw = stream.read(MAX_NOTEBOOK_BYTES + 1)
    except OSError as error:
        raise NotANotebook(
            f"{path.name} cannot be opened ({error.strerror}): hand in the .ipynb file itself."
        ) from None
    if len(raw) > MAX_NOTEBOOK_BYTES:
        raise NotANotebook(
            f"{path.name} is larger than {MAX_NOTEBOOK_BYTES // 1_000_000} MB: clear its outputs and save it again."
        )
    return raw


def _parse(raw: bytes) -> dict[str, Any]:
    """Return the document as JSON has it.

    Nothing is compared with Jupyter's schema: of ten megabytes of ``{}`` that takes minutes and gigabytes, and tells nothing.
    """
    advice = "open it in Jupyter, save it and hand it in again."
    try:
        _refuse_deep_nesting(raw)
        document = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise NotANotebook(f"The file is not a Jupyter notebook (it is not JSON): {advice}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        raise NotANotebook(f"The notebook is damaged ({type(error).__name__}): {advice}") from None
    if not isinstance(document, dict) or type(document.get("nbformat")) is not int:
        raise NotANotebook(f"The file is not a Jupyter notebook: {advice}")
    if document["nbformat"] not in _SOURCES:
        raise NotANotebook(f"The notebook is damaged, or of a format that nobody knows yet: {advice}")
    return document


def _refuse_deep_nesting(raw: bytes) -> None:
    """Raise NotANotebook for more nesting than Jupyter writes; takes a moment whatever ``raw`` is, ten megabytes of brackets too."""
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_of_texts = b"".join(unescaped.split(b'"')[::2])
    left = outside_of_texts.translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(MAX_NESTING):  # each round takes the innermost away
        if b"[]" not in left:
            break
        left = left.replace(b"[]", b"")
    if b"[]" in left or left.count(b"[") > MAX_NESTING:
        raise NotANotebook("The notebook is nested too deeply to be one that Jupyter wrote.")


def _code_cells(document: dict[str, Any]) -> tuple[list[Cell], list[str]]:
    cells: list[Cell] = []
    notes: list[str] = []
    for number, cell in enumerate(_listed(document), start=1):
        if number > MAX_CELLS:
            raise NotANotebook(
                f"The notebook has more than {MAX_CELLS} cells: hand in the lab's own notebook."
            )
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = _source(cell, document["nbformat"])
        if len(source) > MAX_CELL_CHARACTERS:
            notes.append(f"Cell {number} is longer than {MAX_CELL_CHARACTERS} characters and was left out.")
            continue
        cells.append(Cell(source, _answer_names(cell)))
    return cells, notes


def _listed(document: dict[str, Any]) -> Iterator[Any]:
    """Yield the cells of all kinds; formats 2 and 3 have them in worksheets."""
    if document["nbformat"] in (2, 3):
        sheets = document.get("worksheets")
        for sheet in sheets if isinstance(sheets, list) else [None]:
            yield from _cell_list(sheet)
    else:
        yield from _cell_list(document)


def _cell_list(holder: Any) -> list[Any]:
    listed = holder.get("cells") if isinstance(holder, dict) else None
    if not isinstance(listed, list):
        raise NotANotebook(
            "The notebook has no list of cells: open it in Jupyter, save it and hand it in again."
        )
    return listed


def _source(cell: dict[str, Any], version: int) -> str:
    source = cell.get(_SOURCES[version], "")
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        # Before format 4 the lines may have been written without their ends.
        bare = version < 4 and lines and not lines[0].endswith(("\n", "\r"))
        source = ("\n" if bare else "").join(lines)
    # Line ends of another system would end up in the file name of %%writefile, for one.
    return source.replace("\r\n", "\n").replace("\r", "\n") if isinstance(source, str) else ""


def _answer_names(cell: dict[str, Any]) -> tuple[str, ...]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    if not isinstance(tags, list):
        return ()
    matches = (ANSWER_TAG.match(tag) for tag in tags if isinstance(tag, str))
    return tuple(match[1] for match in itertools.islice(filter(None, matches), MAX_ANSWERS_A_CELL))


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
