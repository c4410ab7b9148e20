"""The skeletons of labs that are not written yet run from the first cell to the last: the sandbox has what they need.

A skeleton is the working middle of a lab: what it sets up, does and sees, without the prose. Its minutes are seconds.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.contract.conftest import Server

SKELETONS = sorted((Path(__file__).parent / "skeletons").glob("*.ipynb"))
CONNECT = "from lambda_sandbox import connect\n\nsandbox = connect()"


@pytest.mark.parametrize("path", SKELETONS, ids=lambda path: path.stem)
@pytest.mark.timeout(300)
def test_skeleton_runs_to_its_end(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(path, as_version=4)
    server = Server("--clock", "scaled:60")
    try:
        monkeypatch.setenv("LAMBDA_SANDBOX_ENDPOINT", server.endpoint)
        # What a cell raises ends the run with that cell and its error.
        NotebookClient(
            notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    finally:
        server.stop()


@pytest.mark.parametrize("path", SKELETONS, ids=lambda path: path.stem)
def test_skeleton_begins_like_a_lab_and_holds_nothing_of_a_run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].source == CONNECT
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    assert any("assert " in cell.source for cell in code)
