"""The doctor's attempts as root here and as somebody without a privilege, and a doctor who does find something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.environments import isolation

ROOT = Path(__file__).parents[2]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


def run_doctor(
    *arguments: str, python: str = sys.executable, user: int | None = None
) -> tuple[int, dict[str, Any]]:
    packages = sysconfig.get_paths()["purelib"]
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{ROOT}:{packages}",
    }
    who: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    command = [python, "-m", "lambda_sandbox", "doctor", "--json", *arguments]
    outcome = subprocess.run(
        command, capture_output=True, text=True, timeout=150, cwd="/", env=variables, **who
    )
    assert outcome.stdout, outcome.stderr
    return outcome.returncode, json.loads(outcome.stdout)


def outcomes(diagnosis: dict[str, Any]) -> dict[str, str]:
    return {finding["promise"]: finding["outcome"] for finding in diagnosis["findings"]}


@pytest.mark.parametrize("level", ["auto", "bwrap"])
def test_everything_that_is_promised_here_holds(level: str) -> None:
    code, diagnosis = run_doctor("--isolation", level)
    broken = [finding for finding in diagnosis["findings"] if finding["outcome"] == "broken"]
    assert broken == []
    assert code == 0
    assert diagnosis["user_id"] == os.getuid()
    assert outcomes(diagnosis)["other tenants' functions hidden"] == "held"
    assert len(diagnosis["runtimes"]) > 5


@pytest.mark.skipif(
    os.getuid() != 0, reason="only root can become somebody else; the other test ran without root"
)
@pytest.mark.parametrize("level", ["auto", "none"])
def test_everything_that_is_promised_to_somebody_without_privilege_holds(level: str) -> None:
    check = [SYSTEM_PYTHON, "-c", f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"]
    if not os.path.exists(SYSTEM_PYTHON) or subprocess.run(check).returncode:
        pytest.skip("needs a system Python of this version, which every user may read")
    code, diagnosis = run_doctor("--isolation", level, python=SYSTEM_PYTHON, user=NOBODY)
    broken = [finding for finding in diagnosis["findings"] if finding["outcome"] == "broken"]
    assert broken == []
    assert code == 0
    assert diagnosis["user_id"] == NOBODY
    if diagnosis["level"] == "namespaces":
        held = outcomes(diagnosis)
        for promise in (
            isolation.FILES,
            isolation.NETWORK,
            isolation.PROCESSES_HIDDEN,
            isolation.SYSTEM_CALLS,
        ):
            assert held[promise] == "held"


def test_without_isolation_the_doctor_says_what_the_attempts_got() -> None:
    code, diagnosis = run_doctor("--isolation", "none")
    assert diagnosis["level"] == "process"
    found = {finding["promise"]: finding for finding in diagnosis["findings"]}
    assert found[isolation.NETWORK]["outcome"] == "not enforced"
    assert "connected to the host's port" in found[isolation.NETWORK]["detail"]
    assert "secret.txt" in found[isolation.FILES]["detail"]
    assert found["the sandbox's own routes closed"]["outcome"] == "held"
    assert code == 0
