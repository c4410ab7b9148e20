"""The command line against a real server, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from lambda_sandbox.notebook import connect, disconnect
from lambda_sandbox.packaging import package
from lambda_sandbox.server_process import ServerProcess
from tests.contract.command_line import is_one_sentence, plugin_is_installed, run

HANDLER = """
def handler(event, context):
    print("asked with", event)
    if event.get("fail"):
        raise ValueError("\\x1b[31mno such fruit")
    return {"price": 3}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess(port=0)
    connect(process.endpoint, quiet=True)
    boto3.client("lambda").create_function(
        FunctionName="quote",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/lab",
        Handler="app.handler",
        Code={"ZipFile": package(HANDLER)},
    )
    disconnect()
    yield process
    process.stop()


def test_invoke_prints_what_the_function_returns(server: ServerProcess) -> None:
    done = run("invoke", "quote", "-p", '{"fruit": "kiwi"}', endpoint=server.endpoint)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"price": 3}\n', "")


def test_invoke_takes_its_payload_from_a_file_or_standard_input(
    server: ServerProcess, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text('{"fail": true}')
    from_file = run("invoke", "quote", "-p", f"@{tmp_path}/event.json", endpoint=server.endpoint)
    from_stdin = run("invoke", "quote", "-p", "@-", endpoint=server.endpoint, stdin='{"fail": true}')
    assert from_file.returncode == from_stdin.returncode == 1
    assert (
        json.loads(from_file.stdout)["errorType"]
        == json.loads(from_stdin.stdout)["errorType"]
        == "ValueError"
    )
    assert "the function failed (Unhandled); see: logs quote" in from_file.stderr


def test_invoke_shows_the_end_of_the_log_when_asked(server: ServerProcess) -> None:
    done = run("invoke", "quote", "--logs", endpoint=server.endpoint)
    assert "asked with {}" in done.stderr
    assert "REPORT RequestId:" in done.stderr


def test_an_event_is_accepted(server: ServerProcess) -> None:
    assert run("invoke", "quote", "--type", "Event", endpoint=server.endpoint).stdout == "accepted (202)\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("missing",), "ResourceNotFoundException: Function not found"),
        (
            ("quote", "-p", "{not json"),
            "InvalidRequestContentException: Could not parse request body into json",
        ),
    ],
    ids=["unknown function", "payload is no JSON"],
)
def test_an_error_of_the_api_is_one_sentence(
    server: ServerProcess, arguments: tuple[str, ...], code: str
) -> None:
    done = run("invoke", *arguments, endpoint=server.endpoint)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert code in done.stderr


def test_logs_never_let_a_function_drive_the_terminal(server: ServerProcess) -> None:
    run("invoke", "quote", "-p", '{"fail": true}', endpoint=server.endpoint)
    done = run("logs", "quote", endpoint=server.endpoint)
    assert "no such fruit" in done.stdout
    assert "\x1b" not in done.stdout


def test_bill_history_and_health_as_tables_and_as_json(server: ServerProcess) -> None:
    run("invoke", "quote", endpoint=server.endpoint)
    assert "checked on" in run("bill", endpoint=server.endpoint).stdout
    assert json.loads(run("bill", "--json", endpoint=server.endpoint).stdout)["requests"] > 0
    assert "quote" in run("history", "quote", endpoint=server.endpoint).stdout
    none = run("history", "quote", "--status", "throttle", "--json", endpoint=server.endpoint).stdout
    assert json.loads(none)["invocations"] == []
    assert server.endpoint in run("health", endpoint=server.endpoint).stdout
    assert json.loads(run("health", "--json", endpoint=server.endpoint).stdout)["status"] == "ok"


def test_parity_needs_no_server_and_names_every_operation() -> None:
    answer = json.loads(run("parity", "--format", "json").stdout)
    rows = {row["name"]: row for row in answer["operations"]}
    assert len(rows) == len(boto3.client("lambda", "us-east-1").meta.service_model.operation_names)
    assert answer["totals"]["operations"]["all"] == len(rows)
    assert answer["totals"]["operations"]["unknown"] == 0
    payload = next(each for each in rows["Invoke"]["members"] if each["member"] == "Payload")
    assert payload["status"] == "works"
    assert "## CreateFunction" in run("parity", "--format", "markdown").stdout
    table = run("parity").stdout
    assert [name for name in rows if name not in table] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("invoke",), "Missing argument 'FUNCTION'"),
        (("explode",), "No such command 'explode'"),
        (("serve", "--port", "99999"), "99999"),
        (("serve", "--host", "0.0.0.0"), "0.0.0.0 is not loopback"),
        (("parity", "--format", "yaml"), "'yaml' is not one of"),
        (("invoke", "quote", "-p", "@/no/such/file"), "cannot read the payload from /no/such/file"),
    ],
    ids=[
        "no function",
        "unknown command",
        "port too large",
        "not loopback",
        "unknown format",
        "no such file",
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "command", [("health",), ("bill",), ("logs",), ("history",), ("reset",), ("invoke", "f")]
)
def test_without_a_server_one_sentence_says_how_to_start_one(command: tuple[str, ...]) -> None:
    done = run(*command, endpoint="http://127.0.0.1:9")
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert "start one with: python -m lambda_sandbox serve --port 9" in done.stderr


def test_a_port_in_use_is_one_sentence_with_the_way_out(server: ServerProcess) -> None:
    done = run("serve", "--port", server.endpoint.rpartition(":")[2])
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert "--port 0" in done.stderr


def test_reset_empties_the_sandbox() -> None:
    process = ServerProcess(port=0)
    try:
        connect(process.endpoint, quiet=True)
        boto3.client("sqs").create_queue(QueueName="orders")
        assert run("reset", endpoint=process.endpoint).stdout == "the sandbox is empty\n"
        assert "QueueUrls" not in boto3.client("sqs").list_queues()
    finally:
        disconnect()
        process.stop()


def test_the_fixture_gives_every_test_an_empty_sandbox_and_does_nothing_unasked(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_user.py").write_text(
        "import pytest\n"
        "from lambda_sandbox import package\n"
        "@pytest.mark.parametrize('number', [1, 2])\n"
        "def test_it(lambda_sandbox, number):\n"
        "    client = lambda_sandbox.client('lambda')\n"
        "    assert client.list_functions()['Functions'] == []\n"
        "    client.create_function(FunctionName='f', Runtime='python3.12', Handler='app.handler',\n"
        "        Role='arn:aws:iam::000000000000:role/r',\n"
        "        Code={'ZipFile': package('def handler(event, context): return 5')})\n"
        "    assert client.invoke(FunctionName='f')['Payload'].read() == b'5'\n"
        "def test_without():\n"
        "    import os\n"
        "    assert 'AWS_ENDPOINT_URL' not in os.environ\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    if not plugin_is_installed():
        command += ["-p", "lambda_sandbox.pytest_plugin"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert "3 passed" in done.stdout, done.stdout
