"""The two servers of a run: the sandbox as users start it, and the bare one. Both end with the context."""

from __future__ import annotations

import contextlib
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
    process_id: int = 0  # of the server; 0 where it is nobody's business


class Sandbox:
    """A sandbox of this run alone, and the functions in it."""

    def __init__(self, process: ServerProcess, name: str = "sandbox") -> None:
        self.name = name
        self.endpoint = process.endpoint
        self.process_id = process.process_id
        self._client: Any = boto3.client(
            "lambda",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",  # noqa: S106 - the sandbox takes any
            config=Config(proxies={}),
        )

    def target(self, function: str) -> Target:
        """Create ``function`` and return the request that invokes it."""
        self.create(function, CODE, MemorySize=1769)  # one vCPU: the function is not slowed down
        return Target(self.name, *place(self.endpoint), self.request(function), self.process_id)

    def create(self, function: str, source: str, **settings: Any) -> None:
        """Create ``function`` and wait until it can be called."""
        self._client.create_function(
            FunctionName=function,
            Runtime=f"python3.{sys.version_info.minor}",  # the host's own: another would be started, not forked
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": package(source, filename="app.py")},
            **settings,
        )
        self._client.get_waiter("function_active_v2").wait(FunctionName=function)

    def delete(self, function: str) -> None:
        self._client.delete_function(FunctionName=function)

    def request(self, function: str) -> bytes:
        """Return the request that invokes ``function``."""
        return request(self.endpoint, f"/2015-03-31/functions/{function}/invocations")


@contextlib.contextmanager
def sandbox(client: str = "lean") -> Iterator[Sandbox]:
    """``client`` is the Runtime API client of its functions: lean or native."""
    # AWS allows ten requests a second for each unit of concurrency; a server that is measured must not throttle.
    settings = {"LAMBDA_SANDBOX_ACCOUNT_CONCURRENCY": "100000"}
    process = ServerProcess(port=0, flags=["--runtime-client", client], settings=settings)
    try:
        yield Sandbox(process, "sandbox" if client == "lean" else client)
    finally:
        process.stop()


@contextlib.contextmanager
def bare(name: str = "bare") -> Iterator[Target]:
    """``name`` is bare, or relay for the one with a process behind it."""
    command = [sys.executable, "-m", f"benchmarks.{name}_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1]
            yield Target(name, *place(address), request(address, "/"), process.pid)
        finally:
            process.terminate()


def place(address: str) -> tuple[str, int]:
    """Return host and port of an ``http://`` address."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def request(address: str, path: str) -> bytes:
    """Return a POST of an empty object."""
    host = urlsplit(address).netloc
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    )
    return head.encode() + b"{}"
