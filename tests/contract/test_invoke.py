"""Invoke as boto3 sees it, on real environments."""

from __future__ import annotations

import base64
import concurrent.futures
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox import quotas
from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

HANDLERS = """
import json, os, sys, time

STARTED = time.time()
COUNT = 0

def handler(event, context):
    global COUNT
    COUNT += 1
    what = event.get("do") if isinstance(event, dict) else None
    if what == "raise":
        raise ValueError("no such price")
    if what == "exit":
        sys.exit(3)
    if what == "sleep":
        time.sleep(event["seconds"])
    if what == "big":
        return "x" * event["bytes"]
    if what == "set":
        return {1, 2}
    if what == "print":
        print(event["text"])
    if what == "hog":
        data = bytearray(event["mb"] * 1024 * 1024)
        for i in range(0, len(data), 4096):
            data[i] = 1
    if what == "tmp":
        with open("/tmp/seen", "a") as file:
            file.write("x")
        return len(open("/tmp/seen").read())
    if what == "context":
        return {
            "id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
            "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
            "group": context.log_group_name, "stream": context.log_stream_name,
            "left": context.get_remaining_time_in_millis(), "custom": getattr(context.client_context, "custom", None),
        }
    return {"echo": event, "count": COUNT, "pid": os.getpid()}
"""


@pytest.fixture(scope="module", params=["lean", "native"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The same answers from our runtime client and from the unmodified ``awslambdaric``."""
    running = Server(runtime_client=request.param)
    yield running
    running.stop()


@pytest.fixture(scope="module", autouse=True)
def _functions(server: Server) -> None:
    server.deploy("shop", HANDLERS, MemorySize=256, Timeout=2)


def invoke(server: Server, event: Any, name: str = "shop", **options: Any) -> tuple[dict[str, Any], Any]:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    return answer, json.loads(answer["Payload"].read() or b"null")


def test_an_event_comes_back_and_the_second_call_is_warm(server: Server) -> None:
    server.deploy("warm", HANDLERS)
    answer, first = invoke(server, {"a": "ü"}, "warm")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert first["echo"] == {"a": "ü"}
    _, second = invoke(server, [1, None], "warm")
    assert (second["echo"], second["count"], second["pid"]) == ([1, None], 2, first["pid"])


def test_the_log_tail_holds_print_and_the_platform_lines_in_order(server: Server) -> None:
    answer, _ = invoke(server, {"do": "print", "text": "hello shop"}, LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1:3] == ["hello shop", f"END RequestId: {request_id}"]
    assert lines[3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    used = int(lines[3].split("Max Memory Used: ")[1].split(" MB")[0])
    assert 5 < used <= 256


def test_a_raised_exception_is_a_function_error_with_status_200(server: Server) -> None:
    answer, error = invoke(server, {"do": "raise"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such price")
    assert any("raise ValueError" in line for line in error["stackTrace"])
    assert error["requestId"] == answer["ResponseMetadata"]["RequestId"]


def test_a_timeout_is_cut_off_and_keeps_tmp(server: Server) -> None:
    server.deploy("slow", HANDLERS, Timeout=1)
    _, first = invoke(server, {"do": "tmp"}, "slow")
    answer, error = invoke(server, {"do": "sleep", "seconds": 30}, "slow")
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    _, second = invoke(server, {"do": "tmp"}, "slow")
    assert (first, second) == (1, 2)


def test_an_exit_is_a_runtime_exit_error_and_the_next_call_works(server: Server) -> None:
    _, error = invoke(server, {"do": "exit"})
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 3")
    _, after = invoke(server, 1)
    assert after["echo"] == 1


def test_a_response_over_six_megabytes_is_refused(server: Server) -> None:
    _, error = invoke(server, {"do": "big", "bytes": quotas.SYNC_PAYLOAD_BYTES + 10})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    _, fits = invoke(server, {"do": "big", "bytes": 5 * quotas.MIB})
    assert len(fits) == 5 * quotas.MIB


def test_a_result_that_is_not_json_is_a_marshal_error(server: Server) -> None:
    _, error = invoke(server, {"do": "set"})
    assert error["errorType"] == "Runtime.MarshalError"


def test_the_context_is_complete(server: Server) -> None:
    context = base64.b64encode(json.dumps({"custom": {"shop": "cloudberry"}}).encode()).decode()
    answer, seen = invoke(server, {"do": "context"}, ClientContext=context)
    assert seen["id"] == answer["ResponseMetadata"]["RequestId"]
    assert (seen["name"], seen["version"], seen["memory"]) == ("shop", "$LATEST", "256")
    assert seen["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:shop"
    assert seen["group"] == "/aws/lambda/shop"
    assert 0 < seen["left"] <= 2000
    assert seen["custom"] == {"shop": "cloudberry"}


@pytest.mark.parametrize(
    ("handler", "source", "error_type"),
    [
        pytest.param("missing.handler", "x = 1", "Runtime.ImportModuleError", id="no such module"),
        pytest.param("app.nothing", "x = 1", "Runtime.HandlerNotFound", id="no such function"),
        pytest.param("app.handler", "def handler(:", "Runtime.UserCodeSyntaxError", id="syntax error"),
        pytest.param(
            "app.handler", "import nowhere_to_be_found", "Runtime.ImportModuleError", id="missing package"
        ),
        pytest.param("app.handler", "raise RuntimeError('set-up')", "RuntimeError", id="exception at import"),
        pytest.param("app.handler", "import os; os._exit(7)", "Runtime.ExitError", id="exit at import"),
    ],
)
def test_a_function_that_cannot_load_says_why(
    server: Server, handler: str, source: str, error_type: str, request: pytest.FixtureRequest
) -> None:
    name = "broken-" + request.node.callspec.id.replace(" ", "-")
    server.deploy(name, source, Handler=handler)
    answer, error = invoke(server, {}, name)
    assert (answer["StatusCode"], answer["FunctionError"], error["errorType"]) == (
        200,
        "Unhandled",
        error_type,
    )


def test_concurrent_calls_run_side_by_side_in_their_own_environments(server: Server) -> None:
    server.deploy("wide", HANDLERS, Timeout=10)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(invoke, server, {"do": "sleep", "seconds": 0.5}, "wide") for _ in range(4)]
        pids = {future.result()[1]["count"] for future in work}
    assert pids == {1}


def test_memory_over_the_limit_ends_the_environment(server: Server) -> None:
    server.deploy("hog", HANDLERS, MemorySize=128, Timeout=10)
    health = _get(server, "/_sandbox/health")
    answer, error = invoke(server, {"do": "hog", "mb": 400}, "hog", LogType="Tail")
    if any("memory" in promise for promise in health["isolation"]["enforced"]):
        assert answer["FunctionError"] == "Unhandled"
        assert error["errorType"] in {"Runtime.ExitError", "MemoryError"}
    else:
        assert any("memory" in promise for promise in health["isolation"]["missing"])


def test_updated_code_runs_in_a_new_environment(server: Server) -> None:
    server.deploy("changing", "def handler(e, c): return 1")
    assert invoke(server, {}, "changing")[1] == 1
    code = package("def handler(e, c): return 2")
    server.client("lambda").update_function_code(FunctionName="changing", ZipFile=code)
    assert invoke(server, {}, "changing")[1] == 2


def test_an_event_is_accepted_with_202_and_runs(server: Server) -> None:
    server.deploy("later", "def handler(e, c): print('ran', e['n'])")
    client = server.client("lambda")
    answer = client.invoke(FunctionName="later", InvocationType="Event", Payload=b'{"n": 7}')
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    # The next synchronous call may overtake it in another environment, so ask the history until it is there.
    for _ in range(200):
        history = _get(server, "/_sandbox/history")["invocations"]
        found = [i for i in history if i["function_name"] == "later" and i["status"] == "success"]
        if found:
            break
        client.invoke(FunctionName="shop", Payload=b"{}")
    assert found[0]["invocation_type"] == "Event"
    assert any(
        event["message"] == "ran 7\n" for event in _get(server, "/_sandbox/logs?function=later")["events"]
    )


def test_a_dry_run_runs_nothing(server: Server) -> None:
    server.deploy("untouched", "def handler(e, c): return 1")
    answer = server.client("lambda").invoke(FunctionName="untouched", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    history = _get(server, "/_sandbox/history")["invocations"]
    assert not [i for i in history if i["function_name"] == "untouched"]


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        pytest.param({"FunctionName": "nobody"}, "ResourceNotFoundException", 404, id="unknown function"),
        pytest.param({"Payload": b"{not json"}, "InvalidRequestContentException", 400, id="payload is not JSON"),
        pytest.param({"Payload": b'"' + b"x" * 7_000_000 + b'"'}, "RequestTooLargeException", 413, id="7 MB"),
        pytest.param(
            {"Payload": b'"' + b"x" * 1_100_000 + b'"', "InvocationType": "Event"},
            "RequestTooLargeException", 413, id="1.1 MB as an event",
        ),
        pytest.param({"ClientContext": "%%%"}, "InvalidRequestContentException", 400, id="client context"),
        pytest.param({"ClientContext": "W10="}, "InvalidRequestContentException", 400, id="client context []"),
        pytest.param({"Qualifier": "nope"}, "ResourceNotFoundException", 404, id="unknown alias"),
    ],
)  # fmt: skip
def test_a_bad_call_gets_awss_error(server: Server, options: dict[str, Any], code: str, status: int) -> None:
    with pytest.raises(ClientError) as raised:
        server.client("lambda").invoke(**{"FunctionName": "shop", **options})
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "evil.example"}, 403, id="a foreign Host"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="a foreign Origin"),
        pytest.param({}, 200, id="a local client"),
    ],
)
def test_only_local_names_and_no_foreign_pages_are_answered(
    server: Server, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.request("GET", "/_sandbox/health", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_malformed_http_gets_400_and_the_server_lives(server: Server) -> None:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.connect()
    assert connection.sock is not None
    connection.sock.sendall(b"NOT HTTP AT ALL\r\n\r\n")
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400")
    connection.close()
    assert _get(server, "/_sandbox/health")["status"] == "ok"


def test_a_caller_that_hangs_up_leaves_the_environment_alone(server: Server) -> None:
    server.deploy("patient", HANDLERS, Timeout=10)
    _, first = invoke(server, 1, "patient")
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    body = json.dumps({"do": "sleep", "seconds": 0.3})
    connection.request("POST", "/2015-03-31/functions/patient/invocations", body)
    connection.close()
    with concurrent.futures.ThreadPoolExecutor(1):
        pids = {invoke(server, {"do": "sleep", "seconds": 0.4}, "patient")[1]["count"] for _ in range(2)}
    assert pids
    assert invoke(server, 1, "patient")[1]["pid"] == first["pid"]


def test_logs_reach_cloudwatch_logs(server: Server) -> None:
    invoke(server, {"do": "print", "text": "find me in the logs"})
    found = server.client("logs").filter_log_events(logGroupName="/aws/lambda/shop")["events"]
    assert any("find me in the logs" in event["message"] for event in found)


def test_the_bill_counts_init_and_rounds_up(server: Server) -> None:
    server.deploy("billed", "def handler(e, c): return 1", MemorySize=1024)
    invoke(server, {}, "billed")
    [row] = [row for row in _get(server, "/_sandbox/bill")["rows"] if row["function_name"] == "billed"]
    assert row["billed_ms"] >= row["duration_ms"] + row["init_duration_ms"] - 0.01
    assert row["gb_seconds"] == pytest.approx(row["billed_ms"] / 1000)


def _get(server: Server, path: str) -> Any:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer
