"""A workflow for GitHub Actions that grades each push. Source: GitHub Docs, "Workflow syntax for GitHub Actions"."""

from __future__ import annotations

from pathlib import Path

from autograder.discover import Lab
from autograder.report import render_text, write_atomically


def write(lab: Lab, folder: Path) -> list[Path]:
    """Write ``.github/workflows/<lab>.yml``, to be put into the repository that students hand in."""
    target = folder / ".github" / "workflows" / f"{lab.slug}.yml"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, render_text("packages/workflow.yml.j2", lab=lab))
    return [target]
