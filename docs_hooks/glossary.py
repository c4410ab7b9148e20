"""The glossary: ``docs/glossary.yaml`` as a page with an anchor for each term, and as cards to learn from."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the course. ``page`` is the page under ``docs/`` that teaches it, ``forms`` is how pages write it."""

    term: str
    meaning: str
    page: str
    forms: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The term's anchor on ``reference/glossary.md``: ``cold-start``."""
        return re.sub(r"[^a-z0-9]+", "-", self.term.lower()).strip("-")


@functools.cache
def load(path: Path) -> tuple[Term, ...]:
    """Return the terms in the alphabet's order. Raises ``ValueError`` where two would have the same anchor."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    terms = sorted((_term(row) for row in rows), key=lambda term: term.term.lstrip("$").lower())
    slugs = [term.slug for term in terms]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ValueError(f"{path.name}: {', '.join(twice)} is there twice")
    return tuple(terms)


def _term(row: dict[str, Any]) -> Term:
    forms = row.get("forms") or (row["term"], _plural(row["term"]))
    return Term(**row | {"forms": tuple(forms)})


def _plural(word: str) -> str:
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(s|x|ch|sh)$", word) else "s")


def markdown(terms: tuple[Term, ...], docs: Path) -> str:
    """Return the glossary's page; a term whose page is not written yet has no link."""
    parts = [
        "---\ntitle: Glossary\nsearch:\n  boost: 2\n---\n# Glossary\n",
        "The words of this course, in the sense in which AWS uses them.\n",
    ]
    for term in terms:
        link = f" [Read more](../{term.page})" if (docs / term.page).is_file() else ""
        parts.append(f"## {term.term} {{ #{term.slug} }}\n\n{term.meaning}{link}\n")
    return "\n".join(parts)
