"""What people get wrong: each claim with the answer to it, where to see it, and its source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs_hooks.facts import Fact, links
from docs_hooks.facts import load as load_facts

GROUPS = {
    "money": "Money",
    "environments": "Environments",
    "scale": "Scale",
    "events": "Events and ways in",
    "code": "Code and what runs it",
}
VERDICTS = {"past": "Was true", "half": "Half of the truth", "wrong": "Wrong"}


@dataclass(frozen=True, slots=True)
class Misconception:
    """One claim. ``settled`` are Markdown links; ``proof`` is a test's node id, empty where the sandbox cannot show it."""

    fact: Fact
    claim: str
    group: str
    verdict: str
    answer: str
    settled: tuple[str, ...]
    proof: str


def load(docs: Path) -> list[Misconception]:
    """Return what ``misconceptions.yaml`` holds. Raises ``KeyError`` for an unknown fact, group or verdict."""
    facts = load_facts(docs / "facts")
    claims = {row["id"]: row["value"]["claim"] for row in _read(docs / "facts" / "misconceptions.yaml")}
    return [
        _made(row, facts[row["fact"]], claims[row["fact"]]) for row in _read(docs / "misconceptions.yaml")
    ]


def _read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows


def _made(row: dict[str, Any], fact: Fact, claim: str) -> Misconception:
    for name, known in (("group", GROUPS), ("verdict", VERDICTS)):
        if row[name] not in known:
            raise KeyError(f"{row['fact']}: no {name} is called {row[name]}")
    return Misconception(
        fact, claim, row["group"], row["verdict"], row["answer"], tuple(row["settled"]), row.get("proof", "")
    )


def markdown(misconceptions: Iterable[Misconception]) -> str:
    """Return them by group, each with its verdict."""
    known = list(misconceptions)
    parts: list[str] = []
    for group, title in GROUPS.items():
        parts += [f"## {title}", ""]
        parts += [_entry(each) for each in known if each.group == group]
    return "\n".join(parts)


def _entry(each: Misconception) -> str:
    seen = " · ".join(each.settled)
    return (
        f'<div class="claim claim-{each.verdict}" markdown>\n\n'
        f"### “{each.claim.rstrip('.')}”\n\n"
        f"**{VERDICTS[each.verdict]}.** {each.answer}\n\n"
        f"See it: {seen}\n\n"
        f'<p class="claim-source" markdown>{links(each.fact.sources)}, checked {each.fact.checked}</p>\n\n'
        "</div>\n"
    )
