"""``checks.run()`` in a notebook that Jupyter runs: the same report as ``labs check``, as a table, without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.timeout(300)

_LAB = """\
[[lab]]
slug = "07-plain"
title = "A plain lab"
minutes = 20
goals = ["count"]
page = "concepts/plain.md"
"""
_CHECKS = '''\
import pytest
from autograder.checks import expect

@pytest.mark.points(2)
def test_total(submission):
    """The total

    Because one and two are three.
    """
    expect(submission.literal("facts")["total"], wanted=3, look_at="the sum <of> 1 & 2")

@pytest.mark.points(1)
def test_word(submission):
    """The word"""
    expect(submission.literal("facts")["word"], wanted="hello", look_at="the word")

@pytest.mark.points(4)
@pytest.mark.held
def test_secret(submission):
    """The instructor's own"""
    expect(1, wanted=1, look_at="nothing")
'''
_RUN = "from autograder import checks\n\nchecks.run()"
# Runs a notebook as Jupyter does and writes it back with its outputs; nothing of the tests' process is in it.
_EXECUTE = """\
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=250, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


class _Cells(HTMLParser):
    """Gathers the text of a table's cells, row by row, and everything else in order."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._inside = True
            self.rows[-1].append("")
        if tag in ("div", "code") and self._inside:
            self.rows[-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return the folder of a lab whose notebook has one answer right, one wrong, and the checks at its end."""
    folder = tmp_path / "labs" / "07-plain"
    (folder / "checks").mkdir(parents=True)
    (folder.parent / "labs.toml").write_text(_LAB)
    (folder / "checks" / "test_plain.py").write_text(_CHECKS)
    notebook: Any = nbformat.v4.new_notebook()
    answer: Any = nbformat.v4.new_code_cell("total = 3\nword = '<b>hullo</b>'", id="facts")
    answer.metadata["tags"] = ["answer:facts"]
    notebook.cells = [answer, nbformat.v4.new_code_cell(_RUN, id="check")]
    nbformat.write(notebook, folder / "lab.ipynb")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without a sandbox to connect to, and without a way out of this machine."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LAMBDA_SANDBOX_", "AWS_"))
    }
    return {
        **kept,
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "XDG_STATE_HOME": str(folder.parent / "state"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


def executed(folder: Path) -> Any:
    """Return the lab's notebook as Jupyter leaves it after running all its cells."""
    done = folder.parent / "done.ipynb"
    command = [sys.executable, "-c", _EXECUTE, "lab.ipynb", str(done)]
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, capture_output=True, timeout=280)
    notebook: Any = nbformat.read(done, 4)
    return notebook


def checked(folder: Path) -> dict[str, Any]:
    """Return what ``labs check`` says as JSON."""
    command = [sys.executable, "-m", "autograder", "check", "07-plain", "--format", "json"]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), check=False, capture_output=True, timeout=280
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_notebook_shows_the_report_of_labs_check_as_a_table_and_as_text(lab: Path) -> None:
    report = checked(lab)
    [output] = executed(lab).cells[-1].outputs
    assert_text(output["data"]["text/plain"])
    page = output["data"]["text/html"]
    table = _Cells()
    table.feed(page)
    assert table.rows == [
        [
            "✓" if check["outcome"] == "passed" else "✗",
            check["title"],
            f"{check['earned']}/{check['points']}",
            "".join(f"\n{label}: {text}" for label, text in check["told"])
            + ("" if check["outcome"] == "passed" else f"\n{check['hint']}"),
        ]
        for check in report["checks"]
    ]
    assert [row[0] for row in table.rows] == ["✓", "✗"]
    assert "<b>hullo" not in page
    assert f"{report['score']} of {report['max_score']} points; 1 held checks are withheld" in page
    assert "instructor" not in page


def assert_text(shown: str) -> None:
    """Assert that each check says in words what a learner needs."""
    assert "✓ The total (2/2)" in shown
    assert "why: Because one and two are three." in shown
    assert 'wanted: "hello"' in shown
    assert 'got: "<b>hullo</b>"' in shown
    assert "look at: the word" in shown
    assert "labs hint 07 test_word" in shown


def test_notebook_without_a_lab_around_it_gets_one_sentence(lab: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (lab / "lab.ipynb").rename(elsewhere / "lab.ipynb")
    [output] = executed(elsewhere).cells[-1].outputs
    assert output["data"]["text/plain"] == repr("Open the notebook from its lab's folder to check it.")
