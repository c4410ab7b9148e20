"""The table of the course's topics: what teaches each, what runs it, which labs and how many questions prove it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from docs_hooks import exams


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of ``docs/topics.yaml``, with the number of our questions."""

    key: str
    title: str
    pages: tuple[str, ...]
    runs: str
    labs: tuple[str, ...]
    questions: int


def load(path: Path) -> tuple[Topic, ...]:
    counts = Counter(question.topic for question in exams.bank())
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        Topic(
            row["key"],
            row["title"],
            tuple(row["pages"]),
            row["runs"],
            tuple(row["labs"]),
            counts[row["key"]],
        )
        for row in rows
    )


def holes(topic: Topic, repository: Path) -> list[str]:
    """Return what the topic still lacks, in words."""
    missing = [f"page {page}" for page in topic.pages if not (repository / "docs" / page).is_file()]
    missing += [f"lab {lab}" for lab in topic.labs if not (repository / "labs" / lab / "lab.ipynb").is_file()]
    if not (repository / topic.runs).exists():
        missing.append(f"tests {topic.runs}")
    if not topic.pages:
        missing.append("a page")
    if not topic.labs:
        missing.append("a lab")
    if not topic.questions and topic.key not in NOT_ASKED:
        missing.append("questions")
    return missing


# No exam asks about exams.
NOT_ASKED = frozenset({"certification"})


def markdown(topics: tuple[Topic, ...], repository: Path, up: str) -> str:
    """Return the table; ``up`` leads from its page to the folder ``docs``. What is missing is named in its cell."""
    rows = [_row(topic, repository, up) for topic in topics]
    head = ["| Topic | Pages | Runs, shown by | Labs | Questions |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _row(topic: Topic, repository: Path, up: str) -> str:
    pages = [_page(page, repository, up) for page in topic.pages]
    labs = [_lab(lab, repository, up) for lab in topic.labs]
    cells = (
        topic.title,
        ", ".join(pages),
        f"<small>{topic.runs}</small>",
        ", ".join(labs),
        str(topic.questions or "–"),
    )
    return f"| {' | '.join(cells)} |"


def _page(page: str, repository: Path, up: str) -> str:
    if not (repository / "docs" / page).is_file():
        return f"*{page} is missing*"
    return f"[{exams.page_title(page)}]({up}{page})"


def _lab(lab: str, repository: Path, up: str) -> str:
    if not (repository / "labs" / lab / "lab.ipynb").is_file():
        return f"*{lab[:2]} is missing*"
    return f"[{lab[:2]}]({up}labs/{lab}/lab.ipynb)"
