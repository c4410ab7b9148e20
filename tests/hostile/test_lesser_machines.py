"""Grading where namespaces, Landlock or filters are lacking: what is lacking is said, and what is left still holds."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.isolation import FUNCTIONS, LANDLOCK, SECCOMP
from lambda_sandbox.environments.confinement import landlock_version, seccomp_possible

from .lesser import FILTERS, NAMESPACES, possible
from .lesser import LANDLOCK as NO_LANDLOCK

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (possible() and seccomp_possible()),
        reason="a lesser machine is made with a filter of system calls",
    ),
]
_ROOT = Path(__file__).resolve().parents[2]
_LESSER = str(Path(__file__).with_name("lesser.py"))
Machine = Callable[..., dict[str, Any]]


_NOBODY = 65_534
_AS_NOBODY = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
NOTHING = {
    "secret": None,
    "class": None,
    "memory": [],
    "variables": [],
    "descriptors": [],
    "scripts": [],
    "written": None,
}


def cannot_be_ordinary() -> str:
    """Return why nothing can be graded as an ordinary user here; empty if it can."""
    if os.getuid() != 0:
        return "this user is an ordinary one, for whom the other tests of grading hold"
    if shutil.which("setpriv") is None:
        return "setpriv is not installed"
    # By way of another program: setpriv itself may still enter every folder.
    probe = [*_AS_NOBODY, "env", sys.executable, "-c", "import pytest"]
    failed = subprocess.run(probe, capture_output=True, cwd="/", check=False).returncode
    return "an ordinary user may not run this Python: its folder is closed to others" if failed else ""


def on_lesser(lacking: tuple[str, ...], *words: str, ordinary: bool) -> subprocess.CompletedProcess[str]:
    command = [*_AS_NOBODY] if ordinary else []
    command += [sys.executable, _LESSER, ",".join(lacking), "--", sys.executable, *words]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "SECRET_FOR_THE_TEST": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=250, env=environment, cwd=_ROOT, check=False
    )


@pytest.fixture(scope="module")
def outside() -> Iterator[Path]:
    """A folder that is not below ``/tmp``, where functions may read and write that only Landlock holds."""
    with tempfile.TemporaryDirectory(prefix="lesser-", dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def machine(outside: Path) -> Machine:
    """Return a function that grades one submission on a machine without ``lacking``, once each."""

    @functools.cache
    def graded(*lacking: str, promised: bool = False, ordinary: bool = False) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(dir=outside))
        secret = folder / "secret"
        secret.write_text("a check that nobody may read")
        (folder / "in").mkdir()
        if ordinary:
            outside.chmod(0o711)
            for place in (folder, folder / "in", secret):
                os.chown(place, _NOBODY, _NOBODY)
        words = [str(folder / "in"), str(secret), *(["promised"] if promised else [])]
        done = on_lesser(lacking, "-m", "tests.hostile.graded_here", *words, ordinary=ordinary)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return graded


@pytest.mark.skipif(
    landlock_version() == 0, reason="without namespaces only Landlock holds files, and this kernel has none"
)
def test_without_namespaces_neither_notebook_nor_function_reaches_the_grader(machine: Machine) -> None:
    assert_found_nothing(machine(NAMESPACES))


@pytest.mark.parametrize("lacking", [(), (NAMESPACES,)], ids=["full", "without-namespaces"])
def test_an_ordinary_user_grades_and_nothing_reaches_the_grader(
    machine: Machine, lacking: tuple[str, ...]
) -> None:
    if why := cannot_be_ordinary():
        pytest.skip(why)
    if lacking and landlock_version() == 0:
        pytest.skip("without namespaces only Landlock holds files, and this kernel has none")
    found = machine(*lacking, ordinary=True)
    assert found["result"]["score"] == 3  # the facts, and a function of 128 MB
    assert_found_nothing(found)


def assert_found_nothing(found: dict[str, Any]) -> None:
    """Assert that the search of function and notebook ran to its end, and found nothing."""
    assert found["errors"] == []
    [shown] = found["shown"]
    by_function, by_notebook = map(json.loads, shown.splitlines())
    assert by_function == NOTHING
    assert by_notebook == NOTHING


def test_a_result_says_that_functions_were_not_kept_apart(machine: Machine) -> None:
    isolation = machine(NAMESPACES)["result"]["isolation"]
    assert isolation["level"] == "process"
    assert FUNCTIONS in isolation["missing"]


def test_what_the_kernel_lacks_is_not_said_to_hold(machine: Machine) -> None:
    found = machine(NAMESPACES, NO_LANDLOCK, FILTERS)["result"]
    assert found["status"] == "graded"
    assert {LANDLOCK, SECCOMP, FUNCTIONS, "file system", "network"} <= set(found["isolation"]["missing"])


def test_functions_that_could_be_kept_apart_are_never_run_otherwise(machine: Machine) -> None:
    """As on a machine that ran out of something after the class was begun."""
    found = machine(NAMESPACES, promised=True)["result"]
    assert found["status"] == "not_graded"
    assert "could not keep functions apart" in found["fault"]
    assert found["score"] is None
