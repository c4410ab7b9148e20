"""The facts that pages quote: loaded from ``docs/facts.yaml`` and shown at the foot of each page that names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Fact:
    """One checked statement. ``quotes`` are the forms in which pages may write its value."""

    id: str
    statement: str
    quotes: tuple[str, ...]
    source: str
    address: str
    checked: str


def load(path: Path) -> dict[str, Fact]:
    """Return the facts by id. Raises ``KeyError`` where one lacks a field or names an unknown source."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    sources = document["sources"]
    return {
        row["id"]: Fact(
            id=row["id"],
            statement=row["statement"],
            quotes=tuple(row["quotes"]),
            source=sources[row["source"]]["title"],
            address=sources[row["source"]]["address"],
            checked=str(row["checked"]),
        )
        for row in document["facts"]
    }


def table(facts: list[Fact]) -> str:
    """Return a folded Markdown table of facts with their sources and dates."""
    rows = [f"    | {fact.statement} | [{fact.source}]({fact.address}) | {fact.checked} |" for fact in facts]
    return "\n".join(
        [
            '??? info "Where the numbers on this page come from"',
            "",
            "    | What | Source | Checked |",
            "    |---|---|---|",
            *rows,
        ]
    )
