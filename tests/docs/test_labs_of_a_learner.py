"""`make course` shows the labs as they were committed, whatever a learner has saved in them; `make site` as they are here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.structure.files import Files

from docs_hooks import notebooks
from tests.site import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make course is for Linux and macOS")
PYTHON = """#!/bin/sh
echo "$2 ${NOTEBOOKS_AS_COMMITTED:-0}" >> log
[ "$2" != mkdocs ] || { mkdir -p site && : > site/index.html; }
"""
NOTEBOOK = "labs/01-first/lab.ipynb"
MARK = "notebooks-as-committed.txt"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A course of one lab, and a ``make`` that writes down what it would have run."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for program, text in ((".venv/bin/python", PYTHON), (".ci/make-venv", "#!/bin/sh\n")):
        place = tmp_path / program
        place.parent.mkdir(parents=True)
        place.write_text(text)
        place.chmod(0o755)
    for source in ("requirements.txt", "CHANGELOG.md", "labs/labs.toml", NOTEBOOK):
        place = tmp_path / source
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("committed")
        os.utime(place, (1, 1))
    (tmp_path / "mkdocs.yml").write_text("site_name: a course\n")
    (tmp_path / "docs").mkdir()
    os.utime(tmp_path / "mkdocs.yml", (1, 1))
    return tmp_path


def make(clone: Path, goal: str) -> list[str]:
    log = clone / "log"
    log.unlink(missing_ok=True)
    environment = {key: each for key, each in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", goal], cwd=clone, env=environment, capture_output=True, check=True)
    return log.read_text().splitlines() if log.exists() else []


def learner_saves(clone: Path) -> None:
    (clone / NOTEBOOK).write_text("")
    later = (clone / "site/index.html").stat().st_mtime + 10
    os.utime(clone / NOTEBOOK, (later, later))


def test_a_lab_that_was_saved_builds_no_site_for_the_course(clone: Path) -> None:
    assert make(clone, "course") == ["mkdocs 1", "course 1"]
    learner_saves(clone)
    assert make(clone, "course") == ["course 1"]
    assert make(clone, "site") == ["mkdocs 0"]


def test_a_site_with_other_notebooks_than_those_here_is_built_anew(clone: Path) -> None:
    make(clone, "course")
    assert make(clone, "site") == []
    (clone / "site" / MARK).touch()
    assert make(clone, "course") == ["course 1"]
    assert make(clone, "site") == ["mkdocs 0"]


def test_a_newer_course_builds_it(clone: Path) -> None:
    make(clone, "course")
    history = clone / ".git/logs/HEAD"
    history.parent.mkdir(parents=True)
    history.touch()
    later = (clone / "site/index.html").stat().st_mtime + 10
    os.utime(history, (later, later))
    assert make(clone, "course") == ["mkdocs 1", "course 1"]


def committed(clone: Path) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "labs"], [*name, "commit", "--quiet", "--message", "labs"]):
        subprocess.run(["git", *words], cwd=clone, check=True)


@pytest.mark.parametrize("deleted", [False, True], ids=["emptied", "deleted"])
def test_the_site_of_the_course_has_the_committed_notebook(
    clone: Path, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    committed(clone)
    (clone / NOTEBOOK).write_text("")
    if deleted:
        (clone / NOTEBOOK).unlink()
    config = load_config(str(clone / "mkdocs.yml"))

    monkeypatch.setenv("NOTEBOOKS_AS_COMMITTED", "1")
    found = [(file.src_uri, file.content_string) for file in notebooks.on_files(Files([]), config)]
    assert found == [(NOTEBOOK, "committed")]
    notebooks.on_post_build(config)
    assert (clone / "site" / MARK).exists()

    monkeypatch.delenv("NOTEBOOKS_AS_COMMITTED")
    here = [file.content_string for file in notebooks.on_files(Files([]), config)]
    assert here == ([] if deleted else [""])


def test_where_nothing_was_changed_or_committed_the_site_is_everybodys(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOKS_AS_COMMITTED", "1")
    config = load_config(str(clone / "mkdocs.yml"))
    for prepare in (lambda: None, lambda: committed(clone)):
        prepare()
        assert [file.src_uri for file in notebooks.on_files(Files([]), config)] == [NOTEBOOK]
        notebooks.on_post_build(config)
        assert not (clone / "site" / MARK).exists()
