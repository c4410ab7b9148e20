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

from lambda_sandbox.cli import doctor
from lambda_sandbox.environments import isolation
from lambda_sandbox.server_client import ServerClient

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


class AnsweringClient(ServerClient):
    """Answers every attempt with the same payload and function error."""

    def __init__(self, payload: Any, error: str = "") -> None:
        super().__init__("http://127.0.0.1:1")
        self._payload, self._error = payload, error

    def request(self, *_: Any, **__: Any) -> tuple[int, dict[str, str], bytes]:
        headers = {"x-amz-function-error": self._error} if self._error else {}
        return 200, headers, json.dumps(self._payload).encode()


def found(client: ServerClient, promise: str, *, promised: bool = True) -> doctor.Finding:
    check = next(check for check in doctor.CHECKS if check.promise == promise)
    return doctor._examine(client, check, {promise} if promised else set(), {})


def diagnosis_of(finding: doctor.Finding) -> doctor.Diagnosis:
    return doctor.Diagnosis("namespaces", 0, "none", [finding], [])


def test_an_attempt_that_got_something_is_a_broken_promise() -> None:
    finding = found(AnsweringClient("read /etc/shadow"), isolation.FILES)
    assert (finding.outcome, finding.detail) == ("broken", "read /etc/shadow")
    assert not diagnosis_of(finding).ok


def test_an_attempt_that_got_nothing_is_a_kept_promise() -> None:
    finding = found(AnsweringClient(""), isolation.FILES)
    assert finding.outcome == "held"
    assert diagnosis_of(finding).ok


@pytest.mark.parametrize("promise", [isolation.PROCESS_COUNT, isolation.MEMORY_EXACT])
def test_an_attempt_that_a_slow_machine_did_not_finish_proves_nothing(promise: str) -> None:
    late = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 60.00 seconds"}
    finding = found(AnsweringClient(late, "Unhandled"), promise)
    assert finding.outcome == "undecided"
    assert "run the doctor again" in finding.detail
    assert not diagnosis_of(finding).ok


def test_what_is_not_promised_is_never_broken() -> None:
    finding = found(AnsweringClient("read /etc/shadow"), isolation.FILES, promised=False)
    assert finding.outcome == "not enforced"
    assert "read /etc/shadow" in finding.detail
