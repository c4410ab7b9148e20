"""One submission's sandbox: the server process, and the grader's own client of it."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

import lambda_sandbox
from autograder.errors import GraderFault
from autograder.processes import kill_tree

_REGION = "us-east-1"
_ACCOUNT_ID = "000000000000"
_START_S = 60.0
_STOP_S = 3.0
_ROLE = f"arn:aws:iam::{_ACCOUNT_ID}:role/grader"
_MAX_ANSWER_BYTES = 50_000_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class SandboxServer:
    """A ``lambda_sandbox serve`` process for one submission. ``url`` is where the grader itself reaches it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self.url = ""
        self._process = process
        self._log = log
        self._first_line: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="sandbox-output", daemon=True).start()

    @classmethod
    def start(cls, folder: Path, listener: socket.socket) -> SandboxServer:
        """Start a server that also answers on ``listener``; returns at once, before it is ready."""
        folder.mkdir(mode=0o700)
        log = folder / "server.log"
        command = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0"]
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--listen-fd", str(listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=_server_environment(folder),
                pass_fds=(listener.fileno(),),
                start_new_session=True,
            )
        return cls(process, log)

    def wait_ready(self) -> None:
        """Block until the server answers; raises GraderFault if it does not within a minute."""
        try:
            line = self._first_line.get(timeout=_START_S)
        except queue.Empty:
            raise GraderFault("The sandbox was not ready in a minute: the machine is too busy.") from None
        found = re.match(r"ready (http://\S+)", line)
        if found is None:
            raise GraderFault(f"The sandbox did not start: {self._last_words() or line or 'it said nothing'}")
        self.url = found[1]

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        kill_tree(self.pid)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            self._first_line.put(stream.readline(4096).decode(errors="replace"))
            while stream.read(1 << 16):  # keep the pipe empty, so that the server never waits for us
                pass

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def _server_environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(lambda_sandbox.__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_SANDBOX_ALLOW_RESET": "0",
    }


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation as its caller saw it: ``payload`` as JSON, ``report`` from the REPORT line (numbers as floats)."""

    payload: Any
    function_error: str | None
    report: dict[str, Any] = field(default_factory=dict)
    log: str = ""


class Sandbox:
    """The grader's own client of one submission's sandbox, over HTTP; nothing in it comes from the submission."""

    def __init__(self, url: str, session: boto3.Session | None = None) -> None:
        self.url = url
        self._session = session or _own_session()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a boto3 client of ``service`` in this sandbox."""
        if service not in self._clients:
            settings = botocore.config.Config(
                connect_timeout=5,
                read_timeout=55,
                retries={"total_max_attempts": 1},
                parameter_validation=True,
            )
            make: Any = self._session.client  # boto3's stubs list services by name
            self._clients[service] = make(
                service, region_name=_REGION, endpoint_url=self.url or None, config=settings
            )
        return self._clients[service]

    def invoke(self, name: str, event: object) -> Invocation:
        """Invoke a function synchronously with ``event`` as JSON and return what came back."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        body = answer["Payload"].read(_MAX_ANSWER_BYTES)
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return Invocation(_strict_json(body), answer.get("FunctionError"), parse_report(log), log)

    def history(self) -> dict[str, Any]:
        """Return ``{"invocations": […], "environments": […]}`` as the sandbox tells it."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/history", timeout=30) as answer:  # noqa: S310 (loopback)
            found: dict[str, Any] = json.loads(answer.read(_MAX_ANSWER_BYTES))
            return found

    def has_function(self, name: str) -> bool:
        """Return whether a function of that name exists."""
        try:
            self.client("lambda").get_function_configuration(FunctionName=name)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        return True

    def deploy(self, name: str, source: str | dict[str, str], **configuration: Any) -> None:
        """Create a function of the grader's own, a probe; ``configuration`` goes to ``CreateFunction`` as it is."""
        files = {"app.py": source} if isinstance(source, str) else source
        settings = {"Runtime": "python3.13", "Handler": "app.handler", "Role": _ROLE, **configuration}
        client = self.client("lambda")
        client.create_function(FunctionName=name, Code={"ZipFile": _zip(files)}, **settings)
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )


def warm_up() -> None:
    """Have boto3 read now what it reads for a first client, so that every fork of this process finds it read."""
    _own_session().client("lambda", endpoint_url="http://127.0.0.1:9")


@functools.cache
def _own_session() -> boto3.Session:
    # moto takes an access key of twelve digits for the account: it must be the one the notebook worked in.
    return boto3.Session(
        aws_access_key_id=_ACCOUNT_ID,
        aws_secret_access_key="grader",  # noqa: S106
        region_name=_REGION,
    )


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _strict_json(body: bytes) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    if not body:
        return None
    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the function's answer is not JSON ({error})") from None


def parse_report(log: str) -> dict[str, Any]:
    """Return the last REPORT line of a log; names in snake case, units in the names, numbers as floats.

    >>> parse_report("REPORT RequestId: 7\\tDuration: 1.50 ms\\tMax Memory Used: 30 MB\\t")
    {'request_id': '7', 'duration_ms': 1.5, 'max_memory_used_mb': 30.0}
    """
    lines = [line for line in _ANSI.sub("", log).splitlines() if line.startswith("REPORT ")]
    report: dict[str, Any] = {}
    for part in lines[-1].removeprefix("REPORT ").split("\t") if lines else []:
        name, _, value = part.strip().partition(": ")
        key = re.sub(r"(?<=[a-z])(?=[A-Z])| ", "_", name).lower()
        number = re.fullmatch(r"([0-9.]+) (ms|MB|s)", value)
        if number:
            report[f"{key}_{number[2].lower()}"] = float(number[1])
        elif key:
            report[key] = value
    return report
