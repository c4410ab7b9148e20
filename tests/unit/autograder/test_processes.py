"""What the files of a submission's sandbox weigh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.limits import Limits
from autograder.processes import SandboxWatchdog
from lambda_sandbox.services.postgres.administration import FOLDER_PREFIX

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
MEGABYTE = bytes(range(256)) * 4096
SANDBOX = """
import subprocess, sys
for folder in sys.argv[1:]:
    subprocess.Popen(["sleep", "60"], cwd=folder)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """The sandbox's own folder, and where a database's server works."""
    made = {"own": tmp_path / "own", "data": tmp_path / f"{FOLDER_PREFIX}x" / "data"}
    made["other"] = tmp_path / "other" / "data"
    for folder in made.values():
        (folder / "base").mkdir(parents=True)
    return made


@pytest.fixture
def sandbox(folders: dict[str, Path]) -> Iterator[int]:
    """The id of a process that has children which work in each of the folders but its own."""
    command = [sys.executable, "-c", SANDBOX, str(folders["data"]), str(folders["other"])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        subprocess.run(["pkill", "-s", str(process.pid)], check=False)


@pytest.mark.parametrize(
    ("held", "passes"),
    [
        ({"own": 3}, True),
        ({"data": 3}, True),
        ({"own": 1, "data": 2}, True),
        ({"own": 1, "data": 1}, False),
        ({"other": 9}, False),
    ],
    ids=str,
)
def test_a_sandbox_and_its_databases_are_weighed_together(
    folders: dict[str, Path], sandbox: int, held: dict[str, int], passes: bool
) -> None:
    for name, megabytes in held.items():
        for number in range(megabytes):
            (folders[name] / "base" / str(number)).write_bytes(MEGABYTE)
    watchdog = SandboxWatchdog(sandbox, Limits(sandbox_disk_mb=2), folders["own"])
    reasons = [watchdog._passed() for _ in range(10)]
    assert reasons[:9] == [""] * 9  # it walks through files at every tenth look only
    assert ("more than 2 MB of files" in reasons[9]) == passes
    assert watchdog.databases == {folders["data"].parent}
