"""Control groups of version 2, which most learners' machines have, in a kernel that runs as a process (user-mode Linux).

It needs neither root nor a virtual machine, sees this machine's files read-only, and has version 2 alone, whatever the machine has.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.quotas import MB_PER_VCPU

KERNEL = shutil.which("linux.uml")
PROGRAM = Path(__file__).with_name("in_version_2.py")
ROOT = Path(__file__).parents[2]
FIRST_PROCESS = """#!/bin/sh
mount -t proc proc /proc
mkdir -p /dev/shm
mount -t tmpfs memory /dev/shm
mount -t sysfs sys /sys
mount -t cgroup2 groups /sys/fs/cgroup
cd {root}
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
PYTHONPATH={root} PYTHONDONTWRITEBYTECODE=1 {python} {program} /sys/fs/cgroup
echo o > /proc/sysrq-trigger
sleep 60
"""

pytestmark = pytest.mark.skipif(
    KERNEL is None, reason="no kernel that runs as a process: install the package user-mode-linux"
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    assert KERNEL is not None
    first = tmp_path_factory.mktemp("kernel") / "first"
    words = {"root": str(ROOT), "python": sys.executable, "program": str(PROGRAM)}
    first.write_text(FIRST_PROCESS.format(**{name: shlex.quote(word) for name, word in words.items()}))
    first.chmod(0o755)
    options = ["mem=512M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={first}"]
    kernel = subprocess.run(
        [KERNEL, *options, "con=null", "con0=null,fd:1", "quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    said = kernel.stdout.decode(errors="replace")
    lines = [line for line in said.splitlines() if line.startswith("FOUND ")]
    assert lines, f"the kernel said: {said[-3000:]}"
    answer: dict[str, Any] = json.loads(lines[0].removeprefix("FOUND "))
    return answer


def test_the_groups_lie_beside_the_sessions_own_with_all_controllers(found: dict[str, Any]) -> None:
    assert found["version"] == 2
    assert found["controllers"] == ["cpu", "memory", "pids"]
    assert found["corner is beside the session"] is True


def test_systemd_is_asked_for_a_scope_which_the_server_divides(found: dict[str, Any]) -> None:
    scope, process = found["scope"], str(found["scope"]["process"])
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    assert scope["asked"][:7] == ["--system", "--quiet", "call", *manager, "StartTransientUnit"]
    assert scope["asked"][7:10] == ["ssa(sv)a(sa(sv))", f"lambda-sandbox-{process}.scope", "fail"]
    assert scope["asked"][10:] == [
        *("3", "Description", "s", "lambda_sandbox", "Delegate", "b", "true", "PIDs", "au", "1", process, "0")
    ]
    assert scope["own group"] == "0::/user/own.scope/sandbox-server"
    assert scope["corner in"] == "own.scope"
    assert scope["controllers"] == ["cpu", "memory", "pids"]


def test_out_of_memory_ends_the_whole_group_and_is_told(found: dict[str, Any]) -> None:
    scene = found["out_of_memory"]
    assert scene["signal"] == 9
    assert scene["told"] is True
    assert 63 < scene["peak_mb"] <= 64


def test_the_number_of_processes_is_held(found: dict[str, Any]) -> None:
    assert found["processes"]["children"] == 9


def test_the_processor_is_shared_by_memory(found: dict[str, Any]) -> None:
    assert found["processor"]["share"] == pytest.approx(512 / MB_PER_VCPU, rel=0.1)


def test_files_in_memory_are_told_apart(found: dict[str, Any]) -> None:
    scene = found["files"]
    assert 8 <= scene["shared_mb"] < 9
    assert scene["shared_mb"] <= scene["files_mb"] <= scene["used_mb"] < 40


def test_nothing_is_left_behind(found: dict[str, Any]) -> None:
    assert found["left behind"] == ["session"]
