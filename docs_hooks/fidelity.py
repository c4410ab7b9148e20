"""Collect the code's own words on where the sandbox differs from AWS, and where AWS documents no rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TAGS = {"DIFFERS": "Where the sandbox differs", "POLICY": "Where AWS documents nothing and we chose"}
_TAG = re.compile(r"\b(DIFFERS|POLICY): ?(.*)")


@dataclass(frozen=True, slots=True)
class Remark:
    """One tagged comment: its tag, its words, and the file and line where it stands."""

    tag: str
    text: str
    path: str
    line: int


def collect(root: Path, packages: tuple[str, ...] = ("lambda_sandbox",)) -> list[Remark]:
    """Return the remarks of all modules, in the order of their files."""
    remarks: list[Remark] = []
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            remarks += _in_file(path, path.relative_to(root).as_posix())
    return remarks


def _in_file(path: Path, name: str) -> list[Remark]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found: list[Remark] = []
    for index, line in enumerate(lines):
        match = _TAG.search(line)
        if match:
            found.append(Remark(match[1], _words(lines, index, match), name, index + 1))
    return found


def _words(lines: list[str], index: int, match: re.Match[str]) -> str:
    """Join the remark with the lines that go on in the same comment or docstring paragraph."""
    in_comment = "#" in lines[index][: match.start()]
    parts = [match[2]]
    for line in lines[index + 1 :]:
        text = line.strip()
        goes_on = text.startswith("#") if in_comment else bool(text)
        if not goes_on or _TAG.search(text) or '"""' in parts[-1]:
            break
        parts.append(text.lstrip("# ") if in_comment else text)
    text = " ".join(parts).split('"""')[0].strip()
    if lines[index][: match.start()].rstrip().endswith("("):
        text = text.split(")")[0]  # the remark stands in brackets inside a longer sentence
    return text[:1].upper() + text[1:]
