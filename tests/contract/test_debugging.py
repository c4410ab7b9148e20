"""A debugger attaches to a function from outside: a breakpoint stops it, its variables are read, nothing times out."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.contract.command_line import is_one_sentence, run, staying
from tests.contract.conftest import Server
from tests.contract.debug_clients import DebugAdapter

HANDLER = """\
import os

LOADED = "at init"

def handler(event, context):
    basket = ["kiwi"] * event["count"]
    return {"basket": basket, "mb": context.memory_limit_in_mb, "tmp": os.listdir("/opt")}
"""
LINE = 7
SHELL: dict[str, str | bytes] = {"bootstrap": "#!/bin/sh\n"}
NODE: dict[str, str | bytes] = {"app.mjs": "export const handler = async (event) => event.count + 1;"}


@pytest.fixture(scope="module", params=["auto", "none"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    process = Server("--no-neighbours", "--isolation", request.param)
    yield process
    process.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(HANDLER)
    return tmp_path


class Later:
    """An invoke on its way, in a thread of its own."""

    def __init__(self, invoke: Callable[[], Any]) -> None:
        self._answer: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._answer.append(invoke()), daemon=True)
        self._thread.start()

    @property
    def answered(self) -> bool:
        return bool(self._answer)

    def answer(self) -> Any:
        self._thread.join(30)
        return self._answer[0]


def begin(server: Server, name: str, **query: str) -> dict[str, Any]:
    words = "&".join(f"{key}={value}" for key, value in {"function": name, "port": "0", **query}.items())
    request = urllib.request.Request(f"{server.endpoint}/_sandbox/debug?{words}", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answered: dict[str, Any] = json.load(answer)
    return answered


def end(server: Server, name: str) -> bool:
    request = urllib.request.Request(f"{server.endpoint}/_sandbox/debug?function={name}", method="DELETE")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bool(json.load(answer)["debugged"])


def invoke(server: Server, name: str, event: Any) -> Any:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def test_a_breakpoint_stops_the_function_and_shows_its_variables(server: Server, folder: Path) -> None:
    server.deploy("debugged", HANDLER, Timeout=1)
    invoke(
        server, "debugged", {"count": 1}
    )  # this environment runs without a debugger, and must not be used again
    attached = begin(server, "debugged")
    later = Later(lambda: invoke(server, "debugged", {"count": 2}))

    with DebugAdapter(attached["port"]) as editor:
        editor.attach(str(folder), attached["task"])
        source = {"path": str(folder / "app.py")}
        answer = editor.ask("setBreakpoints", source=source, breakpoints=[{"line": LINE}])
        assert len(answer["breakpoints"]) == 1
        editor.ask("configurationDone")
        thread = editor.event("stopped")["threadId"]
        time.sleep(1.5)  # the function's timeout is 1 s of real time: nothing else can show that it is off
        assert not later.answered
        frame = editor.ask("stackTrace", threadId=thread)["stackFrames"][0]
        assert (frame["line"], frame["source"]["path"]) == (LINE, str(folder / "app.py"))
        assert (
            editor.ask("evaluate", expression="basket", frameId=frame["id"])["result"] == "['kiwi', 'kiwi']"
        )
        editor.ask("continue", threadId=thread)
        answer = later.answer()
        assert (answer["basket"], answer["mb"]) == (["kiwi", "kiwi"], "128")

        # The environment is warm, not frozen, and has its debugger still: a breakpoint is taken away between two events.
        editor.ask("setBreakpoints", source=source, breakpoints=[])
        assert invoke(server, "debugged", {"count": 1})["basket"] == ["kiwi"]
    assert end(server, "debugged")
    assert invoke(server, "debugged", {"count": 3})["basket"] == ["kiwi"] * 3


def test_a_debugger_that_comes_first_waits_for_the_function(server: Server, folder: Path) -> None:
    server.deploy("early", HANDLER)
    attached = begin(server, "early")
    with DebugAdapter(attached["port"]) as editor:
        later = Later(lambda: invoke(server, "early", {"count": 1}))
        editor.attach(str(folder), attached["task"])
        editor.send("configurationDone")
        assert later.answer()["basket"] == ["kiwi"]


def test_no_process_of_a_debugged_environment_outlives_it(server: Server, folder: Path) -> None:
    others = adapters(server)
    server.deploy("ended", HANDLER)
    attached = begin(server, "ended")
    with DebugAdapter(attached["port"]) as editor:
        later = Later(lambda: invoke(server, "ended", {"count": 1}))
        editor.attach(str(folder), attached["task"])
        editor.send("configurationDone")
        later.answer()
    assert adapters(server) - others
    end(server, "ended")
    deadline = time.monotonic() + 10
    while adapters(server) - others and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not adapters(server) - others


def adapters(server: Server) -> set[int]:
    """The processes of debugpy that lie under this server's layer."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"lambda-sandbox-debug" in words and descends(int(path.parent.name), server.process.pid):
            found.add(int(path.parent.name))
    return found


def descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node_waits_for_its_inspector(server: Server) -> None:
    server.deploy("inspected", NODE, Runtime="nodejs22.x")
    attached = begin(server, "inspected")
    later = Later(lambda: invoke(server, "inspected", {"count": 1}))
    with urllib.request.urlopen(f"http://127.0.0.1:{attached['port']}/json/list", timeout=20) as answer:
        (target,) = json.load(answer)
    assert target["webSocketDebuggerUrl"].startswith(f"ws://127.0.0.1:{attached['port']}/")
    assert not later.answered
    inspector = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=20, suppress_origin=True)
    try:
        inspector.send(json.dumps({"id": 1, "method": "Runtime.runIfWaitingForDebugger"}))
        assert later.answer() == 2
    finally:
        inspector.close()
    end(server, "inspected")


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("nobody", {}, "Function not found"),
        ("shell", {}, "provided.al2023 functions cannot be debugged here: Python and Node.js can"),
        (
            "python",
            {"port": "{taken}"},
            "{taken} (Address already in use): choose another, or 0 for a free one",
        ),
        ("python", {"port": "kiwi"}, "kiwi"),
    ],
    ids=["no such function", "no debugger for the runtime", "port in use", "no port"],
)
def test_what_cannot_be_debugged_is_one_sentence(
    server: Server, name: str, query: dict[str, str], sentence: str
) -> None:
    deploy_once(server, "python", HANDLER)
    deploy_once(server, "shell", SHELL, Runtime="provided.al2023")
    taken = server.endpoint.rpartition(":")[2]
    with pytest.raises(urllib.error.HTTPError) as refused:
        begin(server, name, **{key: value.format(taken=taken) for key, value in query.items()})
    assert refused.value.code == 400
    assert sentence.format(taken=taken) in json.load(refused.value)["message"]


def deploy_once(server: Server, name: str, source: Any, **options: Any) -> None:
    names = [each["FunctionName"] for each in server.client("lambda").list_functions()["Functions"]]
    if name not in names:
        server.deploy(name, source, **options)


def test_a_function_cannot_switch_debugging(server: Server) -> None:
    source = """
    import os, urllib.request, urllib.error
    def handler(event, context):
        address = os.environ["AWS_ENDPOINT_URL"] + "/_sandbox/debug?function=inner&port=0"
        try:
            return urllib.request.urlopen(urllib.request.Request(address, method="POST")).status
        except urllib.error.HTTPError as error:
            return error.code
    """
    server.deploy("inner", source)
    assert invoke(server, "inner", {}) in (403, 404)


# --- on the command line ---------------------------------------------------------------------------------


def test_the_command_prints_what_an_editor_needs_and_ends_it(server: Server) -> None:
    server.deploy("told", HANDLER)
    done = run("debug", "told", "--port", "0", endpoint=server.endpoint)
    assert done.returncode == 0, done.stderr
    first, _, entry = done.stdout.partition("\n")
    launch = json.loads(entry)
    assert launch["type"] == "debugpy"
    assert f"127.0.0.1:{launch['connect']['port']}" in first
    assert run("debug", "told", "--off", endpoint=server.endpoint).stdout == "it runs as ever\n"
    assert run("debug", "told", "--off", endpoint=server.endpoint).stdout == "it was not debugged\n"


def test_a_wrong_debug_is_one_sentence(server: Server) -> None:
    done = run("debug", "nobody", endpoint=server.endpoint)
    assert (done.returncode, is_one_sentence(done.stderr)) == (1, True)
    assert "Function not found" in done.stderr
    both = run("debug", "nobody", "--off", "--port", "1", endpoint=server.endpoint)
    assert (both.returncode, is_one_sentence(both.stderr)) == (2, True)


def test_a_handler_in_a_file_waits_for_a_debugger(folder: Path) -> None:
    words = ("invoke", f"{folder}/app.py:handler", "-e", '{"count": 1}', "--debug", "--debug-port", "0")
    with staying(*words) as talk:
        port = int(talk.until("waits for a debugger at 127.0.0.1:").partition("127.0.0.1:")[2].split()[0])
        with DebugAdapter(port) as editor:
            editor.attach(str(folder), "/var/task")
            editor.send("configurationDone")
            assert '"kiwi"' in talk.until("basket")


# --- beside what else wraps a runtime --------------------------------------------------------------------


def attached_and_run(server: Server, folder: Path, name: str) -> Any:
    attached = begin(server, name)
    with DebugAdapter(attached["port"]) as editor:
        later = Later(lambda: invoke(server, name, {"count": 1}))
        editor.attach(str(folder), attached["task"])
        editor.send("configurationDone")
        return later.answer()


def test_a_wrapper_script_of_the_function_s_own_runs_as_well(server: Server, folder: Path) -> None:
    handler = "import os\ndef handler(event, context): return os.environ['WRAPPED']"
    wrapper = '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}}
    server.deploy("wrapped", {"app.py": handler, "wrapper": wrapper}, Environment=variables)
    assert attached_and_run(server, folder, "wrapped") == "yes"


def test_the_native_client_is_debugged_too(folder: Path) -> None:
    server = Server("--no-neighbours", "--runtime-client", "native")
    try:
        server.deploy("native", HANDLER)
        assert attached_and_run(server, folder, "native")["basket"] == ["kiwi"]
    finally:
        server.stop()
