"""The fixtures in somebody else's test suite, run by pytest itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.command_line import plugin_is_installed

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    source = tmp_path / "src" / "greeter"
    source.mkdir(parents=True)
    (source / "app.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    print('greeting')\n"
        "    if event is None:\n"
        "        raise ValueError('whom?')\n"
        "    return f\"{os.environ.get('WORD', 'Hello')}, {event['name']}\"\n"
    )
    return tmp_path


def run_suite(folder: Path, text: str) -> str:
    (folder / "test_user.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    if not plugin_is_installed():
        command += ["-p", "lambda_sandbox.pytest_plugin"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    return done.stdout + done.stderr


def test_a_folder_is_deployed_and_invoked_in_a_line(suite: Path) -> None:
    output = run_suite(
        suite,
        """
import pytest

@pytest.mark.parametrize("source", ["src/greeter", "src/greeter/app.py"])
def test_greets(lambda_sandbox, source):
    function = lambda_sandbox.deploy(source, Environment={"Variables": {"WORD": "Hi"}})
    answer = function.invoke({"name": "Ada"})
    assert (answer.value, answer.error) == ("Hi, Ada", "")
    assert "greeting" in answer.log

def test_an_error_is_there_to_be_looked_at(lambda_sandbox):
    answer = lambda_sandbox.deploy("src/greeter").invoke()
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "ValueError"

def test_text_and_dictionaries(lambda_sandbox):
    assert lambda_sandbox.deploy("def handler(event, context):\\n    return 1").invoke().value == 1
    other = lambda_sandbox.deploy({"main.py": "def run(event, context): return 2"}, FunctionName="b", Handler="main.run")
    assert other.name == "b" and other.arn.endswith(":function:b")
    assert other.invoke().value == 2
""",
    )
    assert "4 passed" in output, output


def test_time_moves_by_hand_in_process(suite: Path) -> None:
    output = run_suite(
        suite,
        """
CALLS = []

def test_a_failed_event_is_tried_again_after_a_minute(lambda_sandbox_in_process):
    sandbox = lambda_sandbox_in_process
    function = sandbox.deploy("def handler(event, context):\\n    print('tried')\\n    raise ValueError('again')")
    function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=b"{}")
    sandbox.run_until_idle()
    assert tries(sandbox) == 1
    sandbox.advance(600)
    assert tries(sandbox) == 3

def tries(sandbox):
    return list(sandbox.logs()).count("tried")

def test_the_next_one_starts_empty(lambda_sandbox_in_process):
    assert lambda_sandbox_in_process.client("lambda").list_functions()["Functions"] == []
""",
    )
    assert "2 passed" in output, output


def test_both_fixtures_at_once_are_one_sentence(suite: Path) -> None:
    output = run_suite(suite, "def test_it(lambda_sandbox, lambda_sandbox_in_process): pass\n")
    assert "a test has one sandbox: lambda_sandbox or lambda_sandbox_in_process" in output
