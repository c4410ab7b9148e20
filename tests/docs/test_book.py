"""``make pdf``: the whole course in one document, every link in it a jump, and on paper where Chromium is installed."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from course import book, printing
from tests.docs.conftest import ROOT

CONFIGURATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document(site: Path) -> BeautifulSoup:
    return BeautifulSoup(book.assemble(site, CONFIGURATION), "html.parser")


def test_the_book_has_every_page_that_teaches_in_the_order_of_the_site(document: BeautifulSoup) -> None:
    pages = [page["id"] for page in document.select(".book-page")]
    assert pages == [chapter.slug for chapter in book.chapters(CONFIGURATION)]
    concepts = sorted((ROOT / "docs" / "concepts").glob("*.md"))
    assert [page for page in pages if page.startswith("concepts-")] == [
        f"concepts-{path.stem}" for path in concepts
    ]
    assert {"index", "labs-01-first-function-lab", "certification-cheat-sheet", "reference-glossary"} <= set(
        pages
    )


def test_its_table_of_contents_leads_to_each_page(document: BeautifulSoup) -> None:
    links = [link["href"] for link in document.select(".book-front a")]
    assert links == [f"#{chapter.slug}" for chapter in book.chapters(CONFIGURATION)]


def test_every_jump_has_its_target_and_no_name_is_there_twice(document: BeautifulSoup) -> None:
    names = Counter(str(tag["id"]) for tag in document.find_all(id=True))
    assert [name for name, times in names.items() if times > 1] == []
    jumps = {unquote(str(link["href"])[1:]) for link in document.select('a[href^="#"]')}
    assert sorted(jumps - set(names)) == []
    arrowheads = set(re.findall(r'"url\(#([^)]+)\)"', str(document)))
    assert arrowheads
    assert sorted(arrowheads - set(names)) == []
    labels = {
        name
        for tag in document.select("svg[aria-labelledby]")
        for name in str(tag["aria-labelledby"]).split()
    }
    assert sorted(labels - set(names)) == []


def test_nothing_in_it_is_fetched_and_nothing_runs(document: BeautifulSoup) -> None:
    assert document.find_all(["script", "iframe", "object", "video"]) == []
    for tag, name in (("img", "src"), ("link", "href")):
        for found in document.find_all(tag):
            address = urlsplit(str(found[name]))
            assert address.scheme in ("file", "data")
            assert address.scheme == "data" or Path(unquote(address.path)).is_file()


def test_answers_are_open_on_paper(document: BeautifulSoup) -> None:
    assert all(folded.has_attr("open") for folded in document.find_all("details"))


def test_a_page_that_is_not_in_the_book_is_only_its_words(tmp_path: Path) -> None:
    article = '<article class="md-content__inner"><h1 id="t">T</h1><a href="{}">here</a></article>'
    for name, link in (("one.html", "two.html#t"), ("two.html", "elsewhere.html")):
        (tmp_path / name).write_text(article.format(link))
    made = book.assemble(
        tmp_path, "site_name: A\nnav:\n  - Start: [one.md, {B: two.md}]\n  - Contribute: [elsewhere.md]\n"
    )
    assert '<a href="#two--t">here</a>' in made
    assert made.count("<a ") == 3  # that one, and two in the contents


def test_chromium_prints_its_pages_with_an_outline(site: Path, tmp_path: Path) -> None:
    """Three pages of it: one with pictures, one with a lab's cells, one that is made of a table."""
    if printing.chromium() is None:
        pytest.skip("there is no chromium to print with on this machine")
    pages = ["concepts/11-watching-it.md", "labs/01-first-function/lab.ipynb"]
    few = f"site_name: A few\nnav:\n  - Concepts: {pages}\n  - Reference: [reference/glossary.md]\n"
    printing.print_document(book.assemble(site, few), tmp_path / "course.pdf")
    printed = (tmp_path / "course.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 3
    assert b"/Outlines" in printed


def test_without_chromium_one_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(printing.PrintingFailed, match="no chromium on this machine"):
        printing.print_document("<p>", tmp_path / "course.pdf")
    assert list(tmp_path.iterdir()) == []
