"""Code that people read here was run here."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT

SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def test_readme_program_prints_the_answer_and_the_bill(run_python: Callable[[str], str]) -> None:
    programs = [
        code for language, code in _BLOCK.findall((ROOT / "README.md").read_text()) if language == "python"
    ]
    assert len(programs) == 1
    printed = run_python(programs[0])
    assert printed.startswith("{'total_cents': 1950} ")
    assert "total: 1 requests" in printed


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.stem)
def test_snippet_prints_what_its_page_shows(snippet: Path, run_python: Callable[[str], str]) -> None:
    assert run_python(snippet.read_text()) == snippet.with_suffix(".out").read_text()


def test_every_snippet_is_on_a_page() -> None:
    pages = "".join(path.read_text() for path in MARKDOWN)
    included = set(re.findall(r'"snippets/([\w.]+)', pages))
    programs = (ROOT / "docs" / "snippets").iterdir()
    assert included == {path.name for path in programs if path.suffix in {".py", ".out"}}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in MARKDOWN:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.M))
        assert named <= targets, path


def test_make_help_lists_every_target_people_call() -> None:
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    for target in set(phony[1].split()) - {"venv", "needs"}:
        assert f"  make {target} " in help_text
