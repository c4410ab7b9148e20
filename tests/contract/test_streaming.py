"""Streamed responses: from a runtime that speaks the bare protocol to ``InvokeWithResponseStream`` as boto3 reads it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.raw_runtime import module

STREAMS = module(
    """
def answer(request_id, headers, event):
    what = event.get("do")
    time.sleep(event.get("after", 0))
    if what == "buffered":
        call("POST", f"{INVOCATION}{request_id}/response", json.dumps({"whole": True}))
        return
    if what == "raise":
        body = json.dumps({"errorType": "Shop.Closed", "errorMessage": "no sale"})
        call("POST", f"{INVOCATION}{request_id}/error", body, {"Lambda-Runtime-Function-Error-Type": "Shop.Closed"})
        return
    if what == "bad mode":
        stream = Stream(request_id, mode="sideways")
        status, body = stream.end()
        call("POST", f"{INVOCATION}{request_id}/response", json.dumps([status, body["errorType"]]))
        return
    if what == "wrong id":
        stream = Stream("00000000-0000-0000-0000-000000000000")
        stream.write(b"to nobody")
        status, body = stream.end()
        call("POST", f"{INVOCATION}{request_id}/response", json.dumps([status, body["errorType"]]))
        return
    stream = Stream(request_id, event.get("type", "text/plain"))
    if what == "wait":
        stream.write(b"first ")
        host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
        while True:  # until the test, which has seen the first byte, raises the flag
            connection = http.client.HTTPConnection(host, int(port))
            connection.request("GET", "/2015-03-31/functions/flag/configuration")
            found = json.loads(connection.getresponse().read())
            connection.close()
            if found["Description"] == "raised":
                break
        stream.write(b"second")
    elif what in ("fail", "fail in clear"):
        stream.write(b"half of it")
        body = json.dumps({"errorType": "Shop.Closed", "errorMessage": "sold out"}).encode()
        stream.end("Shop.Closed", body, base64.b64encode if what == "fail" else bytes)
        return
    elif what == "change its mind":
        stream.write(b"half of it")
        path, again = f"{INVOCATION}{request_id}/", Stream(request_id)
        refused = [call("POST", path + "error", "{}"), call("POST", path + "response", "{}")]
        told = [(status, json.loads(body)["errorType"]) for status, _, body in refused]
        stream.write(json.dumps([*told, again.end()]).encode())
    elif what == "drop":
        stream.write(b"half of it")
        stream.drop()
        time.sleep(1)  # it lives on, and only the broken stream speaks
        return
    elif what == "hang":
        stream.write(b"half of it")
        time.sleep(60)
    elif what == "exit":
        stream.write(b"half of it")
        os._exit(7)
    else:
        for size in event["sizes"]:
            stream.write(b"x" * size)
    status, body = stream.end()
    if status != 202:
        print(f"refused {status} {body['errorType']}", flush=True)
"""
)


@pytest.fixture(scope="module", autouse=True)
def _functions(server: Server) -> None:
    server.deploy("stream", STREAMS, Timeout=10, MemorySize=512)
    server.deploy("bulk", STREAMS, Timeout=120, MemorySize=3008)
    server.deploy("flag", "def handler(event, context):\n    pass\n")


def invoke(
    server: Server, event: Any, name: str = "stream", **options: Any
) -> tuple[bytes, dict[str, Any], Any]:
    """Return payload, the ``InvokeComplete`` members and the whole answer."""
    answer = server.client("lambda").invoke_with_response_stream(
        FunctionName=name, Payload=json.dumps(event).encode(), **options
    )
    payload, end = bytearray(), None
    for each in answer["EventStream"]:
        assert end is None, "nothing comes after InvokeComplete"
        payload += each.get("PayloadChunk", {}).get("Payload", b"")
        end = each.get("InvokeComplete")
    assert end is not None
    return bytes(payload), end, answer


@pytest.mark.proves("InvokeWithResponseStream")
def test_chunks_arrive_in_order_and_invoke_complete_ends_them(server: Server) -> None:
    payload, end, answer = invoke(server, {"sizes": [1, 70_000, 300_000]})
    assert payload == b"x" * 370_001
    assert end == {}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"


def test_the_first_byte_comes_before_the_handler_ends(server: Server) -> None:
    client = server.client("lambda")
    answer = client.invoke_with_response_stream(FunctionName="stream", Payload=b'{"do": "wait"}')
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first "
    client.update_function_configuration(
        FunctionName="flag", Description="raised"
    )  # now the handler may go on
    rest = list(events)
    assert rest[0]["PayloadChunk"]["Payload"] == b"second"
    assert rest[-1] == {"InvokeComplete": {}}


def test_log_tail_comes_with_the_end(server: Server) -> None:
    _, end, answer = invoke(server, {"sizes": [3]}, LogType="Tail")
    log = base64.b64decode(end["LogResult"]).decode()
    assert f"END RequestId: {answer['ResponseMetadata']['RequestId']}" in log


def test_a_buffered_answer_is_one_chunk(server: Server) -> None:
    payload, end, _ = invoke(server, {"do": "buffered"})
    assert (json.loads(payload), end) == ({"whole": True}, {})


def test_a_managed_python_function_answers_in_one_chunk(server: Server) -> None:
    server.deploy("plain", "def handler(event, context):\n    return event\n")
    payload, end, _ = invoke(server, {"a": [1]}, "plain")
    assert (json.loads(payload), end) == ({"a": [1]}, {})


@pytest.mark.parametrize(
    ("do", "before", "kind"),
    [
        ("raise", b"", "Shop.Closed"),
        ("fail", b"half of it", "Shop.Closed"),
        ("drop", b"half of it", "Runtime.TruncatedResponse"),
        ("exit", b"half of it", "Runtime.ExitError"),
    ],
)
def test_an_error_ends_the_stream_with_code_and_details(
    server: Server, do: str, before: bytes, kind: str
) -> None:
    payload, end, _ = invoke(server, {"do": do})
    assert payload == before
    assert end["ErrorCode"] == "Unhandled"
    assert json.loads(end["ErrorDetails"])["errorType"] == kind


def test_what_was_sent_before_the_end_counts_when_the_server_hears_of_both_at_once(server: Server) -> None:
    found: list[Any] = []
    call = threading.Thread(target=lambda: found.append(invoke(server, {"do": "exit", "after": 0.5})))
    call.start()
    time.sleep(0.3)
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(server.process.pid, signal.SIGCONT)
    call.join(10)
    ((payload, end, _),) = found
    assert payload == b"half of it"
    assert json.loads(end["ErrorDetails"])["errorType"] == "Runtime.ExitError"


def test_a_description_that_is_no_base64_is_dropped_and_its_type_is_told(server: Server) -> None:
    payload, end, _ = invoke(server, {"do": "fail in clear"})
    assert payload == b"half of it"
    assert (end["ErrorCode"], json.loads(end["ErrorDetails"])) == ("Unhandled", {"errorType": "Shop.Closed"})


def test_a_timeout_in_the_middle_ends_the_stream(server: Server) -> None:
    server.deploy("hang", STREAMS, Timeout=1)
    payload, end, _ = invoke(server, {"do": "hang"}, "hang")
    assert payload == b"half of it"
    assert json.loads(end["ErrorDetails"])["errorType"] == "Sandbox.Timedout"


def test_a_caller_that_takes_no_stream_gets_it_whole(server: Server) -> None:
    answer = server.client("lambda").invoke(FunctionName="stream", Payload=b'{"sizes": [5, 6]}')
    assert answer["Payload"].read() == b"x" * 11
    answer = server.client("lambda").invoke(FunctionName="stream", Payload=b'{"do": "fail"}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "sold out"


def test_what_is_streamed_is_bound_by_six_megabytes_only_when_the_caller_buffers(server: Server) -> None:
    seven = {"sizes": [1 << 20] * 7}
    payload, end, _ = invoke(server, seven)
    assert (len(payload), end) == (7 << 20, {})
    answer = server.client("lambda").invoke(FunctionName="stream", Payload=json.dumps(seven).encode())
    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


def test_two_hundred_megabytes_pass_and_one_more_does_not(server: Server) -> None:
    payload, end, _ = invoke(server, {"sizes": [10 << 20] * 20}, "bulk")
    assert (len(payload), end) == (200 << 20, {})
    payload, end, _ = invoke(server, {"sizes": [10 << 20] * 20 + [1]}, "bulk")
    assert len(payload) == 200 << 20
    assert json.loads(end["ErrorDetails"])["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(
    ("do", "status", "kind"),
    [("bad mode", 400, "InvalidFunctionResponseMode"), ("wrong id", 400, "InvalidRequestID")],
)
def test_the_runtime_is_told_what_it_did_wrong(server: Server, do: str, status: int, kind: str) -> None:
    payload, _, _ = invoke(server, {"do": do})
    assert json.loads(payload) == [status, kind]


def test_a_response_that_has_begun_cannot_be_replaced_by_an_error_or_another_one(server: Server) -> None:
    payload, end, _ = invoke(server, {"do": "change its mind"})
    error, response, stream = json.loads(payload.removeprefix(b"half of it"))
    assert error == response == [403, "InvalidStateTransition"]
    assert (stream[0], stream[1]["errorType"]) == (403, "InvalidStateTransition")
    assert end == {}
    assert invoke(server, {"sizes": [2]})[:2] == (b"xx", {})


def test_a_caller_that_hangs_up_leaves_the_environment_alone(server: Server) -> None:
    address = urlsplit(server.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0)) as caller:
        body = json.dumps({"sizes": [1 << 20] * 30}).encode()
        path = "/2021-11-15/functions/stream/response-streaming-invocations"
        caller.sendall(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
            % (path.encode(), len(body), body)
        )
        assert caller.recv(1000).startswith(b"HTTP/1.1 200")
    payload, end, _ = invoke(server, {"sizes": [4]})
    assert (payload, end) == (b"xxxx", {})


def test_a_slow_caller_holds_the_runtime_back_and_gets_everything(server: Server) -> None:
    answer = server.client("lambda").invoke_with_response_stream(
        FunctionName="stream", Payload=json.dumps({"sizes": [1 << 20] * 40}).encode()
    )
    events = iter(answer["EventStream"])
    next(events)
    invoke(server, {"a": 1}, "flag")  # meanwhile everything else goes on
    rest = sum(len(each.get("PayloadChunk", {}).get("Payload", b"")) for each in events)
    assert rest > 39 << 20


def test_dry_run_streams_nothing_and_event_is_refused(server: Server) -> None:
    client = server.client("lambda")
    answer = client.invoke_with_response_stream(FunctionName="stream", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    answer["EventStream"].close()
    with pytest.raises(ClientError, match=r"enum value set: \[RequestResponse, DryRun\]"):
        client.invoke_with_response_stream(FunctionName="stream", InvocationType="Event")


def test_an_unknown_function_is_refused_before_the_stream(server: Server) -> None:
    with pytest.raises(ClientError) as refused:
        invoke(server, {}, "nobody")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
