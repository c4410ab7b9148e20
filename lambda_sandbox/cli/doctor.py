"""``doctor``: start a real sandbox, try to break each promise from inside a function, and say what held."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lambda_sandbox.config import Config
from lambda_sandbox.environments import delegation, isolation
from lambda_sandbox.environments.limits import find_control_groups
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.packaging import package
from lambda_sandbox.quotas import MB_PER_VCPU
from lambda_sandbox.server_client import ServerClient

_ATTEMPTS = Path(__file__).with_name("doctor_attempts.py")
_OWN, _OTHER = "111111111111", "999999999999"
_OTHER_FUNCTION = "doctor-other-tenant"
_ROLE = "arn:aws:iam::{}:role/doctor"
_LARGE_MB, _SMALL_MB, _TINY_MB = MB_PER_VCPU, 512, 128
_CPU_TOLERANCE = 0.05
# How long one attempt may take; on a slow machine, one that forks a thousand times needs many seconds.
_PATIENCE_S = 60

Outcome = Literal["held", "broken", "undecided", "not enforced"]


@dataclass(frozen=True, slots=True)
class Check:
    """``promise`` is the isolation's text, or one that holds everywhere when ``always``. ``ends``: the attempt must not live.

    ``harmful`` attempts are left out where the promise is not made.
    """

    promise: str
    attempt: str
    tried: str
    memory_mb: int = _LARGE_MB
    needs: str = ""  # the isolation's promise behind it, when the text is another
    always: bool = False
    ends: bool = False
    harmful: bool = False
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def behind(self) -> str:
        return self.needs or self.promise


@dataclass(frozen=True, slots=True)
class Finding:
    promise: str
    promised: bool
    outcome: Outcome
    tried: str
    detail: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``ok`` is True when everything that is promised at this level was tried to the end, and held."""

    level: str
    user_id: int
    control_groups: str
    findings: list[Finding]
    runtimes: list[dict[str, Any]]
    network: str = ""  # what functions reach, in words

    @property
    def ok(self) -> bool:
        return not any(finding.outcome in ("broken", "undecided") for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


CHECKS = (
    Check(isolation.FILES, "files", "read files of the host"),
    Check("other functions' code hidden", "other_functions", "find a file of another tenant's package", needs=isolation.FILES),
    Check("other tenants' functions hidden", "other_tenants", "list another account's functions", always=True),
    Check("the sandbox's own routes closed", "admin_paths", "reach /_sandbox/history, logs, bill, reset", always=True),
    Check("host variables hidden", "variables", "find the server's variables", always=True),
    Check(isolation.CODE, "code", "write to /var/task, /opt, /var/runtime, /usr, /"),
    Check(isolation.PROCESSES_HIDDEN, "processes", "see or read processes outside through /proc"),
    Check("server out of reach of signals", "signals", "signal the server", needs=isolation.PROCESSES_HIDDEN),
    Check("no privilege left", "privileges", "find a capability or root", needs=isolation.CODE),
    Check(isolation.NETWORK, "network", "connect to the host and beyond"),
    Check(isolation.SYSTEM_CALLS, "system_calls", "mount, unshare, chroot, keyctl, be traced"),
    Check("other processes' memory closed", "ptrace", "trace the launcher, open its memory", needs=isolation.PROCESSES_HIDDEN),
    Check(isolation.FILES_TWICE, "files_twice", "signal the launcher, which has the same user"),
    Check(isolation.PROCESS_COUNT, "process_count", "fork until it is refused", harmful=True, event={"more_than_allowed": 1500}),
    Check(isolation.OPEN_FILES, "open_files", "open files until it is refused"),
    Check(isolation.TMP_SIZE, "tmp_size", "write 544 MB to a /tmp of 512 MB", harmful=True),
    Check(isolation.TMP_APART, "tmp_apart", "write 200 MB to /tmp with 128 MB of memory", _TINY_MB, event={"megabytes": 200}),
    Check(isolation.CPU, "cpu", "use more than the share of a small function", _SMALL_MB),
    Check(isolation.MEMORY_EXACT, "memory", "take 516 MB of 512 MB in one process", _SMALL_MB, ends=True, harmful=True, event={"megabytes": 516, "processes": 1}),
    Check(isolation.MEMORY_TREE, "memory", "take 700 MB of 512 MB in three processes", _SMALL_MB, ends=True, harmful=True, event={"megabytes": 700, "processes": 3}),
)  # fmt: skip


def diagnose(isolation_mode: str | None = None) -> Diagnosis:
    """Run every attempt in a sandbox of its own. Takes some ten seconds. Raises ``SandboxFault`` when it cannot start."""
    delegation.ask_for_own_group()
    mark = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="lambda-sandbox-doctor-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - everybody might read the secret, were it not for the isolation
        secret = Path(folder, "secret.txt")
        secret.write_text(mark)
        # A server of the host's. Not the sandbox: functions find that at its own port.
        with _server(mark, isolation_mode) as (client, pid), socket.create_server(("127.0.0.1", 0)) as host:
            found = client.health()["isolation"]
            facts = {
                "mark": mark,
                "server_pid": pid,
                "host_port": host.getsockname()[1],
                "host_files": [str(secret), str(_ATTEMPTS), str(Path.home() / ".bashrc"), "/etc/shadow"],
                "secret_name": f"secret-{mark}.txt",
                "other_account": _OTHER,
                "other_function": _OTHER_FUNCTION,
            }
            _deploy(client, mark)
            enforced = set(found["enforced"])
            findings = [_examine(client, check, enforced, facts) for check in CHECKS]
    return Diagnosis(
        found["level"], os.getuid(), _control_groups(), findings, _runtimes(), network=found["network"]
    )


@contextmanager
def _server(mark: str, isolation_mode: str | None) -> Iterator[tuple[ServerClient, int]]:
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH")) if part)
    command = [
        sys.executable,
        "-m",
        "lambda_sandbox",
        "serve",
        "--port",
        "0",
        "--no-neighbours",
        "--stop-with-stdin",
    ]
    if isolation_mode:
        command += ["--isolation", isolation_mode]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "DOCTORS_MARK": mark},
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        if words[:1] != ["ready"]:
            _, errors = process.communicate(timeout=10)
            last = errors.strip().splitlines()[-1:] or ["no reason given"]
            raise SandboxFault(f"the sandbox did not start: {last[0]}")
        yield ServerClient(words[1], timeout_s=2.0 * _PATIENCE_S), process.pid
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        if process.stderr is not None:
            process.stderr.close()


def _deploy(client: ServerClient, mark: str) -> None:
    attempts = package(_ATTEMPTS.read_text(encoding="utf-8"))
    for memory_mb in (_LARGE_MB, _SMALL_MB, _TINY_MB):
        _create(client, _OWN, f"doctor-{memory_mb}", attempts, memory_mb)
    quiet = "def handler(event, context):\n    return 'here'\n"
    _create(client, _OTHER, _OTHER_FUNCTION, package({"app.py": quiet, f"secret-{mark}.txt": mark}), _TINY_MB)
    _invoke(client, _OTHER, _OTHER_FUNCTION, {})  # it is there, in an environment of its own


def _create(client: ServerClient, account: str, name: str, code: bytes, memory_mb: int) -> None:
    settings = {
        "FunctionName": name,
        "Runtime": f"python{sys.version_info[0]}.{sys.version_info[1]}",
        "Role": _ROLE.format(account),
        "Handler": "app.handler",
        "Code": {"ZipFile": base64.b64encode(code).decode()},
        "MemorySize": memory_mb,
        "Timeout": _PATIENCE_S,
    }
    body = json.dumps(settings).encode()
    status, _, answer = client.request("POST", "/2015-03-31/functions", body, _signed(account))
    if status != 201:
        raise SandboxFault(f"the doctor's function was refused: {answer[:200].decode('utf-8', 'replace')}")


def _invoke(
    client: ServerClient, account: str, name: str, event: dict[str, Any]
) -> tuple[Any, dict[str, str]]:
    path = f"/2015-03-31/functions/{name}/invocations"
    asked = {**_signed(account), "X-Amz-Log-Type": "Tail"}
    _, headers, body = client.request("POST", path, json.dumps(event).encode(), asked)
    return json.loads(body or b"null"), headers


def _signed(account: str) -> dict[str, str]:
    scope = f"Credential={account}/20260101/us-east-1/lambda/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}"}


def _examine(client: ServerClient, check: Check, enforced: set[str], facts: dict[str, Any]) -> Finding:
    promised = check.always or check.behind in enforced
    if not promised and check.harmful:
        why = isolation.WHY_NOT.get(check.behind, "")
        return Finding(check.promise, False, "not enforced", check.tried, f"not tried; {why}")
    answer, headers = _invoke(
        client, _OWN, f"doctor-{check.memory_mb}", {**facts, **check.event, "attempt": check.attempt}
    )
    if promised and _out_of_time(answer):
        detail = (
            f"the attempt did not end in {_PATIENCE_S} s: run the doctor again when the machine is less busy"
        )
        return Finding(check.promise, True, "undecided", check.tried, detail)
    broke = _judge(check, answer, headers)
    if promised:
        detail = broke or _too_busy(check, answer)
        return Finding(check.promise, True, "broken" if broke else "held", check.tried, detail)
    why = isolation.WHY_NOT.get(check.behind, "")
    detail = f"the attempt got: {broke}; {why}" if broke else why
    return Finding(check.promise, False, "not enforced", check.tried, detail)


def _judge(check: Check, answer: Any, headers: dict[str, str]) -> str:
    """Return what the attempt broke; empty when the promise held."""
    if check.ends:
        return "" if _out_of_memory(headers) else f"ended with {json.dumps(answer)[:200]}"
    if "x-amz-function-error" in headers:
        return f"failed with {json.dumps(answer)[:200]}"
    if check.attempt == "cpu":
        share, wanted = answer["share"], check.memory_mb / MB_PER_VCPU
        more = share > wanted * (1 + _CPU_TOLERANCE)
        return f"had {share:.3f} of a processor instead of {wanted:.3f}" if more else ""
    return str(answer)


def _out_of_time(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("errorType") == "Sandbox.Timedout"


def _too_busy(check: Check, answer: Any) -> str:
    """Return what to say of a share that is within its limit, but that others left too little of the machine for."""
    wanted = check.memory_mb / MB_PER_VCPU
    if check.attempt != "cpu" or answer["share"] >= wanted * (1 - _CPU_TOLERANCE):
        return ""
    return f"the machine is busy: had {answer['share']:.3f} of a processor where {wanted:.3f} are allowed"


def _out_of_memory(headers: dict[str, str]) -> bool:
    """AWS: the payload says Runtime.ExitError, the REPORT line says Runtime.OutOfMemory."""
    return b"Error Type: Runtime.OutOfMemory" in base64.b64decode(headers.get("x-amz-log-result", ""))


def _control_groups() -> str:
    groups = find_control_groups("lambda-sandbox-doctor")
    if groups is None:
        return "none"
    version, controllers = groups.version, ", ".join(sorted(groups.controllers))
    groups.close()
    return f"version {version}: {controllers}"


def _runtimes() -> list[dict[str, Any]]:
    from lambda_sandbox.environments.runtimes import registry

    return [asdict(runtime) for runtime in registry.available(Config.load().runtime_client == "native")]


def show(diagnosis: Diagnosis) -> None:
    """Print one line a promise, then the runtimes."""
    print(f"isolation {diagnosis.level}, user {diagnosis.user_id}, control groups {diagnosis.control_groups}")
    print(f"functions reach {diagnosis.network}")
    for finding in diagnosis.findings:
        print(f"  {finding.outcome:<13} {finding.promise:<42} tried: {finding.tried}")
        if finding.detail:
            print(f"  {'':<13} {finding.detail}")
    print("runtimes")
    for runtime in diagnosis.runtimes:
        print(
            f"  {'there' if runtime['available'] else 'missing':<13} {runtime['name']:<16} {runtime['detail']}"
        )
    held = sum(finding.outcome == "held" for finding in diagnosis.findings)
    promised = sum(finding.promised for finding in diagnosis.findings)
    print(f"{held} of {promised} promises held")
