"""Pages quote checked facts, and nothing else that looks like one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs_hooks.facts import load
from tests.docs.conftest import ROOT

DOCS = ROOT / "docs"
TEACHING = ("concepts", "events", "layers", "pricing")
PAGES = sorted(path for folder in TEACHING for path in (DOCS / folder).glob("*.md") if path.stem != "index")
FACTS = load(DOCS / "facts")
# A number with a unit, a dollar amount, or a number with a thousands separator: what a reader would take for a fact.
_QUANTITY = re.compile(
    r"\$[\d.]+|\b\d{1,3}(?:,\d{3})+(?:\s(?:MB|GB-seconds))?|\b\d+(?:\.\d+)?\s(?:MB|GB|KB|ms|s|seconds?|minutes|%)(?![\w-])"
)


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def front_matter(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text().split("---")[1]))


def prose(path: Path) -> str:
    text = re.sub(r"\A---\n.*?^---\n", "", path.read_text(), flags=re.S | re.M)
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"\s+", " ", text)


def quantities(path: Path) -> set[str]:
    return {match.rstrip(".") for match in _QUANTITY.findall(prose(path))}


def test_the_pattern_finds_quantities() -> None:
    assert sum(len(quantities(page)) for page in PAGES) > 3 * len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fact_that_a_page_names_is_known_and_quoted_there(page: Path) -> None:
    text = prose(page)
    for fact in front_matter(page).get("facts", []):
        assert fact in FACTS, fact
        assert FACTS[fact].confidence != "unverified", fact
        assert any(quote in text for quote in FACTS[fact].quotes), fact


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_quantity_on_a_page_is_a_named_fact_or_an_example(page: Path) -> None:
    """``examples`` in the front matter lists what was made up for an example or a question on the page."""
    meta = front_matter(page)
    known = {quote for fact in meta.get("facts", []) for quote in FACTS[fact].quotes} | set(
        meta.get("examples", [])
    )
    assert quantities(page) <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_example_of_a_page_is_on_it(page: Path) -> None:
    assert set(front_matter(page).get("examples", [])) <= quantities(page)


def test_every_fact_has_a_date_and_a_source_or_says_that_it_is_unverified() -> None:
    for fact in FACTS.values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", fact.checked), fact.id
        assert fact.confidence in {"high", "medium", "unverified"}, fact.id
        assert fact.sources or fact.confidence == "unverified", fact.id
        for source in fact.sources:
            assert source.address.startswith("https://"), fact.id


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_page_starts_with_a_picture_and_ends_with_questions_and_a_lab(page: Path) -> None:
    text = page.read_text()
    first_block = text.split("---", 2)[2].split("\n\n")[1]
    assert re.match(r'--8<-- "pictures/|```mermaid|<!-- generated: |<figure', first_block)
    if "## The rule" in text:
        assert text.index("## Demonstration") < text.index("## The rule")
    assert 2 <= text.count('??? question "') <= 3
    assert re.search(r"\*\*Practise it:\*\* \[lab \d\d\]", text)


LEVELS = {"new to AWS", "some AWS", "exam"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_page_states_its_minutes_and_for_whom_it_is_written(page: Path) -> None:
    meta = front_matter(page)
    assert 5 <= meta["minutes"] <= 30
    assert meta["needs"]
    assert meta["level"] in LEVELS


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_column_of_a_table_is_without_a_head(page: Path) -> None:
    """A screen reader reads the head aloud with every cell."""
    assert re.findall(r"^\|\s*\|.*\n\|-", page.read_text(), re.M) == []
