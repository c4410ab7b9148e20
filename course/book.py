"""The course as one HTML document, made from the built site: pages in their order, links between them as jumps within it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

# The parts of the site that are read from front to back. Left out: what is looked up (commands, parity), what needs a browser
# (the mock exam), and what is for those who change the course.
SECTIONS = ("Start", "Concepts", "Events", "Pricing", "Layers", "Labs", "How to", "Teach")
MORE = {"Certification": ("certification/cheat-sheet.md",), "Reference": ("reference/glossary.md",)}
_NOT_ON_PAPER = (
    "script, style, link, nav, button, a.headerlink, .md-content__button, .md-source-file, "
    ".zeroclipboard-container, clipboard-copy"
)
_LABELS = frozenset(["aria-labelledby", "aria-describedby", "for"])
_MARKERS = frozenset(["marker-start", "marker-mid", "marker-end", "clip-path", "fill", "mask", "filter"])


@dataclass(frozen=True, slots=True)
class Chapter:
    """One page of the site. ``path`` is that of its HTML file in the site, ``slug`` its name inside the book."""

    section: str
    path: str

    @property
    def slug(self) -> str:
        return self.path.removesuffix(".html").replace("/", "-")


def chapters(configuration: str) -> list[Chapter]:
    """Return the pages of the book, in the order of ``nav`` in the text of ``mkdocs.yml``."""
    found: list[Chapter] = []
    for entry in yaml.safe_load(configuration)["nav"]:
        for section, pages in entry.items():
            if section in SECTIONS:
                found += [Chapter(section, _html(page)) for page in _pages(pages)]
            elif section in MORE:
                found += [Chapter(section, _html(page)) for page in _pages(pages) if page in MORE[section]]
    return found


def _pages(entries: list[Any]) -> list[str]:
    """Return the sources of a section, those of its subsections included."""
    found: list[str] = []
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += _pages(value) if isinstance(value, list) else [value]
    return found


def _html(source: str) -> str:
    return posixpath.splitext(source)[0] + ".html"


def assemble(site: Path, configuration: str) -> str:
    """Return the book. ``site`` is the built site, whose styles and pictures it refers to by absolute address.

    Raises ``FileNotFoundError`` for a page that is in ``configuration`` and not in the site.
    """
    known = chapters(configuration)
    slugs = {chapter.path: chapter.slug for chapter in known}
    articles = [_article(site, chapter, slugs) for chapter in known]
    titles = [_title(article) for article in articles]
    title = escape(str(yaml.safe_load(configuration)["site_name"]))
    body = "".join(str(article) for article in articles)
    return (
        f'<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8"><title>{title}</title>{_styles(site)}</head>'
        '<body data-md-color-scheme="default" data-md-color-primary="deep-purple" class="book">'
        f'<section class="md-typeset book-front"><h1>{title}</h1>{_contents(known, titles)}</section>{body}</body></html>'
    )


def _styles(site: Path) -> str:
    sheets = [
        *sorted((site / "assets" / "stylesheets").glob("*.css")),
        *sorted((site / "assets" / "css").glob("*.css")),
    ]
    return "".join(f'<link rel="stylesheet" href="{sheet.resolve().as_uri()}">' for sheet in sheets)


def _contents(known: list[Chapter], titles: list[str]) -> str:
    parts: list[str] = []
    section = ""
    for chapter, title in zip(known, titles, strict=True):
        if chapter.section != section:
            parts.append(f"<h2>{escape(chapter.section)}</h2>")
            section = chapter.section
        parts.append(f'<p><a href="#{chapter.slug}">{escape(title)}</a></p>')
    return "".join(parts)


def _article(site: Path, chapter: Chapter, slugs: dict[str, str]) -> Tag:
    page = BeautifulSoup((site / chapter.path).read_text(encoding="utf-8"), "html.parser")
    article = page.select_one("article.md-content__inner")
    if article is None:
        raise ValueError(f"{chapter.path} has no article; is {site} this course's site?")
    for unwanted in article.select(_NOT_ON_PAPER):
        unwanted.decompose()
    for folded in article.find_all("details"):
        folded["open"] = ""
    _rename(article, chapter)
    _redirect(article, site, chapter, slugs)
    article["class"] = "md-typeset book-page"
    article["id"] = chapter.slug
    return article


def _rename(article: Tag, chapter: Chapter) -> None:
    """Make ids unique in the book, and let what refers to them inside the page follow: labels, and arrowheads of pictures."""
    for named in article.find_all(id=True):
        named["id"] = f"{chapter.slug}--{named['id']}"
    for element in article.find_all(True):
        for name in _LABELS & element.attrs.keys():
            tokens = " ".join(element.get_attribute_list(name)).split()
            element[name] = " ".join(f"{chapter.slug}--{token}" for token in tokens)
        for name in _MARKERS & element.attrs.keys():
            element[name] = str(element[name]).replace("url(#", f"url(#{chapter.slug}--")


def _redirect(article: Tag, site: Path, chapter: Chapter, slugs: dict[str, str]) -> None:
    folder = posixpath.dirname(chapter.path)
    for link in article.find_all("a", href=True):
        target = _target(str(link["href"]), chapter, folder, slugs)
        if target is None:
            link.unwrap()  # a page that is not in the book, or a file: on paper it is only its words
        else:
            link["href"] = target
    for picture in article.find_all("img", src=True):
        address = urlsplit(str(picture["src"]))
        if not address.scheme:
            picture["src"] = (
                (site / posixpath.normpath(posixpath.join(folder, unquote(address.path)))).resolve().as_uri()
            )


def _target(href: str, chapter: Chapter, folder: str, slugs: dict[str, str]) -> str | None:
    address = urlsplit(href)
    if address.scheme:
        return href
    path = posixpath.normpath(posixpath.join(folder, unquote(address.path))) if address.path else chapter.path
    if path not in slugs:
        return None
    return f"#{slugs[path]}--{address.fragment}" if address.fragment else f"#{slugs[path]}"


def _title(article: Tag) -> str:
    heading = article.find("h1")
    return heading.get_text().strip().rstrip("¶").strip() if heading else str(article["id"])
