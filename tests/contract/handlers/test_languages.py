"""The runtimes beside Python answer in their own shapes. A missing toolchain skips its cases with the reason."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest

from lambda_sandbox.environments.runtimes import registry
from tests.contract.conftest import ROLE, Server
from tests.contract.handlers import node_cases, other_cases
from tests.contract.handlers.case import Case, fails, returns
from tests.contract.handlers.running import AVAILABLE, need, run, zipped
from tests.contract.handlers.running import classes as classes


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(neighbours="no")
    yield running
    running.stop()


@pytest.mark.parametrize("case", node_cases.CASES, ids=lambda case: case.name)
def test_node(server: Server, case: Case) -> None:
    need("nodejs22.x")
    file = "module.mjs" if case.options.get("Handler", "").startswith("module") else "index.js"
    options = {"Handler": "index.handler", **case.options}
    own = Case(case.name, case.source, case.expected, case.event, options, case.client_context)
    case.expected.check(run(server, "node", "nodejs22.x", {file: case.source, **node_cases.FILES}, own))


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
    case.expected.check(
        run(server, "ruby", "ruby3.3", {"app.rb": case.source, **other_cases.RUBY_FILES}, case)
    )


def test_ruby_ends_after_a_critical_exception_and_lives_on_after_another(server: Server) -> None:
    need("ruby3.3")
    body = "def handler(event:, context:)\n  ($pids ||= []) << 1\n  event == 'none' ? nothing_here : event == 'bad' ? raise('x') : $pids.size\nend\n"
    case = Case("ends", body, returns(1), 1)
    case.expected.check(run(server, "ruby", "ruby3.3", {"app.rb": body}, case))
    sent = [
        server.client("lambda").invoke(FunctionName="ruby-ends", Payload=json.dumps(event))
        for event in ("bad", 1, "none", 1)
    ]
    assert [json.load(answer["Payload"]) for answer in sent][1::2] == [3, 1]


@pytest.mark.parametrize("case", other_cases.PROVIDED, ids=lambda case: case.name)
def test_bootstrap(server: Server, case: Case) -> None:
    case.expected.check(run(server, "provided", "provided.al2023", {"bootstrap": case.source}, case))


def test_no_bootstrap(server: Server) -> None:
    message = r"RequestId: [0-9a-f-]{36} Error: Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]"
    case = Case("none", "", fails("Runtime.InvalidEntrypoint", message))
    case.expected.check(run(server, "provided", "provided.al2023", {"other": ""}, case))


def _log(server: Server, function: str) -> str:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={function}") as logs:
        return "".join(each["message"] for each in json.load(logs)["events"])


@pytest.mark.parametrize(
    ("runtime", "handler", "files", "hint"),
    [
        pytest.param(
            "provided.al2023", "x", {"bootstrap": "#!/bin/sh\r\n"}, "save it with LF", id="line ends"
        ),
        pytest.param(
            "provided.al2023", "x", {"out/bootstrap": ""}, "The package has out/bootstrap", id="folder"
        ),
        pytest.param("nodejs22.x", "index.handler", {"index.ts": ""}, "run tsc or esbuild", id="TypeScript"),
        pytest.param(
            "nodejs22.x", "index.handler", {"fn/index.js": ""}, "(fn/index.handler)", id="folder of Node.js"
        ),
        pytest.param(
            "nodejs22.x", "app.handler", {"app.py": ""}, "the package has no app.js", id="another language"
        ),
        pytest.param(
            "nodejs22.x",
            "index.handler",
            {"index.js": "require('@aws-sdk/client-s3')"},
            'run "npm install @aws-sdk/client-s3" in a folder DIR and start the sandbox with --node-modules DIR',
            id="SDK",
        ),
        pytest.param(
            "nodejs22.x",
            "index.handler",
            {"index.mjs": "import '@smithy/core/serde'"},
            "AWS's runtime brings @smithy/core, and the sandbox only what you have installed",
            id="part of the SDK in an ES module",
        ),
        pytest.param(
            "nodejs22.x",
            "index.handler",
            {"index.js": "require('aws-sdk/clients/s3')"},
            "AWS's runtimes since nodejs18.x do not have aws-sdk",
            id="old SDK",
        ),
        pytest.param("java17", "a.B::c", {"a/B.java": ""}, "compile it", id="source of Java"),
        pytest.param("java17", "a.B::c", {"b.jar": ""}, "put it into lib/", id="jar at the root"),
        pytest.param("java17", "a.B.c", {"a/B.class": ""}, "put :: before", id="one dot"),
        pytest.param("java17", "a/B::c", {"x": ""}, "dots between packages", id="slash"),
        pytest.param("java17", "a.B::c", {"x": ""}, "has a/B.class", id="no class"),
    ],
)
def test_a_package_that_cannot_start_says_in_the_log_what_to_do(
    server: Server,
    request: pytest.FixtureRequest,
    runtime: str,
    handler: str,
    files: dict[str, str | bytes],
    hint: str,
) -> None:
    need(runtime)
    case = Case(request.node.callspec.id, "", fails(""), options={"Handler": handler})
    assert run(server, "hint", runtime, files, case).error == "Unhandled"
    (line, *_) = re.findall("SANDBOX Hint: .*\n", _log(server, "hint-" + re.sub(r"\W", "_", case.name)))
    assert hint in line


def test_a_missing_sdk_is_told_in_the_log_once(server: Server) -> None:
    need("nodejs22.x")
    source = "exports.handler = async () => { await import('@aws-sdk/client-sqs') };"
    expected = fails("Error", "Cannot find package '@aws-sdk/client-sqs' .*")
    case = Case("SDK in the handler", "", expected, options={"Handler": "index.handler"})
    expected.check(run(server, "hint", "nodejs22.x", {"index.js": source}, case))
    answer = server.client("lambda").invoke(FunctionName="hint-SDK_in_the_handler")
    assert "Cannot find package" in json.load(answer["Payload"])["errorMessage"]
    log = _log(server, "hint-SDK_in_the_handler")
    assert (log.count("REPORT RequestId"), log.count("SANDBOX Hint: ")) == (2, 1)


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
