"""The two servers of a run: the sandbox as users start it, and the bare one. Both end with the context."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from lambda_sandbox import package
from lambda_sandbox.server_process import ServerProcess

CODE = "def handler(event, context):\n    return {'ok': True}\n"
ROLE = "arn:aws:iam::000000000000:role/benchmark"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what: ``request`` is the whole HTTP request."""

    name: str
    host: str
    port: int
    request: bytes


class Sandbox:
    """A sandbox of this run alone, and the functions in it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._client: Any = boto3.client(
            "lambda",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",  # noqa: S106 - the sandbox takes any
            config=Config(proxies={}),
        )
        self._code = package(CODE, filename="app.py")

    def target(self, function: str) -> Target:
        """Create ``function`` and return the request that invokes it."""
        self._client.create_function(
            FunctionName=function,
            Runtime=f"python3.{sys.version_info.minor}",  # the host's own: another would be started, not forked
            Handler="app.handler",
            Role=ROLE,
            MemorySize=1769,  # one vCPU: the function is not slowed down
            Code={"ZipFile": self._code},
        )
        self._client.get_waiter("function_active_v2").wait(FunctionName=function)
        path = f"/2015-03-31/functions/{function}/invocations"
        return _target("sandbox", self.endpoint, path)


@contextlib.contextmanager
def sandbox() -> Iterator[Sandbox]:
    # AWS allows ten requests a second for each unit of concurrency; a server that is measured must not throttle.
    os.environ.setdefault("LAMBDA_SANDBOX_ACCOUNT_CONCURRENCY", "100000")
    process = ServerProcess(port=0)
    try:
        yield Sandbox(process.endpoint)
    finally:
        process.stop()


@contextlib.contextmanager
def bare() -> Iterator[Target]:
    command = [sys.executable, "-m", "benchmarks.bare_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1]
            yield _target("bare", address, "/")
        finally:
            process.terminate()


def _target(name: str, address: str, path: str) -> Target:
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    return Target(name, parts.hostname, parts.port, head.encode() + b"{}")
