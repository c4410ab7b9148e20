"""Which Python ``make`` makes .venv with. The Pythons on PATH are this one, telling of itself what the test wants."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / ".ci/choose-python"
_SYSTEM = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")


def system_makes_environments() -> bool:
    if not _SYSTEM.exists():
        return False
    return subprocess.run([_SYSTEM, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def python(folder: Path, configured: str, version: tuple[int, int] = sys.version_info[:2]) -> Path:
    """Put a ``python3`` into ``folder`` that says it is of ``version`` and was configured with these flags."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys, sysconfig\n"
        f"sysconfig.get_config_vars()['CONFIG_ARGS'] = {configured!r}\n"
        "sys.base_prefix = '/opt/python'\n"
        f"sys.version_info = {(*version, 0)!r}\n"
    )
    path = folder / "python3"
    real = os.path.realpath(sys.executable)
    path.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(folder))} exec {shlex.quote(real)} "$@"\n')
    path.chmod(0o755)
    return path


def choose(*folders: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
    return subprocess.run(
        ["/bin/bash", _SCRIPT], env={"PATH": path, **variables}, capture_output=True, text=True
    )


def test_the_first_on_path_is_taken(tmp_path: Path) -> None:
    first = python(tmp_path / "first", "'--enable-optimizations' '--with-lto'")
    python(tmp_path / "second", "'--enable-optimizations'")

    chosen = choose(tmp_path / "first", tmp_path / "second")

    assert (chosen.stdout, chosen.stderr) == (f"{first}\n", "")


@pytest.mark.skipif(not system_makes_environments(), reason=f"no {_SYSTEM} that can make environments")
def test_an_unoptimised_one_gives_way_to_the_systems_and_it_is_said(tmp_path: Path) -> None:
    first = python(tmp_path / "first", "'--enable-shared'")

    chosen = choose(tmp_path / "first")

    assert chosen.stdout == f"{_SYSTEM}\n"
    assert (
        f"{first} was compiled without optimisation (PYTHON={first} takes it all the same)" in chosen.stderr
    )


def test_an_unoptimised_one_is_taken_where_the_system_has_not_its_version(tmp_path: Path) -> None:
    first = python(tmp_path / "first", "'--enable-shared'", version=(3, 99))

    assert choose(tmp_path / "first").stdout == f"{first}\n"


def test_the_one_that_is_named_is_taken_whatever_it_is(tmp_path: Path) -> None:
    named = python(tmp_path / "named", "'--enable-shared'")

    chosen = choose(PYTHON=str(named))

    assert (chosen.stdout, chosen.stderr) == (f"{named}\n", "")


def test_one_that_is_too_old_is_refused_with_what_it_is(tmp_path: Path) -> None:
    old = python(tmp_path / "old", "", version=(3, 10))

    chosen = choose(PYTHON=str(old))

    assert chosen.returncode == 1
    assert chosen.stderr.startswith(f"This course needs Python 3.11 or newer; {old} is: Python 3.")
    assert "make PYTHON=/path/to/python3.12 course" in chosen.stderr


def test_one_that_is_not_there_is_named() -> None:
    assert "; no-such-python is: none." in choose(PYTHON="no-such-python").stderr
