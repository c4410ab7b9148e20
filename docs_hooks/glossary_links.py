"""Links from a teaching page to the glossary: each term where the page first uses it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from docs_hooks import exams, glossary
from docs_hooks.glossary import Term

TEACHING = ("concepts/", "events/", "layers/", "pricing/")
PAGE = "reference/glossary.md"
# Where a link would disturb: what is one already, what is clicked for another reason, what is not prose.
_SHUT = frozenset(
    [
        "a",
        "button",
        "code",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "label",
        "pre",
        "script",
        "select",
        "style",
        "summary",
        "svg",
        "textarea",
    ]
)
# The line below the title, the table of sources at the foot, the fields of an event, where a bot's alias is none of Lambda's.
_SHUT_CLASSES = ("opening", "info", "parity")
_TAG = re.compile(
    r"""<!--.*?-->|<(?P<end>/?)(?P<name>[a-zA-Z][\w-]*)(?P<rest>(?:[^<>"']|"[^"]*"|'[^']*')*)>""", re.S
)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    target = files.get_file_from_path(PAGE)
    if target is None or not page.file.src_uri.startswith(TEACHING):
        return content
    terms = glossary.load(exams.DOCS / "glossary.yaml")
    return link(content, terms, target.url_relative_to(page.file))


def link(content: str, terms: Iterable[Term], address: str) -> str:
    """Return the HTML with each term's first use in prose linked to the term's anchor at ``address``."""
    linker = _Linker(terms, address)
    parts: list[str] = []
    shut: tuple[str, int] | None = None  # the element in which nothing is linked, and how often it is nested
    end = 0
    for tag in _TAG.finditer(content):
        text = content[end : tag.start()]
        parts += [text if shut else linker.linked(text), tag[0]]
        shut, end = _after(shut, tag), tag.end()
    return "".join(parts) + content[end:]


def _after(shut: tuple[str, int] | None, tag: re.Match[str]) -> tuple[str, int] | None:
    name = (tag["name"] or "").lower()
    if tag["rest"] is None or tag["rest"].endswith("/"):
        return shut
    if shut is None:
        return (name, 1) if not tag["end"] and _shuts(name, tag["rest"]) else None
    if name != shut[0]:
        return shut
    depth = shut[1] + (-1 if tag["end"] else 1)
    return (name, depth) if depth else None


def _shuts(name: str, attributes: str) -> bool:
    classes = re.search(r"""class=["']([^"']*)""", attributes)
    return name in _SHUT or any(each in _SHUT_CLASSES for each in (classes[1].split() if classes else ()))


class _Linker:
    """The terms that are still to be met on one page."""

    def __init__(self, terms: Iterable[Term], address: str) -> None:
        self._address = address
        self._terms = {form.lower(): term for term in terms for form in term.forms}
        forms = (form for term in self._terms.values() for form in term.forms)
        # The longest first: "function URL" is not a function.
        alternatives = "|".join(_either_case(form) for form in sorted(set(forms), key=len, reverse=True))
        # "AWS Batch" and "S3 Batch Operations" are names of services.
        self._pattern = re.compile(rf"(?<![\w$@/.-])(?<!AWS )(?<!S3 )(?:{alternatives})(?![\w@/-])")
        self._met: set[str] = set()

    def linked(self, text: str) -> str:
        return self._pattern.sub(self._link, text)

    def _link(self, match: re.Match[str]) -> str:
        term = self._terms[re.sub(r"\s+", " ", match[0]).lower()]
        if term.slug in self._met:
            return match[0]
        self._met.add(term.slug)
        title = html.escape(term.meaning.replace("`", ""))
        return f'<a class="term" href="{self._address}#{term.slug}" title="{title}">{match[0]}</a>'


def _either_case(form: str) -> str:
    """A form as a pattern, at the start of a sentence or inside it; names such as SAM stay as they are."""
    first, rest = form[0], form[1:]
    start = (
        f"[{first.upper()}{first.lower()}]" if first.isalpha() and rest[:1].islower() else re.escape(first)
    )
    return start + re.escape(rest).replace(r"\ ", r"\s+")
