"""The glossary: its terms, its page, and the links that lead there from the pages that teach."""

import re
from pathlib import Path

import pytest
import yaml

from docs_hooks import glossary
from docs_hooks.glossary_links import TEACHING, link
from tests.docs.conftest import ROOT

DOCS = ROOT / "docs"
TERMS = glossary.load(DOCS / "glossary.yaml")
PAGES = {
    page
    for topic in yaml.safe_load((DOCS / "topics.yaml").read_text(encoding="utf-8"))
    for page in topic["pages"]
}
ADDRESS = "../reference/glossary.html"


def term(name: str) -> glossary.Term:
    return next(each for each in TERMS if each.term == name)


def linked(html: str, *names: str) -> list[tuple[str, str]]:
    """The anchors and the words of the links that are put in."""
    result = link(html, [term(name) for name in names], ADDRESS)
    assert re.sub(r"<a class=\"term\"[^>]*>|</a>", "", result) == re.sub(r"</a>", "", html)
    return re.findall(r'<a class="term" href="[^"#]+#([^"]+)" title="[^"]+">([^<]+)</a>', result)


def test_there_are_enough_terms_in_a_sentence_or_two_each() -> None:
    assert len(TERMS) >= 80
    for each in TERMS:
        assert each.meaning.endswith("."), each.term
        assert 5 <= len(each.meaning.split()) <= 40, each.term


def test_every_term_belongs_to_a_page_of_a_topic() -> None:
    assert {each.page for each in TERMS} <= PAGES


def test_no_two_terms_are_written_alike() -> None:
    forms = [form.lower() for each in TERMS for form in each.forms]
    assert sorted(forms) == sorted(set(forms))


def test_the_first_use_is_linked_and_the_second_is_not() -> None:
    assert linked("<p>A cold start. Another cold start.</p>", "Cold start") == [("cold-start", "cold start")]


@pytest.mark.parametrize(
    ("html", "name", "words"),
    [
        ("<p>Dead-letter queues keep them</p>", "Dead-letter queue", "Dead-letter queues"),
        ("<p>two resource-based\npolicies</p>", "Resource-based policy", "resource-based\npolicies"),
        ("<li>calls are <strong>throttled</strong></li>", "Throttle", "throttled"),
        ("<td>SnapStart</td>", "SnapStart", "SnapStart"),
        ('<p title="a > b">a batch</p>', "Batch", "batch"),
        ("<p>by <code>x</code> a layer</p>", "Layer", "layer"),
    ],
    ids=["plural", "over a line's end", "another form", "a name", "behind an odd tag", "behind code"],
)
def test_a_term_is_found_in_prose(html: str, name: str, words: str) -> None:
    assert linked(html, name) == [(term(name).slug, words)]


@pytest.mark.parametrize(
    "html",
    [
        "<h2>A cold start</h2>",
        "<pre><span>a cold start</span></pre>",
        "<p><code>cold start</code></p>",
        '<p><a href="x.html">a cold start</a></p>',
        '<details class="question"><summary>a cold start?</summary></details>',
        '<details class="info"><summary>x</summary><table><tr><td>a cold start</td></tr></table></details>',
        '<svg><g><text>cold start</text></g><rect x="1"/></svg>',
        '<p class="opening">a cold start</p>',
        "<!-- a cold start -->",
        "<p>an uncold starter, cold-starts</p>",
        '<div class="parity"><table><tr><td>a cold start</td></tr></table></div>',
    ],
    ids=[
        "heading",
        "block",
        "code",
        "link",
        "question",
        "sources",
        "picture",
        "opening",
        "comment",
        "word",
        "fields of an event",
    ],
)
def test_nothing_is_linked_where_it_would_disturb(html: str) -> None:
    assert linked(html, "Cold start") == []


@pytest.mark.parametrize("name", ["AWS Batch", "S3 Batch Operations"])
def test_the_name_of_a_service_is_no_term(name: str) -> None:
    assert linked(f"<p>{name} takes a batch.</p>", "Batch") == [("batch", "batch")]


def test_the_longer_term_wins() -> None:
    found = linked("<p>A function URL belongs to one function.</p>", "Function", "Function URL")
    assert found == [("function-url", "function URL"), ("function", "function")]


def test_linking_goes_on_behind_nested_elements_of_one_name() -> None:
    html = '<div class="info"><div>a layer</div>a layer</div><p>a layer</p>'
    assert link(html, [term("Layer")], ADDRESS).index("<a") > html.index("<p>")


def test_the_site_links_terms_on_every_teaching_page_and_nowhere_else(site: Path, pages: list[str]) -> None:
    with_terms = {name for name in pages if 'class="term"' in (site / name).read_text(encoding="utf-8")}
    assert {name for name in pages if name.startswith(TEACHING)} == with_terms


def test_every_term_has_its_anchor_and_its_meaning_on_the_page(site: Path) -> None:
    text = (site / "reference" / "glossary.html").read_text(encoding="utf-8")
    assert [each.term for each in TERMS if f'id="{each.slug}"' not in text] == []


def test_the_search_index_has_a_section_for_every_term(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    assert [each for each in TERMS if f'"reference/glossary.html#{each.slug}"' not in index] == []
