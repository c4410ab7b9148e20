"""The Telemetry API: an extension that listens inside its environment, and what it is told there."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.raw_runtime import LOOP

# Every batch that arrives goes to the log as one line; it subscribes to its own output only where MODE says so.
EXTENSION = """#!/usr/bin/env python3
import http.client, http.server, json, os, socketserver, sys, threading, time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
MODE = json.loads(os.environ["MODE"])
failures = MODE.get("failures", 0)


def call(method, path, body, **headers):
    connection = http.client.HTTPConnection(API)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read())


def tell(what, value):
    os.write(2, f"{what} {json.dumps(value)}\\n".encode())


class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global failures
        body = self.rfile.read(int(self.headers["Content-Length"]))
        failed, failures = failures > 0, failures - 1
        self.send_response(500 if failed else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        tell("refused" if failed else "batch", {"path": self.path, "events": json.loads(body)})

    def log_message(self, *arguments):
        pass


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            tell("batch", {"path": None, "events": [json.loads(line)]})


if MODE["protocol"] == "HTTP":
    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    port = server.server_address[1]
    destination = {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/in?a=1"}
else:
    server = socketserver.TCPServer(("127.0.0.1", 0), Lines)
    destination = {"protocol": "TCP", "port": server.server_address[1]}
threading.Thread(target=server.serve_forever, daemon=True).start()
_, headers, _ = call("POST", "/2020-01-01/extension/register", '{"events": ["INVOKE", "SHUTDOWN"]}', Lambda_Extension_Name=NAME)
me = {"Lambda_Extension_Identifier": headers["lambda-extension-identifier"]}
time.sleep(MODE.get("late", 0))
wanted = {
    "schemaVersion": "2022-12-13", "types": MODE["types"], "destination": destination,
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": MODE.get("timeout", 25)},
}
status, _, answer = call("PUT", "/2022-07-01/telemetry", json.dumps(wanted), **me)
tell("subscribed", [status, answer])
if "extension" in MODE["types"]:
    print("I am an extension", flush=True)
while True:
    connection = http.client.HTTPConnection(API)
    connection.request("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": me["Lambda_Extension_Identifier"]})
    event = json.loads(connection.getresponse().read())
    if event["eventType"] == "SHUTDOWN":
        late = call("PUT", "/2022-07-01/telemetry", json.dumps(wanted), **me)
        tell("late", [late[0], late[2]["errorType"]])
        time.sleep(0.3)  # what was buffered arrives now
        break
"""

FUNCTION = """
import json, os, time

def handler(event, context):
    print("from the function")
    if event == "raise":
        raise ValueError("no")
    if event == "sleep":
        time.sleep(60)
    if event == "exit":
        os._exit(3)
    if event == "flood":
        for i in range(3000):
            print("x" * 300)
    return {"size": 1}
"""

SUBSCRIBES = (
    LOOP
    + """
import threading

status, headers, body = call(
    "POST", "/2020-01-01/extension/register", '{"events": []}', {"Lambda-Extension-Name": "inner"})
me = {"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}
threading.Thread(target=call, args=("GET", "/2020-01-01/extension/event/next", None, me), daemon=True).start()

GOOD = {"schemaVersion": "2022-07-01", "types": ["platform"],
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}}
seen = {}

def put(name, change, headers=me, path="/2022-07-01/telemetry"):
    status, _, answer = call("PUT", path, json.dumps({**GOOD, **change}) if isinstance(change, dict) else change, headers)
    answer = json.loads(answer)
    seen[name] = [status, answer if isinstance(answer, str) else answer["errorMessage"]]

put("no identifier", {}, {})
put("unknown", {}, {"Lambda-Extension-Identifier": "00000000-0000-0000-0000-000000000000"})
put("no json", "{")
put("no object", "[]")
put("schema", {"schemaVersion": "1999-01-01"})
put("types", {"types": []})
put("type", {"types": ["gossip"]})
put("no destination", {"destination": None})
put("protocol", {"destination": {"protocol": "UDP"}})
put("host", {"destination": {"protocol": "HTTP", "URI": "http://example.com:80"}})
put("https", {"destination": {"protocol": "HTTP", "URI": "https://sandbox.localdomain:80"}})
put("reserved", {"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001"}})
put("no port", {"destination": {"protocol": "TCP"}})
put("items", {"buffering": {"maxItems": 10}})
put("bytes", {"buffering": {"maxBytes": 2_000_000}})
put("timeout", {"buffering": {"timeoutMs": 24}})
put("logs", {}, me, "/2020-08-15/logs")
put("good", {})

def answer(request_id, headers, event):
    call("POST", f"{INVOCATION}{request_id}/response", json.dumps(seen))

serve(answer)
"""
)


@pytest.fixture(scope="module")
def listener(server: Server) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo("extensions/listener")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, EXTENSION)
    content = {"ZipFile": packed.getvalue()}
    arn: str = server.client("lambda").publish_layer_version(LayerName="listener", Content=content)[
        "LayerVersionArn"
    ]
    return arn


def deploy(server: Server, name: str, layer: str, mode: dict[str, Any], **options: Any) -> None:
    values = {"MODE": json.dumps({"protocol": "HTTP", "types": ["platform", "function"], **mode})}
    server.deploy(name, FUNCTION, Layers=[layer], Environment={"Variables": values}, **options)


def invoke(server: Server, name: str, event: Any = None) -> Any:
    return server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())


def told(server: Server, name: str, what: str) -> list[Any]:
    """Return what the extension of the function's first environment said under ``what``."""
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={name}") as answer:
        found = json.load(answer)["events"]
    lines = [each["message"] for each in found if each["stream"] == found[0]["stream"]]
    return [json.loads(line.split(" ", 1)[1]) for line in lines if line.startswith(f"{what} ")]


def events(server: Server, name: str, *until: str) -> list[dict[str, Any]]:
    """Return all events that the extension was sent, once all of ``until`` are among their types or in their records."""
    ends = time.monotonic() + 20
    while True:
        found = [event for batch in told(server, name, "batch") for event in batch["events"]]
        there = [event["type"] for event in found] + [json.dumps(event["record"]) for event in found]
        if all(any(wanted in each for each in there) for wanted in until):
            return found
        assert time.monotonic() < ends, there
        invoke(server, name)  # a frozen extension reads nothing: as on AWS, the next event lets it


def first(found: list[dict[str, Any]], kind: str) -> Any:
    return next(event["record"] for event in found if event["type"] == kind)


@pytest.mark.parametrize("late", [0, 1])
def test_the_platform_stream_tells_init_and_invocation_in_order(
    server: Server, listener: str, late: int
) -> None:
    """Whether the extension subscribes before the runtime is ready or after."""
    deploy(server, f"story-{late}", listener, {"late": late})
    answer = invoke(server, f"story-{late}")
    request_id = answer["ResponseMetadata"]["RequestId"]
    found = events(server, f"story-{late}", "platform.report")
    kinds = [event["type"] for event in found]
    order = [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert [kind for kind in kinds if kind in order][: len(order)] == order, found
    assert told(server, f"story-{late}", "subscribed") == [[200, "OK"]]
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function=story-{late}") as logs:
        lines = [each["message"] for each in json.load(logs)["events"]]
    assert "TELEMETRY\tName: listener\tState: Subscribed\tTypes: [Platform, Function]\n" in lines
    assert told(server, f"story-{late}", "batch")[0]["path"] == "/in?a=1"
    assert all(event["time"].endswith("Z") and len(event["time"]) == 24 for event in found)

    assert first(found, "platform.initStart")["initializationType"] == "on-demand"
    assert first(found, "platform.initStart")["phase"] == "init"
    subscription = first(found, "platform.telemetrySubscription")
    assert subscription == {"name": "listener", "state": "Subscribed", "types": ["platform", "function"]}
    ready = first(found, "platform.extension")
    assert ready == {"name": "listener", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    assert first(found, "platform.initRuntimeDone")["status"] == "success"
    assert first(found, "platform.initReport")["metrics"]["durationMs"] > 0
    start = first(found, "platform.start")
    assert (start["requestId"], start["version"]) == (request_id, "$LATEST")
    assert start["tracing"]["type"] == "X-Amzn-Trace-Id"
    done = first(found, "platform.runtimeDone")
    assert (done["requestId"], done["status"]) == (request_id, "success")
    assert done["metrics"]["producedBytes"] == len('{"size": 1}')
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration"]
    report = first(found, "platform.report")
    assert (report["requestId"], report["status"]) == (request_id, "success")
    assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"} == set(
        report["metrics"]
    )
    assert first(found, "function") == "from the function"


@pytest.mark.parametrize(
    ("event", "done", "reported"),
    [("raise", "error", "error"), ("sleep", "timeout", "timeout"), ("exit", "failure", "error")],
)
def test_what_went_wrong_is_told(server: Server, listener: str, event: str, done: str, reported: str) -> None:
    name = f"wrong-{event}"
    deploy(server, name, listener, {}, Timeout=1)
    invoke(server, name, event)
    found = events(server, name, "platform.report")
    assert first(found, "platform.runtimeDone")["status"] == done
    assert first(found, "platform.report")["status"] == reported


def test_only_the_streams_asked_for_arrive_over_tcp(server: Server, listener: str) -> None:
    deploy(server, "lines", listener, {"protocol": "TCP", "types": ["function"]})
    invoke(server, "lines")
    found = events(server, "lines", "from the function")
    assert {event["type"] for event in found} == {"function"}
    assert {event["record"] for event in found} == {"from the function"}


def test_an_extension_can_hear_extensions(server: Server, listener: str) -> None:
    deploy(server, "echo", listener, {"types": ["extension"], "timeout": 1000})
    invoke(server, "echo")
    server.client("lambda").delete_function(FunctionName="echo")  # what waits in the buffer goes at the end
    found = wait_for_batches(server, "echo")
    assert "I am an extension" in [event["record"] for event in found]
    assert {event["type"] for event in found} == {"extension"}


def wait_for_batches(server: Server, name: str) -> list[dict[str, Any]]:
    ends = time.monotonic() + 20
    while not (batches := told(server, name, "batch")):
        assert time.monotonic() < ends
    return [event for batch in batches for event in batch["events"]]


def test_json_logs_arrive_as_objects(server: Server, listener: str) -> None:
    deploy(server, "objects", listener, {"types": ["function"]}, LoggingConfig={"LogFormat": "JSON"})
    invoke(server, "objects", "raise")
    found = events(server, "objects", "errorType")
    errors = [event["record"] for event in found if isinstance(event["record"], dict)]
    assert errors[0]["errorType"] == "ValueError"


def test_a_listener_that_fails_is_tried_again(server: Server, listener: str) -> None:
    deploy(server, "again", listener, {"failures": 1})
    invoke(server, "again")
    found = events(server, "again", "platform.report")
    refused = told(server, "again", "refused")
    assert refused[0]["events"][0]["type"] == "platform.initStart"
    assert found[0]["type"] == "platform.initStart", "the same batch came again, and nothing overtook it"


def test_subscriptions_end_with_init(server: Server, listener: str) -> None:
    deploy(server, "late", listener, {})
    invoke(server, "late")
    server.client("lambda").delete_function(FunctionName="late")
    ends = time.monotonic() + 20
    while not (late := told(server, "late", "late")):
        assert time.monotonic() < ends
    assert late == [[403, "Telemetry.SubscriptionClosed"]]


def test_a_subscription_that_is_wrong_is_refused_by_name(server: Server) -> None:
    server.deploy("asks", SUBSCRIBES, Timeout=10)
    seen = json.loads(invoke(server, "asks")["Payload"].read())
    assert seen.pop("good") == [200, "OK"]
    assert seen.pop("no identifier")[0] == seen.pop("unknown")[0] == seen.pop("logs")[0] == 403
    assert {status for status, _ in seen.values()} == {400}
    named = {
        "schema": "schemaVersion",
        "types": "types",
        "type": "gossip",
        "no destination": "destination",
        "protocol": "destination.protocol",
        "host": "sandbox.localdomain",
        "https": "sandbox.localdomain",
        "reserved": "reserved",
        "no port": "port",
        "items": "buffering.maxItems",
        "bytes": "buffering.maxBytes",
        "timeout": "buffering.timeoutMs",
    }
    assert {case: word for case, word in named.items() if word not in seen[case][1]} == {}
