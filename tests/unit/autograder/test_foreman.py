"""What has everything ready for a lab is replaced when it dies, and serves one submission after the other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from autograder.discover import Lab
from autograder.grade import Job
from autograder.isolation import LANDLOCK, SECCOMP, bare_isolation, best_isolation
from autograder.limits import Limits
from autograder.processes import children, descendants
from autograder.result import GRADED, Result
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_all, grade_one

from .conftest import Write

ISOLATIONS = list(dict.fromkeys([best_isolation(), bare_isolation()]))


def job(lab: Lab, path: Path, name: str = "ada", isolation: Any = None, cpu_s: int = 120) -> Job:
    limits = Limits(wall_s=60.0, check_s=10.0, tree_cpu_s=cpu_s)
    return Job(lab, Submission(name, name, path), "s", limits, isolation, needs_sandbox=False)


def named(name: str) -> list[int]:
    """Return the processes below this one that run ``name``."""
    found = []
    for pid in descendants(os.getpid()):
        try:
            if (
                name.encode()
                in Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
            ):
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.fixture
def right(write_notebook: Write) -> Path:
    return write_notebook(("facts", "total = 3\nprint('hello')"))


def points(result: Result) -> tuple[str, int, str]:
    return result.status, result.score, result.fault


def test_one_foreman_serves_many_and_nothing_is_left_at_the_end(plain_lab: Lab, right: Path) -> None:
    before = set(children(os.getpid()))
    with Foremen() as foremen:
        for name in "abc":
            assert points(grade_one(job(plain_lab, right, name), foremen)) == (GRADED, 3, "")
        assert len(set(children(os.getpid())) - before) == 1
    assert set(children(os.getpid())) <= before


@pytest.mark.parametrize("isolation", ISOLATIONS, ids=lambda isolation: isolation.level)
def test_fork_server_that_dies_is_replaced(plain_lab: Lab, right: Path, isolation: Any) -> None:
    with Foremen() as foremen:
        assert points(grade_one(job(plain_lab, right, "a", isolation), foremen)) == (GRADED, 3, "")
        first = named("autograder.inside.server")
        for pid in first:
            with contextlib.suppress(ProcessLookupError):  # it may have ended with the one before it
                os.kill(pid, signal.SIGKILL)
        assert points(grade_one(job(plain_lab, right, "b", isolation), foremen)) == (GRADED, 3, "")
        assert not set(first) & set(named("autograder.inside.server"))


def test_foreman_that_dies_is_replaced(plain_lab: Lab, right: Path) -> None:
    with Foremen() as foremen:
        grade_one(job(plain_lab, right, "a"), foremen)
        [first] = named("labs-foreman")
        os.kill(first, signal.SIGKILL)
        assert points(grade_one(job(plain_lab, right, "b"), foremen)) == (GRADED, 3, "")


def test_submission_whose_worker_is_killed_once_is_graded_by_another(
    plain_lab: Lab, right: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "killed"
    (plain_lab.checks / "conftest.py").write_text(
        "import os, pathlib, signal\n\ndef pytest_runtest_setup(item):\n"
        f"    mark = pathlib.Path({str(mark)!r})\n    if not mark.exists():\n"
        "        mark.touch()\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    results = list(grade_all([job(plain_lab, right, name) for name in "ab"]))
    assert mark.exists()
    assert sorted(result.submission for result in results) == ["a", "b"]
    assert {points(result) for result in results} == {(GRADED, 3, "")}


@pytest.mark.parametrize("isolation", ISOLATIONS, ids=lambda isolation: isolation.level)
def test_kernel_is_held_by_what_the_result_says(
    plain_lab: Lab, write_notebook: Write, isolation: Any
) -> None:
    source = (
        "import ctypes, json, os\n"
        "status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)\n"
        "def refused(path):\n"
        "    try: os.listdir(path)\n"
        "    except OSError: return True\n"
        "    return False\n"
        "print(json.dumps({'seccomp': status['Seccomp'].strip() == '2', 'no_new_privs': status['NoNewPrivs'].strip() == '1',\n"
        f"  'checks': refused({str(plain_lab.checks)!r}), 'caps': int(status['CapEff'], 16),\n"
        "  'unshare': ctypes.CDLL(None).unshare(0x10000000)}))"
    )
    checks = plain_lab.checks / "test_plain.py"
    checks.write_text(checks.read_text().replace('wanted="hello\\n"', 'wanted=""'))
    result = grade_one(job(plain_lab, write_notebook(("facts", source)), "a", isolation))
    [printed] = [check.got for check in result.checks if check.id == "test_printed"]
    seen = json.loads(json.loads(printed))
    assert result.isolation is not None
    assert (result.isolation.level, result.isolation.enforced) == (isolation.level, isolation.enforced)
    assert seen["no_new_privs"]
    assert seen["seccomp"] == (SECCOMP in isolation.enforced) == (seen["unshare"] == -1)
    assert seen["checks"] or (LANDLOCK not in isolation.enforced and isolation.level == "process")
    assert seen["caps"] == 0 or isolation.level == "process"


def test_cpu_time_of_the_tree_together_is_limited(plain_lab: Lab, write_notebook: Write) -> None:
    source = (
        "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nwhile True: pass"
    )
    result = grade_one(job(plain_lab, write_notebook(source), cpu_s=2))
    assert "more than 2 s of CPU time" in " ".join(result.warnings)


def test_memory_that_processes_share_counts_once(plain_lab: Lab, write_notebook: Write) -> None:
    source = (
        "import os, time\nheld = bytearray(os.urandom(1 << 20)) * 60\n"
        "for _ in range(24):\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)\n"
        "time.sleep(0.6)\n"
    )
    path = write_notebook(source, ("facts", "total = 3\nprint('hello')"))
    result = grade_one(job(plain_lab, path))
    assert (result.warnings, result.score) == ((), 3)
