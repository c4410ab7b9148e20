"""Pages quote checked facts, and nothing else that looks like one."""

import re
from pathlib import Path

import pytest
import yaml

from docs_hooks.facts import load
from tests.docs.conftest import ROOT

CONCEPTS = sorted((ROOT / "docs" / "concepts").glob("*.md"))
FACTS = load(ROOT / "docs" / "facts.yaml")
# A number with a unit, a dollar amount, or a number with a thousands separator: what a reader would take for a fact.
_QUANTITY = re.compile(
    r"\$[\d.]+|\b\d{1,3}(?:,\d{3})+(?:\s(?:MB|GB-seconds))?|\b\d+(?:\.\d+)?\s(?:MB|GB|KB|ms|s|seconds?|minutes|%)(?![\w-])"
)
# Made up for an example or a question on the page, hence no fact about AWS.
EXAMPLES = {
    "01-serverless": {"120 ms", "512 MB", "80 MB", "1,024 MB", "100 MB", "250 ms", "0.25 s", "12 ms", "1 GB"},
    "02-faas": set[str](),
    "03-execution-environments": {"50 ms", "0.05 s"},
}


def prose(path: Path) -> str:
    text = re.sub(r"\A---\n.*?^---\n", "", path.read_text(), flags=re.S | re.M)
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"\s+", " ", text)


def named_facts(path: Path) -> list[str]:
    return list(yaml.safe_load(path.read_text().split("---")[1])["facts"])


@pytest.mark.parametrize("page", CONCEPTS, ids=lambda path: path.stem)
def test_every_fact_that_a_page_names_is_known_and_quoted_there(page: Path) -> None:
    for name in named_facts(page):
        assert any(quote in prose(page) for quote in FACTS[name].quotes), name


@pytest.mark.parametrize("page", CONCEPTS, ids=lambda path: path.stem)
def test_every_quantity_on_a_page_is_a_named_fact_or_an_example(page: Path) -> None:
    known = {quote for name in named_facts(page) for quote in FACTS[name].quotes} | EXAMPLES[page.stem]
    quantities = {match.rstrip(".") for match in _QUANTITY.findall(prose(page))}
    assert quantities, "the pattern finds nothing any more"
    assert quantities <= known


def test_every_fact_has_a_date_a_source_and_a_page() -> None:
    named = {name for page in CONCEPTS for name in named_facts(page)}
    assert set(FACTS) == named
    for fact in FACTS.values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", fact.checked)
        assert fact.address.startswith("https://")


@pytest.mark.parametrize("page", CONCEPTS, ids=lambda path: path.stem)
def test_page_starts_with_a_picture_and_ends_with_questions_and_a_lab(page: Path) -> None:
    text = page.read_text()
    first_block = text.split("---", 2)[2].split("\n\n")[1]
    assert first_block.startswith('--8<-- "pictures/')
    assert text.index("## Demonstration") < text.index("## The rule")
    assert 2 <= text.count('??? question "') <= 3
    assert re.search(r"\*\*Practise it:\*\* \[lab \d\d\]", text)
