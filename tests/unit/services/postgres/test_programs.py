"""Where PostgreSQL's programs are looked for."""

from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.services.postgres import programs
from lambda_sandbox.services.postgres.instances import Instances


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose PATH is one empty folder, and whose Debian has no PostgreSQL."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_DEBIAN", tmp_path / "postgresql")
    monkeypatch.setattr(programs, "_WHEELS", ())
    programs.find.cache_clear()
    tmp_path.chmod(0o755)
    for place in (tmp_path.parent, *tmp_path.parent.parents[:-2]):
        place.chmod(place.stat().st_mode | 0o011)
    return tmp_path


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    programs.find.cache_clear()


def make_programs(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    for place in (folder, folder.parent, folder.parent.parent):
        place.chmod(0o755)


def test_none_is_found_where_none_is(nothing_installed: Path) -> None:
    assert programs.find() is None


def test_creation_without_postgresql_says_what_to_install(nothing_installed: Path) -> None:
    import moto.rds.models

    instances = Instances(moto.rds.models, None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="the package 'postgresql' of the system") as refused:
        instances.create(None, None, {"engine": "postgres"})
    assert type(refused.value).__name__ == "RDSClientError"


def test_debians_newest_is_taken(nothing_installed: Path) -> None:
    for version in ("9", "15", "16"):
        make_programs(nothing_installed / "postgresql" / version / "bin", f"{version}.3")
    found = programs.find()
    assert found is not None
    assert found.version == "16.3"


def test_what_does_not_run_is_passed_over(nothing_installed: Path) -> None:
    make_programs(nothing_installed / "postgresql" / "15" / "bin", "15.3")
    make_programs(nothing_installed / "postgresql" / "17" / "bin", "17.1")
    (nothing_installed / "postgresql" / "17" / "bin" / "postgres").write_text("#!/nowhere\n")
    found = programs.find()
    assert found is not None
    assert found.version == "15.3"
