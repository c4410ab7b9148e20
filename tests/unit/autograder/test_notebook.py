"""Reading: answers by tag, values from syntax, and one sentence for what is no notebook."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest

from autograder.errors import NoAnswer, NotANotebook
from autograder.notebook import answer_source, literal_answers, read_notebook

from .conftest import Write


def test_last_of_two_answer_cells_counts_with_a_warning(write_notebook: Write) -> None:
    notebook = read_notebook(write_notebook(("a", "x = 1"), "between", ("a", "x = 2")))
    assert answer_source(notebook, "a") == "x = 2"
    assert notebook.warnings == ("The answer cell a occurs more than once: the last one counts.",)


def test_missing_answer_cell_is_no_answer(write_notebook: Write) -> None:
    with pytest.raises(NoAnswer, match="no cell tagged answer:b"):
        answer_source(read_notebook(write_notebook(("a", "x = 1"))), "b")


def test_literal_values_are_read_and_never_run() -> None:
    source = "n = 1\nt = (1, 'x')\nd: dict = {'k': [None, -2.5]}\nn = n + 1\nm = __import__('os')\nb = ..."
    assert dict(literal_answers(source, "a")) == {"t": [1, "x"], "d": {"k": [None, -2.5]}}


@pytest.mark.parametrize("value", ["...", "1e999", "{1, 2}", "b'x'", "1j", "{1: 2}", "float('nan')", "T()"])
def test_what_is_not_plain_is_no_answer(value: str) -> None:
    with pytest.raises(NoAnswer, match="gives x no plain value"):
        literal_answers(f"x = {value}", "a")["x"]


def test_later_assignment_that_is_not_plain_takes_the_plain_one_away() -> None:
    assert "x" not in literal_answers("x = 3\nx = Same()", "a")


@pytest.mark.parametrize("source", ["%%writefile a.py\nx = 1", "x = ", "(" * 5000, "\x00"], ids=len)
def test_cell_that_is_not_python_is_no_answer(source: str) -> None:
    with pytest.raises(NoAnswer, match="cannot be read as Python"):
        literal_answers(source, "a")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"{}", "not a Jupyter notebook"),
        (b'{"nbformat": 4, "cells": 3}', "notebook"),
        (b'{"a":' * 5000, "nested too deeply"),
        (b'{"nbformat": 99999999999999, "cells": []}', "damaged"),
        (b'{"nbformat": ' + b"9" * 10_000 + b"}", "notebook"),
    ],
    ids=["text", "binary", "other json", "cells no list", "deep", "future", "long number"],
)
def test_what_is_no_notebook_gives_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotANotebook, match=says) as raised:
        read_notebook(path)
    assert "\n" not in str(raised.value)


def test_brackets_inside_texts_are_no_nesting(write_notebook: Write) -> None:
    assert len(read_notebook(write_notebook("x = '" + "[" * 500 + "\\\"'")).cells) == 1


def test_links_pipes_and_folders_are_not_read(tmp_path: Path, write_notebook: Write) -> None:
    os.symlink(write_notebook("1"), tmp_path / "link.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    open_before = os.listdir("/dev/fd")
    for name, says in (
        ("link", "cannot be opened"),
        ("pipe", "is not a file"),
        ("folder", "is not a file"),
        ("missing", "cannot be opened"),
    ):
        with pytest.raises(NotANotebook, match=f"{name}.ipynb {says}"):
            read_notebook(tmp_path / f"{name}.ipynb")
    assert len(os.listdir("/dev/fd")) == len(open_before)


def test_metadata_of_wrong_types_is_ignored(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "code", "metadata": {"tags": tags}, "source": ["x", " = 1"], "outputs": []}
        for tags in (["answer:a"], "answer:b", [7, {"a": 1}, "answer:../c", "answer:d\n"])
    ]
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}))
    notebook = read_notebook(path)
    assert (notebook.answers, notebook.cells[0].source) == ({"a": 0}, "x = 1")


def _of_ten_megabytes(unit: str, around: str) -> str:
    return around.replace("@", ",".join([unit] * (9_800_000 // (len(unit) + 1))))


_NOTEBOOK = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [@]}'
_OUTPUTS = (
    '{"cell_type": "code", "id": "a", "metadata": {}, "source": "", "execution_count": null, "outputs": [@]}'
)
SLOW_TO_READ = {
    "a text without its end": '{"x": "' + '\\"' * 4_900_000,
    "empty objects": _of_ten_megabytes("{}", '{"nbformat": 4, "metadata": [@], "cells": []}'),
    "outputs that are none": _of_ten_megabytes("{}", _NOTEBOOK.replace("@", _OUTPUTS)),
    "cells that are none": _of_ten_megabytes("{}", _NOTEBOOK),
    "cells of an old format": _of_ten_megabytes(
        '{"cell_type": "code", "input": "", "outputs": []}',
        '{"nbformat": 3, "worksheets": [{"cells": [@]}]}',
    ),
    "texts": _of_ten_megabytes('"["', _NOTEBOOK.replace("@", '{"cell_type": "code", "source": [@]}')),
}


@pytest.mark.timeout(60)  # each took from half a minute to days
@pytest.mark.parametrize("name", SLOW_TO_READ)
def test_ten_megabytes_of_anything_are_read_in_seconds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(SLOW_TO_READ[name])
    began = time.process_time()
    with contextlib.suppress(NotANotebook):
        read_notebook(path)
    assert time.process_time() - began < 15


@pytest.mark.parametrize(("deep", "refused"), [(57, False), (58, True)])
def test_sixty_levels_are_as_deep_as_a_notebook_may_be(tmp_path: Path, deep: int, refused: bool) -> None:
    inside = '{"a": [' * (deep // 2) + "{}" * (deep % 2) + "]}" * (deep // 2)
    cell = '{"cell_type": "code", "source": "[[[", "x": @}'.replace("@", inside)
    path = tmp_path / "x.ipynb"
    path.write_text(_NOTEBOOK.replace("@", cell))
    with pytest.raises(NotANotebook, match="too deeply") if refused else contextlib.nullcontext():
        read_notebook(path)


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ({"nbformat": 1, "cells": [{"cell_type": "code", "code": "a\nb"}]}, "a\nb"),
        ({"nbformat": 2, "worksheets": [{"cells": [{"cell_type": "code", "input": ["a", "b"]}]}]}, "a\nb"),
        ({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["a\n", "b"]}]}]}, "a\nb"),
        ({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a\n", "b"]}]}, "a\nb"),
    ],
    ids=["format 1", "format 2", "format 3", "format 4"],
)
def test_notebooks_of_every_format_are_read(tmp_path: Path, document: dict[str, object], wanted: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(document))
    assert [cell.source for cell in read_notebook(path).cells] == [wanted]


def test_a_cell_has_no_more_than_twenty_answers(tmp_path: Path) -> None:
    tags = [f"answer:a{number}" for number in range(100_000)]
    cell = {"cell_type": "code", "metadata": {"tags": tags}, "source": ""}
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "cells": [cell, cell]}))
    notebook = read_notebook(path)
    assert len(notebook.answers) == len(notebook.warnings) == 20
