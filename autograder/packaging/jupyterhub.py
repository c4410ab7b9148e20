"""Settings for a JupyterHub that a class works on. Source: JupyterHub documentation, "Spawners" and "Configuration Reference"."""

from __future__ import annotations

from pathlib import Path

from autograder.discover import Lab
from autograder.report import render_text, write_atomically


def write(lab: Lab, folder: Path) -> list[Path]:
    """Write ``jupyterhub_course.py``, to be loaded by the hub's own configuration, and ``jupyterhub.md``, which says how."""
    written: list[Path] = []
    for name in ("jupyterhub_course.py", "jupyterhub.md"):
        target = folder / name
        write_atomically(target, render_text(f"packages/{name}.j2", lab=lab))
        written.append(target)
    return written
