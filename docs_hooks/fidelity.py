"""Collect the code's own words on where the sandbox differs from AWS, and where AWS documents no rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TAGS = {"DIFFERS": "Where the sandbox differs", "POLICY": "Where AWS documents nothing and we chose"}
_TAG = re.compile(r"\b(DIFFERS|POLICY): ?(.*)")
_DEFINITION = re.compile(r"\s*(?:async )?(?:def|class) (\w+)")
_LONGEST = 70


@dataclass(frozen=True, slots=True)
class Remark:
    """One tagged comment: its tag, its words, the code or sentence that it is about, and where it stands."""

    tag: str
    text: str
    about: str
    path: str
    line: int


def collect(root: Path, packages: tuple[str, ...] = ("lambda_sandbox",)) -> list[Remark]:
    """Return the remarks of all modules, in the order of their files."""
    remarks: list[Remark] = []
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            lines = path.read_text(encoding="utf-8").splitlines()
            remarks += in_lines(lines, path.relative_to(root).as_posix())
    return remarks


def in_lines(lines: list[str], path: str) -> list[Remark]:
    """Return the remarks of one module's lines."""
    found = ((index, _TAG.search(line)) for index, line in enumerate(lines))
    return [
        Remark(match[1], _words(lines, index, match), _about(lines, index, match), path, index + 1)
        for index, match in found
        if match
    ]


def _words(lines: list[str], index: int, match: re.Match[str]) -> str:
    """Join the remark with the lines that go on in the same comment or docstring paragraph."""
    before = lines[index][: match.start()]
    in_comment = "#" in before
    parts = [match[2]]
    for line in lines[index + 1 :]:
        text = line.strip()
        goes_on = text.startswith("#") if in_comment else bool(text)
        if not goes_on or _TAG.search(text) or '"""' in parts[-1]:
            break
        parts.append(text.lstrip("# ") if in_comment else text)
    text = " ".join(parts).split('"""')[0].strip()
    if before.rstrip().endswith("("):  # in brackets, inside a longer sentence
        text = text.split(")")[0]
    return text[:1].upper() + text[1:]


def _about(lines: list[str], index: int, match: re.Match[str]) -> str:
    before = lines[index][: match.start()].strip()
    if before.startswith("#"):
        following = (line.strip() for line in lines[index + 1 :] if not line.strip().startswith("#"))
        return _code(next(following, ""))
    if "#" in before:
        return _code(before.split("#")[0].strip())
    if before.endswith("("):
        sentence = " ".join(line.strip() for line in lines[max(0, index - 1) : index]) + " " + before[:-1]
        return re.split(r"[.;] (?!.*[.;] )", sentence)[-1].strip()
    above = (_DEFINITION.match(line) for line in reversed(lines[:index]))
    return _code(next((found[1] for found in above if found), "the module"))


def _code(text: str) -> str:
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 2].rstrip() + " …"
    return f"``{short}``" if short else "the module"
