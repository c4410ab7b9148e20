"""Extensions: real processes from a layer, and internal ones in the runtime's own process."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.metric_figures import figures
from tests.contract.raw_runtime import LOOP

# What it sees goes to its output, a line each: the sandbox writes that to the function's log.
EXTENSION = """#!/usr/bin/env python3
import http.client, json, os, sys, time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
MODE = os.environ.get("MODE", "")


def call(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(API)
    connection.request(method, "/2020-01-01/extension/" + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read())


def say(what, value):
    print(f"{NAME} {what} {json.dumps(value, sort_keys=True)}", flush=True)


if MODE == "dies":
    sys.exit(3)
say("variables", sorted(set(os.environ) & {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_REGION", "MODE"}))
events = json.dumps({"events": ["INVOKE", "SHUTDOWN"]})
status, headers, body = call("POST", "register", events, Lambda_Extension_Name=NAME, Lambda_Extension_Accept_Feature="accountId")
me = headers["lambda-extension-identifier"]
say("registered", [status, body])
if MODE == "init error":
    status, _, body = call("POST", "init/error", "{}", Lambda_Extension_Identifier=me, Lambda_Extension_Function_Error_Type="Extension.NoToken")
    say("told", [status, body])
    late = call("GET", "event/next", Lambda_Extension_Identifier=me)
    say("asked", [late[0], late[2]["errorType"]])
    sys.exit(0)
if MODE == "leaves":
    sys.exit(5)
while True:
    _, headers, event = call("GET", "event/next", Lambda_Extension_Identifier=me)
    say("event", event)
    if MODE == "slow" and event["eventType"] == "INVOKE":
        time.sleep(0.3)
    if event["eventType"] == "SHUTDOWN":
        say("ends", headers["lambda-extension-identifier"] == me)
        if MODE == "asks on":
            continue
        break
    if MODE == "crashes":
        os._exit(9)
"""

FUNCTION = """
import os, time

def handler(event, context):
    if event == "exit":
        os._exit(4)
    if event == "sleep":
        time.sleep(60)
    print("handled", context.aws_request_id)
    return os.getpid()
"""

REGISTERS = (
    LOOP
    + """
import threading

def ask(method, path, body=None, **headers):
    status, found, answer = call(method, "/2020-01-01/extension/" + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    return [status, json.loads(answer).get("errorType", ""), found.get("lambda-extension-identifier", "")]

INVOKES = '{"events": ["INVOKE"]}'
seen = {
    "no name": ask("POST", "register", INVOKES),
    "no json": ask("POST", "register", "{", Lambda_Extension_Name="a"),
    "no list": ask("POST", "register", '{"events": "INVOKE"}', Lambda_Extension_Name="a"),
    "no event": ask("POST", "register", '{"events": ["DANCE"]}', Lambda_Extension_Name="a"),
    "shutdown": ask("POST", "register", '{"events": ["SHUTDOWN"]}', Lambda_Extension_Name="a"),
    "good": ask("POST", "register", '{"events": []}', Lambda_Extension_Name="a"),
    "twice": ask("POST", "register", '{"events": []}', Lambda_Extension_Name="a"),
    "no identifier": ask("GET", "event/next"),
    "no uuid": ask("GET", "event/next", Lambda_Extension_Identifier="me"),
    "unknown": ask("GET", "event/next", Lambda_Extension_Identifier="00000000-0000-0000-0000-000000000000"),
    "no error type": ask("POST", "exit/error", "{}", Lambda_Extension_Identifier="00000000-0000-0000-0000-000000000000"),
    "no path": ask("GET", "event/last"),
}
more = [ask("POST", "register", '{"events": []}', Lambda_Extension_Name=f"n{i}") for i in range(10)]
seen["eleventh"] = more[-1]
for each in [seen["good"], *more[:-1]]:
    waits = threading.Thread(target=ask, args=("GET", "event/next"), kwargs={"Lambda_Extension_Identifier": each[2]})
    waits.daemon = True
    waits.start()

def answer(request_id, headers, event):
    call("POST", f"{INVOCATION}{request_id}/response", json.dumps(seen))

serve(answer)
"""
)


def layer(server: Server, name: str, *files: str, mode: int = 0o755, content: str = EXTENSION) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            info = zipfile.ZipInfo(f"extensions/{file}")
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    answer = server.client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": packed.getvalue()}
    )
    arn: str = answer["LayerVersionArn"]
    return arn


@pytest.fixture(scope="module")
def watcher(server: Server) -> str:
    return layer(server, "watcher", "watcher")


def deploy(server: Server, name: str, layer_arn: str, mode: str = "", **options: Any) -> None:
    server.deploy(name, FUNCTION, Layers=[layer_arn], Environment={"Variables": {"MODE": mode}}, **options)


def invoke(server: Server, name: str, event: Any = None) -> tuple[dict[str, Any], Any]:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return answer, json.loads(answer["Payload"].read())


def logged(server: Server, name: str) -> list[str]:
    """Return what stands in the function's log by now."""
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={name}") as answer:
        return [each["message"].rstrip("\n") for each in json.load(answer)["events"]]


def said(server: Server, name: str, what: str, count: int = 1) -> list[Any]:
    """Return what the function's extensions said under ``what``, once there are ``count`` such lines."""
    ends = time.monotonic() + 20
    while True:
        lines = logged(server, name)
        found = [line.split(f" {what} ", 1)[1] for line in lines if f" {what} " in line]
        if len(found) >= count:
            return [json.loads(each) for each in found]
        assert time.monotonic() < ends, lines


def test_an_external_extension_registers_before_the_runtime_and_sees_each_invoke(
    server: Server, watcher: str
) -> None:
    deploy(server, "seen", watcher)
    answer, first = invoke(server, "seen")
    [[status, body]] = said(server, "seen", "registered")
    assert status == 200
    assert body == {
        "functionName": "seen",
        "functionVersion": "$LATEST",
        "handler": "app.handler",
        "accountId": "000000000000",
    }
    [event] = said(server, "seen", "event")
    assert event["eventType"] == "INVOKE"
    assert event["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert event["invokedFunctionArn"].endswith(":function:seen")
    assert event["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert event["deadlineMs"] > time.time() * 1000 - 60_000
    _, second = invoke(server, "seen")
    assert second == first
    assert len(said(server, "seen", "event", 2)) == 2


def test_an_extension_sees_no_handler_and_no_task_folder(server: Server, watcher: str) -> None:
    deploy(server, "blind", watcher)
    invoke(server, "blind")
    assert said(server, "blind", "variables") == [["AWS_REGION", "MODE"]]


def test_a_deleted_functions_extension_is_told_spindown_and_may_finish(server: Server, watcher: str) -> None:
    deploy(server, "deleted", watcher)
    invoke(server, "deleted")
    said(server, "deleted", "event")
    server.client("lambda").delete_function(FunctionName="deleted")
    invoked, shut = said(server, "deleted", "event", 2)
    assert (shut["eventType"], shut["shutdownReason"]) == ("SHUTDOWN", "spindown")
    assert shut["deadlineMs"] > invoked["deadlineMs"] - 60_000
    assert said(server, "deleted", "ends") == [True]


def test_an_extension_that_asks_on_after_its_shutdown_waits_for_its_end(server: Server, watcher: str) -> None:
    deploy(server, "insists", watcher, mode="asks on")
    invoke(server, "insists")
    server.client("lambda").delete_function(FunctionName="insists")
    said(server, "insists", "ends")
    time.sleep(0.5)
    assert [event["eventType"] for event in said(server, "insists", "event")] == ["INVOKE", "SHUTDOWN"]


@pytest.mark.parametrize(("event", "reason"), [("sleep", "timeout"), ("exit", "failure")])
def test_a_broken_invocation_shuts_its_extension_down(
    server: Server, watcher: str, event: str, reason: str
) -> None:
    name = f"broken-{event}"
    deploy(server, name, watcher, Timeout=1)
    answer, _ = invoke(server, name, event)
    assert answer["FunctionError"] == "Unhandled"
    shut = said(server, name, "event", 2)[1]
    assert (shut["eventType"], shut["shutdownReason"]) == ("SHUTDOWN", reason)
    answer, _ = invoke(server, name)
    assert "FunctionError" not in answer
    assert len(said(server, name, "registered", 2)) == 2, "the extension starts anew with the environment"


def test_what_an_extension_does_after_the_handler_has_its_metric(server: Server, watcher: str) -> None:
    deploy(server, "slowed", watcher, "slow")
    invoke(server, "slowed")
    where = {"FunctionName": "slowed", "Resource": "slowed"}
    deadline = time.monotonic() + 30
    while not (
        took := figures(server.client("cloudwatch"), "PostRuntimeExtensionsDuration", "Maximum", **where)
    ):
        assert time.monotonic() < deadline, "the extension did not end in time"
    (duration,) = figures(server.client("cloudwatch"), "Duration", "Maximum", **where)
    assert 100 < took[0] < duration


def test_an_extension_that_crashes_ends_the_environment(server: Server, watcher: str) -> None:
    deploy(server, "crashing", watcher, "crashes")
    invoke(server, "crashing")
    said(server, "crashing", "event")
    invoke(server, "crashing")
    assert len(said(server, "crashing", "registered", 2)) >= 2


@pytest.mark.parametrize(
    ("mode", "kind", "how", "status"),
    [
        ("dies", "Extension.Crash", "exit status 3", "Started\tEvents: []"),
        ("leaves", "Extension.Crash", "exit status 5", "Registered\tEvents: [INVOKE, SHUTDOWN]"),
        (
            "init error",
            "Extension.InitError",
            "exit code 0",
            "InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.NoToken",
        ),
    ],
)
def test_an_extension_that_fails_in_init_fails_the_invocation(
    server: Server, watcher: str, mode: str, kind: str, how: str, status: str
) -> None:
    name = "failing-" + mode.replace(" ", "-")
    deploy(server, name, watcher, mode)
    answer, error = invoke(server, name)
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert error == {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {how}"}
    lines = logged(server, name)
    told = f"EXTENSION\tName: watcher\tState: {status}"
    assert lines.count(told) == 2, "one for each of the two inits"
    [first, second] = [line for line in lines if line.startswith("INIT_REPORT ")]
    assert (f"Error Type: {kind}" in first, "\tPhase: invoke" in second) == (True, True)
    assert lines.index(told) < lines.index(first)
    assert lines[lines.index(f"RequestId: {request_id} Error: {how}") + 1] == kind
    if mode == "init error":
        assert said(server, name, "asked") == [[403, "Extension.InvalidExtensionState"]] * 2


@pytest.mark.parametrize(
    ("broken", "reason", "error_type"),
    [
        ({"mode": 0o644}, "permission denied", "PermissionDenied"),
        ({"content": "no program\n"}, "exec format error", "UnknownError"),
        ({"content": "#!/no/such/interpreter\n"}, "no such file or directory", "UnknownError"),
    ],
)
def test_an_extension_that_cannot_be_executed_is_a_launch_error(
    server: Server, broken: dict[str, Any], reason: str, error_type: str
) -> None:
    name = reason.replace(" ", "-")
    deploy(server, name, layer(server, name, "agent", **broken))
    answer, error = invoke(server, name)
    message = f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: fork/exec /opt/extensions/agent: {reason}"
    assert error == {"errorType": "Extension.LaunchError", "errorMessage": message}
    line = f"EXTENSION\tName: agent\tState: LaunchError\tEvents: []\tError Type: {error_type}"
    assert logged(server, name).count(line) == 2
    assert not [line for line in logged(server, name) if "Traceback" in line]


def test_the_log_tells_between_init_and_start_that_extensions_are_ready(server: Server, watcher: str) -> None:
    deploy(server, "told", watcher)
    invoke(server, "told")
    lines = logged(server, "told")
    line = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"
    assert lines.count(line) == 1
    kinds = [each.split()[0] for each in lines if each.startswith(("INIT_START", "EXTENSION", "START"))]
    assert kinds == ["INIT_START", "EXTENSION", "START"]


def test_a_json_log_tells_of_extensions_in_events(server: Server, watcher: str) -> None:
    deploy(server, "told-json", watcher, LoggingConfig={"LogFormat": "JSON"})
    invoke(server, "told-json")
    found = [json.loads(line) for line in logged(server, "told-json") if '"platform.extension"' in line]
    assert [each["record"] for each in found] == [
        {"name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    ]
    deploy(
        server,
        "told-json-failed",
        watcher,
        "dies",
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
    )
    invoke(server, "told-json-failed")
    lines = logged(server, "told-json-failed")
    found = [json.loads(line) for line in lines if '"platform.extension"' in line]
    assert found[0]["record"] == {"name": "watcher", "state": "Started", "events": []}


def test_several_extensions_run_side_by_side(server: Server) -> None:
    deploy(server, "pair", layer(server, "pair", "one", "two"))
    invoke(server, "pair")
    assert len(said(server, "pair", "registered", 2)) == 2
    assert len(said(server, "pair", "event", 2)) == 2


def test_registration_says_what_is_wrong(server: Server) -> None:
    server.deploy("registers", REGISTERS, Timeout=10)
    _, seen = invoke(server, "registers")
    identifier = seen.pop("good")[2]
    assert len(identifier) == 36
    assert {what: tuple(answer[:2]) for what, answer in seen.items()} == {
        "no name": (403, "Extension.InvalidExtensionName"),
        "no json": (400, "InvalidRequestFormat"),
        "no list": (400, "InvalidRequestFormat"),
        "no event": (403, "Extension.InvalidEventType"),
        "shutdown": (403, "ShutdownEventNotSupportedForInternalExtension"),
        "twice": (403, "Extension.AlreadyRegistered"),
        "no identifier": (403, "Extension.MissingExtensionIdentifier"),
        "no uuid": (403, "Extension.InvalidExtensionIdentifier"),
        "unknown": (403, "Extension.UnknownExtensionIdentifier"),
        "no error type": (403, "Extension.MissingHeader"),
        "no path": (404, "NotFound"),
        "eleventh": (403, "Extension.TooManyExtensions"),
    }
