"""``checks.run()`` in a notebook: the same report as ``labs check``, as a table."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from autograder.discover import find_lab, labs_folder, read_labs

_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class CheckTable:
    """What ``labs check`` found. Shows as a table in a notebook and as text elsewhere."""

    document: dict[str, Any]

    def __repr__(self) -> str:
        lines = [self._headline()]
        for check in self.document.get("checks", []):
            lines.append(f"{_mark(check)} {check['title']} ({check['earned']}/{check['points']})")
            lines += [f"    {label}: {text}" for label, text in check["told"]]
            lines += [] if check["outcome"] == "passed" else [f"    {check['hint']}"]
        return "\n".join(lines + [f"note: {note}" for note in self.document.get("warnings", [])])

    def _repr_html_(self) -> str:
        rows = "".join(_row(check) for check in self.document.get("checks", []))
        notes = "".join(
            f"<p>note: {html.escape(str(note))}</p>" for note in self.document.get("warnings", [])
        )
        style = "text-align:left;vertical-align:top;white-space:pre-wrap"
        return (
            f"<p><b>{html.escape(self._headline())}</b></p>"
            f'<table style="{style}"><tbody>{rows}</tbody></table>{notes}'
        )

    def _headline(self) -> str:
        if self.document.get("status") != "graded":
            return f"Not checked: {self.document.get('fault')}"
        held = self.document["held_checks"]
        return f"{self.document['score']} of {self.document['max_score']} points; {held} held checks are withheld."


def _mark(check: dict[str, Any]) -> str:
    return "✓" if check["outcome"] == "passed" else "✗"


def _row(check: dict[str, Any]) -> str:
    passed = check["outcome"] == "passed"
    said = "".join(
        f"<div><i>{html.escape(label)}</i>: {html.escape(text)}</div>" for label, text in check["told"]
    )
    hint = "" if passed else f"<code>{html.escape(check['hint'])}</code>"
    return (
        f"<tr><td>{_mark(check)}</td><td style='text-align:left'>{html.escape(check['title'])}</td>"
        f"<td>{int(check['earned'])}/{int(check['points'])}</td><td style='text-align:left'>{said}{hint}</td></tr>"
    )


def run_checks(notebook: str | None) -> CheckTable | str:
    """Check the saved notebook of the lab in whose folder this runs; blocks until it is done."""
    try:
        labs = read_labs(labs_folder())
    except click.UsageError as error:
        return error.message
    try:
        lab = find_lab(labs, None)
    except click.UsageError:
        return "Open the notebook from its lab's folder to check it."
    path = Path(notebook) if notebook else lab.notebook
    command = [
        sys.executable,
        "-m",
        "autograder",
        "check",
        lab.slug,
        "--notebook",
        str(path),
        "--format",
        "json",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        return CheckTable(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return CheckTable({"status": "not_graded", "fault": "it took too long and was stopped"})
    except ValueError:
        lines = done.stderr.strip().splitlines()
        return CheckTable(
            {"status": "not_graded", "fault": lines[-1] if lines else "labs check said nothing"}
        )
