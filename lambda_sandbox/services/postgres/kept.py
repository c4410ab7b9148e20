"""With ``--state``: what is written down of each DB instance beside its data, so that it is there again after a restart."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_sandbox.services.postgres.programs import Owner

FOLDER_VARIABLE = "LAMBDA_SANDBOX_DATABASES"  # for the neighbours' process; not set where nothing is kept
_FILE = "instance.json"


class KeptInstances:
    """``folder`` is ``None`` where nothing outlives the sandbox."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __bool__(self) -> bool:
        return self._folder is not None

    def home(self, key: tuple[str, str, str]) -> Path | None:
        """Return the folder of an instance: account, Region and identifier."""
        return None if self._folder is None else self._folder.joinpath(*key)

    def problem(self, owner: Owner | None) -> str:
        """Return why ``owner`` could not keep files here, empty where it can."""
        if self._folder is None or owner is None:
            return ""
        for place in (self._folder, *self._folder.parents):
            if place.exists() and not _may_enter(place, owner):
                return (
                    f"PostgreSQL does not run as root, and its user may not enter {place}, where the state is kept: start the "
                    "sandbox with --state in a folder that others may enter."
                )
        return ""

    def write(self, key: tuple[str, str, str], instance: dict[str, Any]) -> None:
        """Keep what ``read`` is to return; whole or not at all."""
        home = self.home(key)
        if home is None:
            return
        home.mkdir(parents=True, exist_ok=True)
        fresh = home / f"{_FILE}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(instance))
        fresh.replace(home / _FILE)

    def forget(self, key: tuple[str, str, str]) -> None:
        home = self.home(key)
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)

    def read(self) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
        if self._folder is None:
            return
        for file in sorted(self._folder.glob(f"*/*/*/{_FILE}")):
            account_id, region, identifier = file.parent.parts[-3:]
            yield (account_id, region, identifier), json.loads(file.read_text())


def folder_from_environment() -> Path | None:
    """Return the folder that the sandbox named to the neighbours' process."""
    text = os.environ.get(FOLDER_VARIABLE)
    return Path(text) if text else None


def _may_enter(place: Path, owner: Owner) -> bool:
    status = place.stat()
    if status.st_uid == owner.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == owner.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
