"""What a how-to page types works from a fresh shell: its command is on the path, and its files are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT

PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
# Commands that talk to a running sandbox; `invoke FILE:HANDLER`, `simulate` and `doctor` do not.
_ASKS = re.compile(
    r"^lambda-sandbox (?:create-function|invoke \w+ |debug|explain|history|logs|bill|faults|power-tune)", re.M
)
_SHELL = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_how_its_command_gets_on_the_path_before_the_first_use(page: Path) -> None:
    text = page.read_text()
    first = next((block for block in _SHELL.finditer(text) if "lambda-sandbox " in block[1]), None)
    if first is not None:
        assert "`source .venv/bin/activate`" in text[: first.start()]
    assert text.count("source .venv/bin/activate") <= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_that_a_sandbox_must_run_before_the_first_command_that_asks_one(page: Path) -> None:
    text = page.read_text()
    first = next((block for block in _SHELL.finditer(text) if _ASKS.search(block[1])), None)
    if first is not None:
        assert "`lambda-sandbox serve`" in text[: first.start()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_an_event_file_is_made_before_it_is_used(page: Path) -> None:
    for line in "".join(_SHELL.findall(page.read_text())).splitlines():
        if "event.json" in line:
            assert line.endswith("> event.json"), line
            return
