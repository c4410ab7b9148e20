"""``serve --allow-network``: two accounts' functions reach a server of this machine, and never the sandbox's own sockets."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambda_sandbox.packaging import package
from tests.contract.command_line import is_one_sentence, run
from tests.contract.conftest import ROLE, Server

CALLS = """\
import socket

def handler(event, context):
    try:
        with socket.create_connection(("localhost", event), 5) as connection:
            connection.sendall(b"GET /_sandbox/health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            return connection.recv(15).decode()
    except OSError as error:
        return type(error).__name__
"""


class Hello(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"hello")


@pytest.fixture
def port() -> Iterator[int]:
    """A server on this machine, such as a developer's database."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def reach(server: Server, port: int, account: str = "000000000000") -> Any:
    client = server.client("lambda", aws_access_key_id=account)
    role = f"arn:aws:iam::{account}:role/demo"
    client.create_function(
        FunctionName=f"to-{port}",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package(CALLS)},
    )
    answer = client.invoke(FunctionName=f"to-{port}", Payload=json.dumps(port).encode())
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def isolation(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/health", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)["isolation"]
    if found["level"] == "process":
        pytest.skip("this machine gives environments no network of their own")
    return found


def test_functions_of_every_account_reach_what_is_opened(
    start_server: Callable[..., Server], port: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        server = start_server("--no-neighbours", "--allow-network", f"localhost:{port}")
        found = isolation(server)
        assert found["opened"] == [f"localhost:{port}"]
        assert found["network"] == f"the sandbox and, from every function of every account, localhost:{port}"
        for account in ("111111111111", "222222222222"):
            assert reach(server, port, account) == "hello"
            assert reach(server, closed.getsockname()[1], account) == "ConnectionRefusedError"
    shown = run("health", endpoint=server.endpoint)
    assert f"localhost:{port}" in shown.stdout.replace("\n", "").replace(" ", "")


def test_the_variable_opens_the_same(start_server: Callable[..., Server], port: int) -> None:
    server = start_server("--no-neighbours", allow_network=f"db.example.com:5432, localhost:{port}")
    assert isolation(server)["opened"] == ["db.example.com:5432", f"localhost:{port}"]
    assert reach(server, port) == "hello"


def test_a_debuggers_door_is_out_of_reach_although_its_port_was_opened(
    start_server: Callable[..., Server],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start_server("--no-neighbours", "--allow-network", f"localhost:{port}")
    isolation(server)
    server.client("lambda").create_function(
        FunctionName="debugged", Runtime="nodejs22.x", Handler="app.handler", Role=ROLE,
        Code={"ZipFile": package({"app.mjs": "export const handler = async () => 1;"})},
    )  # fmt: skip
    asked = urllib.request.Request(
        f"{server.endpoint}/_sandbox/debug?function=debugged&port={port}", method="POST"
    )
    urllib.request.urlopen(asked, timeout=30).close()
    with socket.create_connection(("127.0.0.1", port), 5):
        pass  # it is there for who is outside
    assert reach(server, port) == "ConnectionResetError"
    server.process.terminate()
    _, errors = server.process.communicate(timeout=30)
    assert "it is the sandbox itself, which functions reach at AWS_ENDPOINT_URL" in errors


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--allow-network", "db.example.com"), "the port is missing"),
        (("--allow-network", "localhost:9000"), "inside an environment 127.0.0.1:9000 is the sandbox's own"),
        (("--otlp", "http://192.0.2.1:4318", "--allow-network", "192.0.2.1:4317"), "add --allow-network 192.0.2.1:4318"),
    ],
    ids=["no port", "the sandbox's port inside", "another port of the collector"],
)  # fmt: skip
def test_what_cannot_be_opened_is_said_before_anything_starts(flags: tuple[str, ...], reason: str) -> None:
    command = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_sandboxs_own_port_is_refused_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = run("serve", "--port", str(port), "--no-neighbours", "--allow-network", f"127.0.0.1:{port}")
    assert ended.returncode != 0
    assert is_one_sentence(ended.stderr)
    assert f"--allow-network 127.0.0.1:{port} is the sandbox itself" in ended.stderr
