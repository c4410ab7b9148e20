"""The commands for whoever writes a function, as a user types them: from a file, from a folder, and kept up with it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lambda_sandbox.server_process import ServerProcess
from tests.contract.command_line import invoked, is_one_sentence, run, staying
from tests.contract.command_line import server as server

HANDLER = """
import os

def handler(event, context):
    print("asked with", event)
    if event.get("fail"):
        raise ValueError("no such fruit")
    custom = context.client_context.custom if context.client_context else None
    return {"got": event, "kind": os.environ.get("KIND"), "mb": context.memory_limit_in_mb, "custom": custom}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(HANDLER)
    return code


# --- invoke FILE:HANDLER ---------------------------------------------------------------------------------


def test_a_handler_runs_from_its_file_without_a_server(folder: Path) -> None:
    done = run(
        "invoke", f"{folder}/app.py:handler", "--event", '{"a": 1}', "--env", "KIND=ripe=yes",
        "--memory", "256", "--timeout", "5", "--context", '{"custom": {"x": "1"}}',
        endpoint="http://127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = {"got": {"a": 1}, "kind": "ripe=yes", "mb": "256", "custom": {"x": "1"}}
    assert json.loads(done.stdout) == expected
    assert "asked with {'a': 1}" in done.stderr
    assert "REPORT RequestId: " in done.stderr
    assert "Memory Size: 256 MB" in done.stderr


def test_an_error_is_printed_as_aws_shows_it_and_the_exit_code_is_1(folder: Path) -> None:
    (folder / "event.json").write_text('{"fail": true}')
    done = run("invoke", f"{folder}/app.py:handler", "--event", str(folder / "event.json"))
    assert done.returncode == 1
    payload = json.loads(done.stdout)
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no such fruit")
    assert '  File "/var/task/app.py"' in payload["stackTrace"][0]
    assert "the function failed (Unhandled)" in done.stderr


def test_the_timeout_is_the_sandbox_s_own(folder: Path) -> None:
    (folder / "slow.py").write_text("import threading\ndef handler(event, context): threading.Event().wait()")
    done = run("invoke", f"{folder}/slow.py:handler", "--timeout", "1")
    assert done.returncode == 1
    assert "Task timed out after 1.00 seconds" in json.loads(done.stdout)["errorMessage"]


def test_an_event_comes_from_standard_input(folder: Path) -> None:
    done = run("invoke", f"{folder}/app.py:handler", "-e", "-", stdin='{"from": "stdin"}')
    assert json.loads(done.stdout)["got"] == {"from": "stdin"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("app.py",), "name the handler as well: app.py:handler"),
        (("gone.py:handler",), "there is no file gone.py"),
        (("notes.txt:handler",), "say which --runtime runs it"),
        (("my.app.py:handler",), "no dot but the last"),
        (("app.py:handler", "-e", "gone.json"), "'gone.json' is neither a file that exists nor JSON"),
        (("app.py:handler", "-e", "notes.txt"), "the event in notes.txt is not JSON"),
        (("app.py:handler", "-e", "{}", "-p", "{}"), "give one of them"),
        (("app.py:handler", "--env", "KIND"), "--env takes KEY=VALUE"),
        (("app.py:handler", "--context", "[]"), "--context takes a JSON object"),
        (("app.py:handler", "--qualifier", "live"), "--qualifier goes with a function that is deployed"),
        (("quote", "--memory", "256"), "--memory goes with FILE:HANDLER"),
        (("app.py:handler", "--memory", "64"), "64 is not in the range"),
    ],
    ids=[
        "no handler", "no such file", "unknown language", "dot in the name", "no such event", "event is no JSON",
        "event twice", "variable without a value", "context is no object", "qualifier of a file",
        "memory of a deployed function", "too little memory",
    ],
)  # fmt: skip
def test_a_wrong_invoke_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder / "notes.txt").write_text("buy kiwis")
    (folder / "my.app.py").write_text(HANDLER)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    done = run("invoke", *arguments)
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)
    assert sentence in done.stderr


def test_watching_invokes_again_at_every_change_and_ends_cleanly(folder: Path) -> None:
    app = folder / "app.py"
    app.write_text("def handler(event, context): return 'first'")
    with staying("invoke", f"{app}:handler", "--watch") as talk:
        talk.until('"first"')
        talk.until("watching")
        app.write_text("def handler(event, context): return 'second'")
        talk.until('"second"')
        app.write_text("def handler(event, context) return")
        talk.until("Runtime.UserCodeSyntaxError")
        app.write_text("def handler(event, context): return 'fourth'")
        talk.until('"fourth"')
        assert talk.interrupt() == 0


# --- create-function --watch -----------------------------------------------------------------------------


def test_a_function_is_created_from_a_folder(server: ServerProcess, folder: Path) -> None:
    words = (
        "create-function",
        "plain",
        "--code",
        str(folder),
        "--handler",
        "app.handler",
        "--env",
        "KIND=ripe",
    )
    done = run(*words, "--memory", "256", endpoint=server.endpoint)
    assert done.returncode == 0, done.stderr
    assert invoked(server, "plain") == {"got": {}, "kind": "ripe", "mb": "256", "custom": None}

    again = run(*words, endpoint=server.endpoint)
    assert again.returncode == 1
    assert is_one_sentence(again.stderr)
    assert "add --replace" in again.stderr
    (folder / "app.py").write_text("def handler(event, context): return 'new'")
    assert run(*words, "--replace", endpoint=server.endpoint).returncode == 0
    assert invoked(server, "plain") == "new"


def test_a_saved_change_is_live_within_a_second(server: ServerProcess, folder: Path) -> None:
    app = folder / "app.py"
    app.write_text("def handler(event, context): return 1")
    words = ("create-function", "hot", "--code", str(folder), "--handler", "app.handler", "--watch")
    with staying(*words, endpoint=server.endpoint) as talk:
        talk.until("watching")
        assert invoked(server, "hot") == 1  # an environment of the old code is warm now
        began = time.perf_counter()
        app.write_text("def handler(event, context): return 2")
        talk.until("live after")
        assert time.perf_counter() - began < 1.0
        assert invoked(server, "hot") == 2

        app.write_text("def handler(event, context) return 3")
        talk.until("live after")
        assert invoked(server, "hot")["errorType"] == "Runtime.UserCodeSyntaxError"
        assert talk.interrupt() == 0


def test_a_folder_that_is_emptied_is_said_and_watched_on(server: ServerProcess, folder: Path) -> None:
    words = ("create-function", "gone", "--code", str(folder), "--handler", "app.handler", "--watch")
    with staying(*words, endpoint=server.endpoint) as talk:
        talk.until("watching")
        (folder / "app.py").unlink()
        talk.until("there is no file to deploy")
        (folder / "app.py").write_text("def handler(event, context): return 'back'")
        talk.until("live after")
        assert invoked(server, "gone") == "back"


def test_a_wrong_folder_is_one_sentence(server: ServerProcess, tmp_path: Path) -> None:
    words = ("create-function", "f", "--handler", "app.handler")
    done = run(*words, "--code", str(tmp_path / "nowhere"), endpoint=server.endpoint)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert "is not a folder" in done.stderr
