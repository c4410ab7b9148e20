"""Make this work tree importable in its own .venv, as an editable install does, without a build tool or a network.

``pip install -e .`` would need a setuptools newer than some Pythons bring along, hence outside the hashed set.
Standard library only: it runs before anything is known to be installed.
"""

from __future__ import annotations

import stat
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

SCRIPT = """#!{python}
import sys

from {module} import {function}

sys.exit({function}())
"""


def link(root: Path, site_packages: Path, scripts: Path) -> list[str]:
    """Write the path file, the metadata and the commands; return the names of the commands."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = site_packages / f"{stem}.dist-info"
    info.mkdir(exist_ok=True)
    (site_packages / f"__editable__.{stem}.pth").write_text(f"{root}\n", encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    (info / "INSTALLER").write_text("make\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(_entry_points(project), encoding="utf-8")
    for name, target in project["scripts"].items():
        module, function = target.split(":")
        path = scripts / name
        path.write_text(
            SCRIPT.format(python=sys.executable, module=module, function=function), encoding="utf-8"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    record = [
        f"__editable__.{stem}.pth,,",
        *(f"{info.name}/{item.name},," for item in sorted(info.iterdir())),
    ]
    (info / "RECORD").write_text("\n".join(record) + "\n", encoding="utf-8")
    return list(project["scripts"])


def _entry_points(project: dict[str, Any]) -> str:
    groups: dict[str, dict[str, str]] = {"console_scripts": project["scripts"], **project["entry-points"]}
    lines: list[str] = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:
        sys.exit("link_project.py changes the Python it runs in; run it with .venv/bin/python")
    link(ROOT, Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("scripts")))
