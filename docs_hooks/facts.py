"""The facts that pages quote: loaded from ``docs/facts/`` and shown at the foot of each page that names them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One checked statement. ``quotes`` are the forms in which pages may write its value."""

    id: str
    statement: str
    quotes: tuple[str, ...]
    sources: tuple[Source, ...]
    confidence: str
    checked: str


@functools.cache
def load(folder: Path) -> dict[str, Fact]:
    """Return the facts of every file in ``folder`` by id.

    Raises ``KeyError`` where one lacks a field or names an unknown source, ``ValueError`` where two share an id.
    """
    sources = {key: Source(**row) for key, row in _read(folder / "sources.yaml").items()}
    found: dict[str, Fact] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in _NO_FACTS:
            continue
        for row in _read(path):
            if row["id"] in found:
                raise ValueError(f"{path.name}: the fact {row['id']} is there twice")
            found[row["id"]] = _fact(row, sources)
    return found


_NO_FACTS = ("sources", "contradictions")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _fact(row: dict[str, Any], sources: dict[str, Source]) -> Fact:
    return Fact(
        id=row["id"],
        statement=row["statement"],
        quotes=tuple(row["quotes"]),
        sources=tuple(sources[name] for name in row["source"]),
        confidence=row["confidence"],
        checked=str(row["checked"]),
    )


def table(facts: list[Fact]) -> str:
    """Return a folded Markdown table of facts with their sources and dates."""
    rows = [f"    | {cell(fact.statement)} | {links(fact.sources)} | {fact.checked} |" for fact in facts]
    return "\n".join(
        [
            '??? info "Where the numbers on this page come from"',
            "",
            "    | What | Source | Checked |",
            "    |---|---|---|",
            *rows,
        ]
    )


def links(sources: tuple[Source, ...]) -> str:
    """Return the sources as Markdown links."""
    return ", ".join(f"[{source.title}]({source.address})" for source in sources)


def cell(text: str) -> str:
    """Return plain text so that it stays plain in a cell of a Markdown table."""
    return re.sub(r"([|*_\[\]{}<])", r"\\\1", text)
