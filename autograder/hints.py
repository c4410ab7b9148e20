"""Reads a lab's hints: for every check three, from a nudge to nearly there."""

from __future__ import annotations

import re
from pathlib import Path

HINTS_A_CHECK = 3
_NUMBERED = re.compile(r"(?m)^(\d+)\. ")


def read_hints(path: Path) -> dict[str, list[str]]:
    """Return check name to its hints in order; a missing file gives none."""
    if not path.is_file():
        return {}
    sections = re.split(r"(?m)^## +`?(test_\w+)`?[ \t]*$", path.read_text("utf-8"))
    return {name: _numbered(body) for name, body in zip(sections[1::2], sections[2::2], strict=True)}


def _numbered(body: str) -> list[str]:
    parts = _NUMBERED.split(body)
    return [" ".join(text.split()) for text in parts[2::2]]
