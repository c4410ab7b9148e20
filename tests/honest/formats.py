"""The same honest notebook as other programs and other versions save it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nbformat

from tests.hostile.submitted import FACTS, TOTAL_AND_FLAG, WORK

_OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["an old output\n"]}
_FIGURE = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]},
}


def _cells(*, ids: bool) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "text"]},
        {"cell_type": "raw", "metadata": {}, "source": "raw"},
        *(
            {
                "cell_type": "code",
                "metadata": {"tags": ["mine", f"answer:{name}"], "collapsed": True},
                "source": source.splitlines(keepends=True),
                "outputs": [_OUTPUT, _FIGURE],
                "execution_count": 7,
            }
            for name, source in (FACTS, WORK)
        ),
    ]
    return [{**cell, "id": f"id-{number}"} for number, cell in enumerate(cells)] if ids else cells


def _notebook(minor: int, cells: list[dict[str, Any]], **metadata: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": cells}


def _version_3() -> bytes:
    old: Any = nbformat.v3.new_notebook(worksheets=[nbformat.v3.new_worksheet()])
    for name, source in (FACTS, WORK):
        cell: Any = nbformat.v3.new_code_cell(input=source)
        cell.metadata["tags"] = [f"answer:{name}"]
        old.worksheets[0].cells.append(cell)
    return json.dumps(old).encode()


def _saved(minor: int) -> Callable[[], bytes]:
    return lambda: json.dumps(_notebook(minor, _cells(ids=minor >= 5)), indent=1).encode()


def _windows() -> bytes:
    cells = _cells(ids=True)
    for cell in cells:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    magic = {**cells[2], "id": "magic", "metadata": {}, "source": "%%writefile there.txt\r\nhello\r\n"}
    proof = {
        **cells[2],
        "id": "proof",
        "metadata": {},
        "source": "open('there.txt').close()\r\nif True:\r\n    pass\r\n",
    }
    work = {**cells[3], "source": "open('there.txt').close()\r\n" + cells[3]["source"]}
    document = _notebook(5, [cells[0], magic, proof, cells[2], work])
    return b"\xef\xbb\xbf" + json.dumps(document, indent=1).replace("\n", "\r\n").encode()


def _old_mac() -> bytes:
    cells = _cells(ids=True)
    for cell in cells:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r")
    return json.dumps(_notebook(5, cells)).encode()


def _colab() -> bytes:
    metadata = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    cells = _cells(ids=False)
    for number, cell in enumerate(cells):
        cell["metadata"] |= {
            "id": f"gQ{number}",
            "colab": {"base_uri": "https://localhost:8080/"},
            "outputId": "0b",
        }
    return json.dumps(_notebook(0, cells, **metadata, accelerator="GPU")).encode()


def _editor() -> bytes:
    cells = _cells(ids=True)
    for cell in cells:
        cell["metadata"]["vscode"] = {"languageId": "python"}
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    kernel = {"name": "my-own-environment", "display_name": "mine (3.12)", "language": "python"}
    return json.dumps(
        _notebook(5, cells, kernelspec=kernel, language_info={"name": "python", "version": "3.12"})
    ).encode()


def _ids_twice() -> bytes:
    cells = [{**cell, "id": "the-same"} for cell in _cells(ids=True)]
    return json.dumps(_notebook(5, cells)).encode()


def _ids_missing() -> bytes:
    return json.dumps(_notebook(5, _cells(ids=False))).encode()


def _untidy() -> bytes:
    cells = _cells(ids=True)
    cells[2]["source"] = "\n\n" + TOTAL_AND_FLAG + "   \n\n\t\n"
    del cells[3]["execution_count"]
    document = _notebook(5, cells)
    document["extra"] = {"unknown": [1, None, 2.5]}
    document["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()


FORMATS: dict[str, Callable[[], bytes]] = {
    "nbformat-3": _version_3,
    **{f"nbformat-4-{minor}": _saved(minor) for minor in range(6)},
    "windows-line-ends-and-a-mark": _windows,
    "old-mac-line-ends": _old_mac,
    "saved-by-colab": _colab,
    "saved-by-an-editor-with-another-kernel": _editor,
    "ids-twice": _ids_twice,
    "ids-missing": _ids_missing,
    "untidy": _untidy,
}
