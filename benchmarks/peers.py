"""Other local Lambdas, where they are given: AWS's runtime interface emulator and serverless-offline, with the same handler.

``LAMBDA_RIE`` is the path of ``aws-lambda-rie``; ``SERVERLESS_OFFLINE`` a folder with ``node_modules/serverless-offline`` and
``node_modules/serverless`` (3). One that is not given is left out, and the figures say so.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.client import Connection, WrongAnswer
from benchmarks.servers import CODE, Target, place, request

RIE, OFFLINE = "LAMBDA_RIE", "SERVERLESS_OFFLINE"
_READY_S = 60.0
_LOOK_S = 0.2
_SERVERLESS = """service: benchmark
frameworkVersion: "3"
provider:
  name: aws
  runtime: python3.{minor}
plugins:
  - serverless-offline
functions:
  warm:
    handler: app.handler
custom:
  serverless-offline:
    host: 127.0.0.1
    httpPort: {http}
    lambdaPort: {port}
    websocketPort: {websocket}
    noTimeout: true
"""


@contextlib.contextmanager
def peers() -> Iterator[list[Target]]:
    """Start those that the environment names and return where to call them. Raises ``WrongAnswer`` for one that fails."""
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory(prefix="peers-") as folder:
        place_of_code = Path(folder)
        (place_of_code / "app.py").write_text(CODE)
        found = []
        if os.environ.get(RIE):
            found.append(stack.enter_context(_emulator(Path(os.environ[RIE]), place_of_code)))
        if os.environ.get(OFFLINE):
            found.append(stack.enter_context(_offline(Path(os.environ[OFFLINE]), place_of_code)))
        yield found


@contextlib.contextmanager
def _emulator(program: Path, code: Path) -> Iterator[Target]:
    port, runtime_port = _free_ports(2)
    address = f"127.0.0.1:{port}"
    command = [str(program), "--runtime-interface-emulator-address", address]
    command += ["--runtime-api-address", f"127.0.0.1:{runtime_port}"]
    command += [sys.executable, "-m", "awslambdaric", "app.handler"]
    path = "/2015-03-31/functions/function/invocations"
    target = Target("rie", *place(f"http://{address}"), request(f"http://{address}", path))
    # Its connections end with every answer unless the request asks otherwise, which HTTP/1.1 does.
    with _running(command, code, {"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"}, target):
        yield target


@contextlib.contextmanager
def _offline(folder: Path, code: Path) -> Iterator[Target]:
    http, port, websocket = _free_ports(3)
    text = _SERVERLESS.format(minor=sys.version_info.minor, http=http, port=port, websocket=websocket)
    (code / "serverless.yml").write_text(text)
    (code / "node_modules").symlink_to(folder.resolve() / "node_modules")
    command = [
        "node",
        str(folder / "node_modules" / "serverless" / "bin" / "serverless.js"),
        "offline",
        "start",
    ]
    address = f"http://127.0.0.1:{port}"
    path = "/2015-03-31/functions/benchmark-dev-warm/invocations"
    target = Target("serverless_offline", *place(address), request(address, path))
    variables = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "CI": "1"}
    with _running(command, code, variables, target):
        yield target


@contextlib.contextmanager
def _running(command: list[str], folder: Path, variables: dict[str, str], target: Target) -> Iterator[None]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, target)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # a group of its own: the runtimes that it started are in it
            process.wait()


def _wait(process: subprocess.Popen[bytes], target: Target) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            connection = Connection(target.host, target.port, target.request)
            connection.call()
            connection.close()
            return
        except (OSError, WrongAnswer) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise WrongAnswer(f"{target.name} does not answer: {error}") from error
            time.sleep(_LOOK_S)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
