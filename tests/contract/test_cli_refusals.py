"""What the command line cannot do is one sentence that says what to do next: never a traceback, never silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lambda_sandbox.__main__ import main
from lambda_sandbox.server_process import ServerProcess
from tests.contract.command_line import is_one_sentence, run, said
from tests.contract.command_line import server as server


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text("import os\ndef handler(event, context): return os.environ.get('KIND')")
    return folder


class Stranger(BaseHTTPRequestHandler):
    """Another program that has the port."""

    status = 404

    def _answer(self) -> None:
        body = b"<html>Error response</html>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *arguments: object) -> None:
        """Nothing: standard error is what the tests look at."""


class Welcoming(Stranger):
    status = 200


@pytest.fixture(params=[Stranger, Welcoming], ids=["that refuses", "that takes everything"])
def stranger(request: pytest.FixtureRequest) -> Iterator[str]:
    program = HTTPServer(("127.0.0.1", 0), request.param)
    thread = threading.Thread(target=program.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{program.server_port}"
    program.shutdown()
    thread.join()
    program.server_close()


# --- starting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (("--state", "/dev/null/state"), {}, "cannot be kept in /dev/null/state"),
        ((), {"STATE": "/dev/null"}, "cannot be kept in /dev/null"),
        (("--state", "taken"), {}, "lambda.sqlite3 cannot be read"),
        (("--state", ""), {}, "--state is empty"),
        (("--listen-fd", "77"), {}, "77 is no socket"),
        (("--clock", "foo"), {}, "lambda_sandbox: clock is real or scaled:FACTOR, not foo"),
        ((), {"PORT": "99999"}, "LAMBDA_SANDBOX_PORT is 99999"),
        ((), {"ACCOUNT_ID": ""}, "LAMBDA_SANDBOX_ACCOUNT_ID is empty"),
        (
            (),
            {"ISOLATION": "foo"},
            "LAMBDA_SANDBOX_ISOLATION is foo, and it must be one of auto, bwrap, none",
        ),
        (
            (),
            {"RUNTIME_CLIENT": "foo"},
            "LAMBDA_SANDBOX_RUNTIME_CLIENT is foo, and it must be one of lean, native",
        ),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    arguments: tuple[str, ...], variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "taken" / "lambda.sqlite3").mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {f"LAMBDA_SANDBOX_{name}": text for name, text in variables.items()}
    port = () if "PORT" in variables else ("--port", "0")
    done = subprocess.run(
        [sys.executable, "-m", "lambda_sandbox", "serve", "--no-neighbours", *port, *arguments],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert is_one_sentence(done.stderr), done.stderr
    assert sentence in done.stderr


def test_a_wrong_variable_is_one_sentence_for_a_command_that_serves_nothing(
    server: ServerProcess, code: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_SANDBOX_ACCOUNT_ID", "abc")
    words = ("create-function", "f", "--code", str(code), "--handler", "app.handler")
    assert "LAMBDA_SANDBOX_ACCOUNT_ID is abc" in said(capsys, (*words, "--endpoint", server.endpoint), 1)


# --- the words of the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["faults"]], ids=["nothing", "a group"])
def test_a_group_without_a_command_prints_its_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith(" ".join(["Usage: lambda-sandbox", *arguments, "[OPTIONS] COMMAND"]))
    assert err == ""


def test_what_to_type_next_is_what_can_be_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(capsys, ("invoke",), 2).endswith("'FUNCTION'; see lambda-sandbox invoke --help\n")
    assert run("invoke").stderr.endswith("'FUNCTION'; see python -m lambda_sandbox invoke --help\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("invoke", ".:handler"), ". is a folder: name the file in it, such as app.py:handler"),
        (("invoke", "./code:handler"), "./code is a folder: name the file in it, such as code/app.py:handler"),
        (("invoke", ""), "the function's name is empty"),
        (("invoke", "code/app.py:handler", "-e", "empty.json"), "the event in empty.json is empty: write {}"),
        (("invoke", "code/app.py:handler", "--env", "A1=x", "--env", "A1=2"), "--env A1 is given 2 times"),
        (("create-function", "", "--code", "code", "--handler", "app.handler"), "the function's name is empty"),
        (("power-tune", "f", "-p", "{not json"), "the event in --payload is not JSON"),
        (("simulate", "--duration", "inf"), "inf is not a finite number"),
        (("simulate", "--duration", "nan"), "nan is not a finite number"),
        (("simulate", "--keep-alive", "nan"), "nan is not a finite number"),
        (("simulate", "--errors", "nan"), "nan is not a finite number"),
        (("simulate", "--cpu-bound", "nan"), "nan is not a finite number"),
        (("simulate", "--duration", "-1"), "-1.0 is not in the range x>0"),
        (("faults", "add", "freeze", "--ms", "nan"), "nan is not a finite number"),
        (("faults", "add", "freeze", "--probability", "nan"), "nan is not a finite number"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    code: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(code.parent)
    Path("empty.json").touch()
    assert sentence in said(capsys, arguments, 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("arrived_at_s\n" + "1" * 200_000, "field larger than"), ("arrived_at_s\nnan\n", "no moment")],
    ids=["a line without end", "a moment that is none"],
)
def test_a_traffic_file_that_is_none_is_one_sentence(
    content: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "traffic.csv").write_text(content)
    found = said(capsys, ("simulate", "--traffic", f"csv:{tmp_path}/traffic.csv"), 2)
    assert sentence in found


# --- the server that answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("invoke", "f"), ("health",), ("logs",), ("logs", "f"), ("reset",), ("history",), ("faults", "list"),
        ("create-function", "f", "--code", "code", "--handler", "app.handler"), ("power-tune", "f"), ("debug", "f"),
        ("send-event", "sqs", "f"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)  # fmt: skip
def test_another_program_on_the_port_is_named_as_such(
    stranger: str,
    arguments: tuple[str, ...],
    code: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(code.parent)
    found = said(capsys, (*arguments, "--endpoint", stranger), 1)
    assert found.endswith("answers, but it is not a Lambda sandbox; choose another port\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("logs", "nope"), 1, "there is no function nope"),
        (("history", "nope"), 1, "there is no function nope"),
        (("history", "--function", "nope"), 1, "there is no function nope"),
        (("power-tune", "nope"), 1, "ResourceNotFoundException: Function not found: "),
        (("timeline", "--svg", "/nope/x.svg"), 2, "cannot write /nope/x.svg: No such file or directory"),
    ],
)
def test_what_the_sandbox_does_not_have_is_one_sentence(
    server: ServerProcess,
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = said(capsys, (*arguments, "--endpoint", server.endpoint), code)
    assert sentence in found
    assert "{" not in found


def test_a_function_that_was_not_invoked_yet_has_an_empty_log_and_history(
    server: ServerProcess, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    assert main(["create-function", "idle", "--code", str(code), "--handler", "app.handler", *at]) == 0
    assert main(["logs", "idle", *at]) == main(["history", "idle", *at]) == 0
    assert "no log yet" in capsys.readouterr().err


def test_replace_leaves_what_is_not_named(
    server: ServerProcess, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def create(*options: str) -> None:
        words = ["create-function", "kept", "--code", str(code), "--handler", "app.handler", *options]
        assert main([*words, "--endpoint", server.endpoint]) == 0

    def settings() -> tuple[str, int, int, dict[str, dict[str, str]]]:
        request = ("GET", "/2015-03-31/functions/kept/configuration")
        from lambda_sandbox.server_client import ServerClient

        found = json.loads(ServerClient(server.endpoint).request(*request)[2])
        return found["Runtime"], found["Timeout"], found["MemorySize"], found["Environment"]

    create("--runtime", "python3.12", "--timeout", "7", "--memory", "256", "--env", "KIND=ripe")
    create("--replace", "--timeout", "8")
    assert settings() == ("python3.12", 8, 256, {"Variables": {"KIND": "ripe"}})
    assert main(["create-function", "--help"]) == 0
    assert "its other settings stay" in " ".join(capsys.readouterr().out.split())


# --- folders ----------------------------------------------------------------------------------------------


def test_a_handler_file_that_is_a_link_has_the_name_and_the_folder_that_were_typed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import beside\ndef handler(event, context): return beside.VALUE")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "link.py").symlink_to("../app.py")
    (folder / "beside.py").write_text("VALUE = 3")
    done = run("invoke", f"{folder}/link.py:handler")
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
