"""The runtimes beside Python answer in their own shapes. A missing toolchain skips its cases with the reason."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import registry
from tests.contract.conftest import ROLE, Server
from tests.contract.handlers import node_cases, other_cases
from tests.contract.handlers.case import Case, Outcome, fails, returns

AVAILABLE = {runtime.name: runtime for runtime in registry.available()}
JAVA = Path(__file__).parent / "java"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    yield running
    running.stop()


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o755 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def run(server: Server, kind: str, runtime: str, files: dict[str, str | bytes], case: Case) -> Outcome:
    """Make a function of its own for the case, and send its event."""
    client = server.client("lambda")
    name = kind + "-" + re.sub(r"\W", "_", case.name)
    values = {"MemorySize": 1769, "Timeout": 10, "Handler": "app.handler", "Runtime": runtime, **case.options}
    client.create_function(FunctionName=name, Role=ROLE, Code={"ZipFile": zipped(files)}, **values)
    passed = base64.b64encode(json.dumps(case.client_context).encode()).decode()
    answer = client.invoke(
        FunctionName=name,
        Payload=json.dumps(case.event, ensure_ascii=False).encode(),
        LogType="Tail",
        ClientContext=passed,
    )
    log = base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")
    return Outcome(answer["Payload"].read(), answer.get("FunctionError", ""), log)


def need(runtime: str) -> None:
    if not AVAILABLE[runtime].available:
        pytest.skip(AVAILABLE[runtime].detail)


@pytest.mark.parametrize("case", node_cases.CASES, ids=lambda case: case.name)
def test_node(server: Server, case: Case) -> None:
    need("nodejs22.x")
    file = "module.mjs" if case.options.get("Handler", "").startswith("module") else "index.js"
    options = {"Handler": "index.handler", **case.options}
    own = Case(case.name, case.source, case.expected, case.event, options, case.client_context)
    case.expected.check(run(server, "node", "nodejs22.x", {file: case.source, **node_cases.FILES}, own))


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    need("java17")
    compiler = shutil.which("javac")
    if compiler is None:
        pytest.skip("javac is not on PATH")
    folder = tmp_path_factory.mktemp("classes")
    subprocess.run(
        [compiler, "--release", "17", "-d", folder, *sorted(JAVA.rglob("*.java"))],
        check=True,
        capture_output=True,
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.class"))}


@pytest.mark.parametrize("case", other_cases.JAVA, ids=lambda case: case.name)
def test_java(server: Server, classes: dict[str, str | bytes], case: Case) -> None:
    case.expected.check(run(server, "java", "java17", classes, case))


def test_java_finds_classes_in_jars_of_the_code(server: Server, classes: dict[str, str | bytes]) -> None:
    jar: dict[str, str | bytes] = {"lib/all.jar": zipped(classes)}
    case = Case("jar", "", returns("X"), "x", {"Handler": "cases.Cases$Methods::upper"})
    case.expected.check(run(server, "java", "java17", jar, case))


@pytest.mark.parametrize("case", other_cases.RUBY, ids=lambda case: case.name)
def test_ruby(server: Server, case: Case) -> None:
    need("ruby3.3")
    case.expected.check(run(server, "ruby", "ruby3.3", {"app.rb": case.source}, case))


@pytest.mark.parametrize("case", other_cases.PROVIDED, ids=lambda case: case.name)
def test_bootstrap(server: Server, case: Case) -> None:
    case.expected.check(run(server, "provided", "provided.al2023", {"bootstrap": case.source}, case))


def test_no_bootstrap(server: Server) -> None:
    message = r"RequestId: [0-9a-f-]{36} Error: Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]"
    case = Case("none", "", fails("Runtime.InvalidEntrypoint", message))
    case.expected.check(run(server, "provided", "provided.al2023", {"other": ""}, case))


def test_a_runtime_that_cannot_be_started_says_so_in_answer_and_log(server: Server) -> None:
    missing = [runtime for runtime in AVAILABLE.values() if not runtime.available]
    if not missing:
        pytest.skip("this machine has something for every runtime")
    message = re.escape(f"{missing[0].name}: {missing[0].detail}")
    case = Case("missing", "", fails("Sandbox.RuntimeNotInstalled", message))
    case.expected.check(run(server, "missing", missing[0].name, {"app.dll": ""}, case))


def test_a_version_that_stands_in_is_said_in_configuration_and_log(server: Server) -> None:
    stand_ins = [name for name in AVAILABLE if AVAILABLE[name].available and registry.notice(name)]
    if not stand_ins:
        pytest.skip("this machine has every version")
    notice = registry.notice(stand_ins[0])
    client = server.client("lambda")
    code = {"ZipFile": zipped({"app.py": "", "index.js": ""})}
    client.create_function(
        FunctionName="stands-in", Runtime=stand_ins[0], Handler="app.handler", Role=ROLE, Code=code
    )
    answer = client.get_function_configuration(FunctionName="stands-in")
    assert answer["RuntimeVersionConfig"]["Error"] == {"ErrorCode": "Sandbox.StandIn", "Message": notice}
    client.invoke(FunctionName="stands-in", Payload=b"null")
    client.update_function_configuration(FunctionName="stands-in", LoggingConfig={"LogFormat": "JSON"})
    client.invoke(FunctionName="stands-in", Payload=b"null")
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function=stands-in") as logs:
        messages = [each["message"] for each in json.load(logs)["events"]]
    assert messages[0].startswith("INIT_START Runtime Version: ")
    assert messages[0].endswith(f"\t{notice}\n")
    (report,) = [message for message in messages if message.startswith("REPORT ")]
    assert report.endswith(f"\nSANDBOX Runtime: {notice}\t\n")
    (record,) = [json.loads(message)["record"] for message in messages if '"platform.report"' in message]
    assert record["sandboxRuntime"] == notice
