"""What a tired hand types: each mistake is one sentence that says what to write instead, and nothing is a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_sandbox.__main__ import main
from lambda_sandbox.packaging import package
from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.server_process import ServerProcess
from tests.contract.command_line import invoked, is_one_sentence, run, said, staying

COURSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess(0, flags=("--no-neighbours",))
    yield process
    process.stop()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in: ``code/app.py`` and ``app.py``, and files that are not what they should be."""
    (tmp_path / "code").mkdir()
    for path in (tmp_path / "code" / "app.py", tmp_path / "app.py"):
        path.write_text("def handler(event, context): return 'from its file'")
    (tmp_path / "code.zip").write_bytes(package("def handler(event, context): return 'from the archive'"))
    (tmp_path / "broken.zip").write_bytes((tmp_path / "code.zip").read_bytes()[:-30])
    (tmp_path / "binary").write_bytes(b"\x7fELF\xd0\x00")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- names of functions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("timeline", "nope"), ("timeline", "nope", "--svg", "x.svg"), ("logs", "a/b")]
)
def test_a_function_that_is_not_there_is_said_with_those_that_are(
    server: ServerProcess, here: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    assert (
        main(["create-function", "greeter", "--code", "code", "--handler", "app.handler", "--replace", *at])
        == 0
    )
    capsys.readouterr()
    found = said(capsys, (*words, *at), 1)
    assert (
        f"there is no function {words[1]}, and nothing of one that is deleted; check the name: there "
        in found
    )
    assert "greeter" in found
    assert not Path("x.svg").exists()


@pytest.mark.parametrize(
    "words",
    [("invoke", "nope"), ("power-tune", "nope"), ("send-event", "sqs", "nope")],
    ids=["invoke", "power-tune", "send-event"],
)
def test_what_asks_the_api_for_a_function_that_is_not_there_names_those_that_are(
    server: ServerProcess, here: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    deployed = ("create-function", "greeter", "--code", "code", "--handler", "app.handler", "--replace", *at)
    assert main(list(deployed)) == 0
    capsys.readouterr()
    found = said(capsys, (*words, *at), 1)
    assert "ResourceNotFoundException: Function not found: " in found
    assert "; check the name: there " in found
    assert "greeter" in found


def test_a_version_that_is_not_there_is_no_wrong_name(
    server: ServerProcess, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    main(["create-function", "greeter", "--code", "code", "--handler", "app.handler", "--replace", *at])
    capsys.readouterr()
    found = said(capsys, ("invoke", "greeter", "--qualifier", "7", *at), 1)
    assert found.endswith(":function:greeter:7\n")


def test_in_an_empty_sandbox_no_function_is_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    empty = ServerProcess(0, flags=("--no-neighbours",))
    try:
        found = said(capsys, ("timeline", "nope", "--endpoint", empty.endpoint), 1)
    finally:
        empty.stop()
    assert found.endswith("; none is deployed here yet\n")


def test_a_function_that_was_not_invoked_has_a_timeline_that_says_so(
    server: ServerProcess, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    assert main(["create-function", "idle", "--code", "code", "--handler", "app.handler", *at]) == 0
    assert main(["timeline", "idle", *at]) == 0
    assert "invoke the function first" in "".join(capsys.readouterr())


def test_a_history_without_a_line_says_so(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--request-id", "nope", "--endpoint", server.endpoint]) == 0
    assert capsys.readouterr().err == "no invocation yet, or none that was asked for\n"


def test_an_explanation_fits_a_narrow_terminal(server: ServerProcess, here: Path) -> None:
    at = ("--endpoint", server.endpoint)
    assert main(["create-function", "told", "--code", "code", "--handler", "app.handler", *at]) == 0
    assert main(["invoke", "told", *at]) == 0
    lines = run("explain", *at).stdout.splitlines()
    assert lines[0].startswith("told succeeded in ")
    assert lines[1].startswith("request ")
    assert max(line.index("invoke") for line in lines if "Invoke:" in line) < 20


@pytest.mark.parametrize("command", ["explain", "history", "logs", "timeline"])
def test_an_empty_argument_is_not_taken_for_all(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is empty: name one, or leave it out" in said(capsys, (command, ""), 2)


def test_a_picture_of_one_environment_is_said_in_the_singular(
    server: ServerProcess, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--endpoint", server.endpoint)
    main(["create-function", "single", "--code", "code", "--handler", "app.handler", "--replace", *at])
    main(["invoke", "single", *at])
    capsys.readouterr()
    assert main(["timeline", "single", "--svg", "x.svg", *at]) == 0
    assert capsys.readouterr().out == "x.svg shows 1 execution environment\n"


@pytest.mark.parametrize("name", ["bad name", "bäd", "a,b"])
@pytest.mark.parametrize("command", ["invoke", "create-function"])
def test_what_can_be_no_function_s_name_is_said_in_words(
    name: str, command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--code", "code", "--handler", "app.handler") if command == "create-function" else ()
    found = said(capsys, (command, name, *more), 2)
    assert f"{name!r} is no function's name: letters, digits, - and _ can be in one" in found


# --- FILE:HANDLER ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("code/app.py", "name the handler as well: code/app.py:handler;"),
        ("code/app.py:", "name the handler as well: code/app.py:handler;"),
        ("code/app.py:handler:x", "code/app.py:handler:x is not FILE:HANDLER; write code/app.py:handler;"),
        ("code/app.py::handler", "code/app.py::handler is not FILE:HANDLER; write code/app.py:handler;"),
        ("code/app.handler", "code/app.handler is not FILE:HANDLER; write code/app.py:handler;"),
        ("app.other", "app.other is not FILE:HANDLER; write app.py:other;"),
        ("code/app:handler", "code/app:handler is not FILE:HANDLER; write code/app.py:handler;"),
        ("code/app.py.handler", "code/app.py.handler is not FILE:HANDLER; write code/app.py:handler;"),
        ("gone.handler", "there is no file gone.handler; name a file and the handler in it, such as app.py:handler;"),
        (":handler", "name the file as well, such as app.py:handler;"),
        ("code.zip:app.handler", "create-function NAME --code code.zip --handler app.handler;"),
    ],
)  # fmt: skip
def test_a_handler_in_another_form_says_how_it_is_written(
    target: str, sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in said(capsys, ("invoke", target), 2)


def test_a_file_without_its_suffix_is_looked_for_when_no_function_has_the_name(
    server: ServerProcess, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, ("invoke", "app:handler", "--endpoint", server.endpoint), 1)
    assert "ResourceNotFoundException" in found
    assert found.endswith("; the file is invoked by app.py:handler\n")


@pytest.mark.parametrize("handler", ["app.py", "app.py:handler"])
def test_a_file_where_the_api_has_a_module_says_how_it_is_written(
    handler: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, ("create-function", "f", "--code", "code", "--handler", handler), 2)
    assert f"--handler is module.function, as in the API: app.handler, not {handler};" in found


# --- events and contexts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-e", "code"), "cannot read the event from code: Is a directory;"),
        (("-e", "binary"), "the event in binary is not JSON: it is no text;"),
        (("-e", ""), "the event '' is neither a file that exists nor JSON;"),
        (("-e", '{"n" 1}'), "nor JSON (Expecting ':' delimiter: line 1 column 6 (char 5));"),
        (("-e", "x" * 5000), f"the event '{'x' * 80}…' is neither"),
        (("--context", "binary"), "the client context in binary is not JSON: it is no text;"),
        (("--context", "code"), "cannot read the client context from code: Is a directory;"),
        (("--context", "-"), "--context takes a JSON object, or the file that holds one;"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_an_event_that_cannot_be_read_is_one_sentence(
    words: tuple[str, ...], sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in said(capsys, ("invoke", "app.py:handler", *words), 2)


@pytest.mark.parametrize(
    "words",
    [
        ("invoke", "{}.py:handler"),
        ("create-function", "f", "--code", "{}.zip", "--handler", "app.handler"),
        ("create-function", "f", "--code", "code", "--handler", "{}.py"),
    ],
    ids=["a file", "an archive", "a handler"],
)
def test_a_name_that_no_file_system_takes_is_one_sentence(
    words: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, tuple(word.format("x" * 300) for word in words), 1)
    assert found.endswith(": File name too long\n")


# --- archives ----------------------------------------------------------------------------------------------------


def test_an_archive_is_deployed_as_it_is(server: ServerProcess, here: Path) -> None:
    words = ("create-function", "archived", "--code", "code.zip", "--handler", "app.handler")
    done = run(*words, endpoint=server.endpoint)
    assert done.stdout == f"created archived from {here.resolve() / 'code.zip'}\n", done.stderr
    assert invoked(server, "archived") == "from the archive"


def test_an_archive_that_is_built_again_is_live(server: ServerProcess, here: Path) -> None:
    words = ("create-function", "built", "--code", "code.zip", "--handler", "app.handler", "--watch")
    with staying(*words, endpoint=server.endpoint) as talk:
        talk.until("watching")
        (here / "code.zip").unlink()
        talk.until("is gone; build it again")
        (here / "code.zip").write_bytes(package("def handler(event, context): return 'built again'"))
        talk.until("live after")
        assert invoked(server, "built") == "built again"


def test_a_java_archive_is_given_to_java(server: ServerProcess, here: Path) -> None:
    (here / "greeter.jar").write_bytes(package({"Greeter.class": b"x"}))
    words = ("create-function", "jar", "--code", "greeter.jar", "--handler", "Greeter::greet")
    assert run(*words, endpoint=server.endpoint).returncode == 0
    _, _, answer = ServerClient(server.endpoint).request("GET", "/2015-03-31/functions/jar/configuration")
    assert json.loads(answer)["Runtime"].startswith("java")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("broken.zip", "broken.zip is no zip archive, or only a part of one; make it again"),
        ("gone.zip", "there is no archive gone.zip; build it first"),
        ("code/app.py", "code/app.py is not a folder; name the folder that holds the function's code, such as code"),
    ],
)  # fmt: skip
def test_code_that_cannot_be_deployed_is_one_sentence(
    server: ServerProcess, here: Path, code: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "create-function",
        "f",
        "--code",
        code,
        "--handler",
        "app.handler",
        "--endpoint",
        server.endpoint,
    )
    assert said(capsys, words, 1).endswith(f"{sentence}\n")


def test_code_for_which_there_is_no_room_is_one_sentence_and_no_defect(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = 'ulimit -f 4096; exec "$0" -m lambda_sandbox serve --no-neighbours --port 0 --state state'
    server = subprocess.Popen(
        ["/bin/sh", "-c", command, sys.executable], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(COURSE)},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        endpoint = server.stdout.readline().split()[1]
        for number in range(6):  # each fits, and the zip of all does not
            (here / "code" / f"{number}.bin").write_bytes(os.urandom(2**20))
        words = ("create-function", "f", "--code", "code", "--handler", "app.handler", "--endpoint", endpoint)
        found = said(capsys, words, 1)
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=30)
    assert found.startswith("lambda_sandbox: ServiceException: The package could not be stored (")
    assert found.endswith("): make room on the disk.\n")
    assert "Traceback" not in errors


# --- watching ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_deleted_under_watch_is_said_and_waited_for(here: Path) -> None:
    app = here / "code" / "app.py"
    (here / "code" / "beside.py").write_text("")
    with staying("invoke", f"{app}:handler", "--watch") as talk:
        talk.until("watching")
        app.unlink()
        talk.until(f"{app.resolve()} is gone; put it back, or end this with Ctrl-C")
        app.write_text("def handler(event, context): return 'from its file'")
        talk.until("the code is what it was before")
        app.write_text("def handler(event, context): return 'changed'")
        talk.until('"changed"')
        assert talk.interrupt() == 0


def test_a_function_that_is_gone_under_watch_is_said(here: Path) -> None:
    own = ServerProcess(0, flags=("--no-neighbours",))
    words = ("create-function", "kept", "--code", "code", "--handler", "app.handler", "--watch")
    try:
        with staying(*words, endpoint=own.endpoint) as talk:
            talk.until("watching")
            ServerClient(own.endpoint).post("/_sandbox/reset")
            (here / "code" / "app.py").write_text("def handler(event, context): return 2")
            talk.until(
                "there is no function kept any more, as after a reset; end the watch and create it again"
            )
            assert talk.interrupt() == 0
    finally:
        own.stop()


# --- numbers, choices, addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("history", "--limit", "abc"), "'abc' is not a whole number;"),
        (("serve", "--port", "abc"), "'abc' is not a whole number;"),
        (("simulate", "--errors", "abc"), "'abc' is not a"),
        (("faults", "add"), "Missing argument 'KIND'. Choose from: throttle, init-crash,"),
        (("faults", "add", "nope"), "Invalid value for 'KIND': 'nope' is not one of"),
        (("serve", "--host", ""), "an empty --host is not loopback;"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_has_no_line_ends_and_no_types_of_click(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, words, 2)
    assert sentence in found
    assert "range;" not in found


def test_nobody_listens_on_port_0(capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, ("health", "--endpoint", "http://127.0.0.1:0"), 1)
    assert "'http://127.0.0.1:0' is not an address; write it as http://127.0.0.1:9000" in found


# --- standard streams ------------------------------------------------------------------------------------------------


def shell(redirected: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does; ``$S`` is ``python -m lambda_sandbox``."""
    command = f'S="{sys.executable} -m lambda_sandbox"; {redirected}'
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=COURSE, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("words", ["parity", "events sqs", "--help"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_standard_output_is_one_sentence(words: str) -> None:
    done = shell(f"$S {words} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "lambda_sandbox: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", ["parity", "events sqs", "--help"])
def test_a_closed_standard_output_is_no_error(words: str) -> None:
    done = shell(f"$S {words} >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["parity", "parity --format json", "events sqs"])
def test_a_reader_that_has_seen_enough_is_no_traceback(words: str) -> None:
    done = shell(f"$S {words} | head -n 1")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_an_event_from_a_closed_standard_input_is_one_sentence() -> None:
    done = shell("$S invoke f -e - <&-")
    assert done.returncode == 2
    assert is_one_sentence(done.stderr), done.stderr
    assert "the event in standard input is empty" in done.stderr


@pytest.mark.parametrize("redirected", ["</dev/null", "<&-"], ids=["a device", "closed"])
def test_a_standard_input_that_cannot_end_is_refused_before_anything_starts(redirected: str) -> None:
    done = shell(f"$S serve --port 0 --stop-with-stdin {redirected}")
    assert done.returncode == 2
    assert is_one_sentence(done.stderr), done.stderr
    assert "--stop-with-stdin needs a standard input that can end, such as a pipe" in done.stderr
