"""The list of labs: a table of minutes and what comes before, then each lab's goals."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any


def load(repository: Path) -> list[dict[str, Any]]:
    labs: list[dict[str, Any]] = tomllib.loads((repository / "labs" / "labs.toml").read_text("utf-8"))["lab"]
    return labs


def markdown(labs: list[dict[str, Any]], docs: Path) -> str:
    """Return the table and the goals, with links as seen from ``labs/index.md``."""
    hours = round(sum(lab["minutes"] for lab in labs) / 60)
    parts = [f"{len(labs)} labs, about {hours} hours in all.", "", '<div class="made labs" markdown>', ""]
    parts += ["| Lab | Minutes | After | Read first |", "|---|---|---|---|"]
    parts += [_row(lab, docs) for lab in labs]
    parts += ["", "</div>", ""]
    for lab in labs:
        parts += _section(lab)
    return "\n".join(parts)


def _row(lab: dict[str, Any], docs: Path) -> str:
    after = ", ".join(f"lab {slug[:2]}" for slug in lab["after"]) or "nothing"
    page = f"[{_title(docs / lab['page'])}](../{lab['page']})"
    return f"| {lab['slug'][:2]} {_link(lab)} | {lab['minutes']} min | {after} | {page} |"


def _section(lab: dict[str, Any]) -> list[str]:
    parts = [f"## {lab['slug'][:2]} · {_link(lab)}", "", f"Exam tasks: {', '.join(lab['exam_tasks'])}"]
    if "process" in lab["requires"]:
        parts[-1] += " · runs functions as processes: Linux, macOS or WSL2"
    return [*parts, "", *(f"- {goal}" for goal in lab["goals"]), ""]


def _link(lab: dict[str, Any]) -> str:
    return f"[{lab['title']}]({lab['slug']}/lab.ipynb)"


def _title(page: Path) -> str:
    found = re.search(r"(?m)^title: (.+)$", page.read_text("utf-8"))
    assert found, f"{page} has no title"
    return found[1].strip("\"'")
