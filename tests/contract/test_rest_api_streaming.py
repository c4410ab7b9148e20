"""REST APIs whose integrations have the responseTransferMode STREAM: the answer leaves while the function makes it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import ROLE, Server
from tests.contract.handlers.running import AVAILABLE, zipped
from tests.contract.rest_api_stage import Api, refusal
from tests.contract.rest_stream_stage import PYTHON, asked, integration, uri
from tests.contract.test_door_bill import used

NODE = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    if (event.path === '/node/early') throw new RangeError('early');
    stream = awslambda.HttpResponseStream.from(stream, {
        statusCode: 202, headers: {'Content-Type': 'text/event-stream'}, multiValueHeaders: {'x-many': ['a', 'b']}, cookies: ['c=1'],
    });
    stream.write('data: first\\n\\n');
    await new Promise((resolve) => setTimeout(resolve, event.path === '/node/slow' ? 60000 : 20));
    stream.write('data: second\\n\\n');
    stream.end();
});
"""
BROKEN = (502, {"message": "Internal server error"})


@pytest.fixture(scope="module")
def arn(server: Server) -> str:
    server.deploy("flag", "def handler(event, context):\n    pass\n")
    return server.deploy("teller", PYTHON, invoked_by="apigateway", Timeout=20, MemorySize=512)


@pytest.fixture(scope="module")
def api(server: Server, arn: str) -> Api:
    made = Api(server, "teller", endpointConfiguration={"types": ["REGIONAL"]})
    made.method("/{what}", "ANY", integration(arn))
    made.method("/hasty/late", "GET", integration(arn, timeoutInMillis=200))
    made.method("/hasty/cut", "GET", integration(arn, timeoutInMillis=1500))
    made.method("/hasty/flood", "GET", integration(arn, timeoutInMillis=1500))
    made.method("/quick", "GET", integration(arn, uri=uri(arn).replace("2021-11-15", "2015-03-31")))
    plain = {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri(arn)}
    made.method("/whole", "GET", plain)
    made.deploy()
    return made


def history(server: Server) -> list[str]:
    with urlopen(f"{server.endpoint}/_sandbox/history") as answer:  # loopback
        return [str(each) for each in json.load(answer)["deliveries"]]


def test_the_first_byte_leaves_before_the_handler_ends(server: Server, api: Api) -> None:
    with asked(server, api, "/prod/wait") as answer:
        assert (answer.status, answer.read(6)) == (200, b"first ")
        server.client("lambda").update_function_configuration(FunctionName="flag", Description="wait is over")
        assert answer.read() == b"second"


def test_status_headers_and_cookies_come_from_the_metadata_and_bytes_stay_bytes(
    server: Server, api: Api
) -> None:
    with asked(server, api, "/prod/made") as answer:
        assert (answer.status, answer.read()) == (201, bytes(range(256)))
        assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert answer.headers.get_all("x-both") == ["two", "three"]
        assert (answer.getheader("x-count"), answer.getheader("x-amzn-remapped-date")) == ("3", "today")
        assert answer.getheader("content-type") == "application/json"
        assert answer.getheader("transfer-encoding") == "chunked"
        assert answer.getheader("x-amzn-requestid")
        assert answer.getheader("x-amz-apigw-id")
        assert "Root=1-" in (answer.getheader("x-amzn-trace-id") or "")


def test_the_event_is_that_of_a_proxy_integration(server: Server, api: Api) -> None:
    event = api.event("POST", "/prod/event?a=1&a=2")
    assert (event["resource"], event["httpMethod"], event["requestContext"]["stage"]) == (
        "/{what}",
        "POST",
        "prod",
    )
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}


def test_a_connection_goes_on_behind_a_stream_and_behind_an_answer_without_a_body(
    server: Server, api: Api
) -> None:
    address = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    for method, what, status, size in (
        ("GET", "empty", 204, 0),
        ("HEAD", "made", 201, 0),
        ("GET", "made", 201, 256),
    ):
        connection.request(method, f"/prod/{what}", headers={"Host": api.host})
        answer = connection.getresponse()
        assert (answer.status, len(answer.read())) == (status, size)
    connection.close()


def test_an_answer_may_be_larger_than_ten_megabytes(server: Server, api: Api) -> None:
    _, body = api.call("GET", "/prod/big")
    assert len(body) == 12 << 20
    assert body.strip(b"x") == b""


@pytest.mark.parametrize(
    "what", ["buffered", "raise", "fail-early", "endless", "unfinished", "no-number", "no-json"]
)
def test_what_goes_wrong_before_the_head_is_502_and_history_says_why(
    server: Server, api: Api, what: str
) -> None:
    assert refusal(api.call("GET", f"/prod/{what}")) == BROKEN
    last = history(server)[-1]
    assert f"/{what} of REST API {api.id} was answered with DEFAULT_5XX" in last


def test_what_goes_wrong_behind_the_head_breaks_the_connection_off(server: Server, api: Api) -> None:
    with asked(server, api, "/prod/fail") as answer:
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert caught.value.partial == b"half of it"
        assert f"GET /fail of REST API {api.id} was broken off: the function failed" in history(server)[-1]


def test_the_timeout_of_the_integration_is_504_before_the_head(api: Api) -> None:
    assert refusal(api.call("GET", "/prod/hasty/late")) == (504, {"message": "Endpoint request timed out"})


def test_the_timeout_of_the_integration_cuts_a_stream(server: Server, api: Api) -> None:
    begun = time.monotonic()
    with asked(server, api, "/prod/hasty/cut") as answer:
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert caught.value.partial == b"half of it"
        assert 1.4 < time.monotonic() - begun < 5.5, "the function goes on for six seconds"
        assert "was broken off: no whole answer within 1.5 s" in history(server)[-1]


def test_a_caller_that_does_not_read_holds_the_function_back(server: Server, api: Api) -> None:
    with asked(server, api, "/prod/hasty/flood") as answer:
        logged(server, "all of the flood was written")  # behind the cut: the rest was thrown away
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert 0 < len(caught.value.partial) < 20 << 20, "of 40 MB that the function wrote"


def logged(server: Server, sentence: str) -> None:
    logs, ends = server.client("logs"), time.monotonic() + 30
    while time.monotonic() < ends:
        found = logs.filter_log_events(logGroupName="/aws/lambda/teller", filterPattern=f'"{sentence}"')
        if found["events"]:
            return
    raise AssertionError(f"the log does not say: {sentence}")


def test_a_caller_that_hangs_up_leaves_nothing_behind(server: Server) -> None:
    arn = server.deploy("left", PYTHON, invoked_by="apigateway", Timeout=20, MemorySize=512)
    server.client("lambda").put_function_concurrency(FunctionName="left", ReservedConcurrentExecutions=1)
    api = Api(server, "left")
    api.method("/{what}", "GET", integration(arn))
    api.deploy()
    address = urlsplit(server.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0)) as caller:
        caller.sendall(f"GET /prod/flood HTTP/1.1\r\nHost: {api.host}\r\n\r\n".encode())
        assert caller.recv(100).startswith(b"HTTP/1.1 200 ")
    ends = time.monotonic() + 15  # sooner than the function's timeout
    while (answered := api.call("GET", "/prod/event"))[0].status != 200:
        assert refusal(answered) == (500, {"message": "Internal server error"}), (
            "the one environment is taken"
        )
        assert time.monotonic() < ends
    sent = int(used(server, "left")["transfer.out"])
    assert len(answered[1]) < sent < 40 << 20, "nothing leaves for a caller that is gone"


def test_a_handshake_that_no_web_socket_answers_is_a_request_like_others(server: Server, api: Api) -> None:
    answer, body = api.call("GET", "/prod/made", Upgrade="websocket", Connection="Upgrade")
    assert (answer.status, body) == (201, bytes(range(256)))


def test_every_ten_megabytes_are_a_request_on_the_bill(server: Server) -> None:
    arn = server.deploy("billed", PYTHON, invoked_by="apigateway", Timeout=20, MemorySize=512)
    api = Api(server, "billed")
    api.method("/{what}", "GET", integration(arn))
    api.deploy()
    assert len(api.call("GET", "/prod/made")[1]) == 256
    assert used(server, "billed") == {"apigateway.rest": "1", "transfer.out": "256"}
    assert len(api.call("GET", "/prod/big")[1]) == 12 << 20
    assert used(server, "billed") == {"apigateway.rest": "3", "transfer.out": str(256 + (12 << 20))}


def test_a_function_that_does_not_let_the_api_in_is_500(server: Server) -> None:
    arn = server.deploy("closed", PYTHON)
    api = Api(server, "closed")
    api.method("/{what}", "GET", integration(arn))
    api.deploy()
    answered = api.call("GET", "/prod/made")
    assert refusal(answered) == (500, {"message": "Internal server error"})
    assert "lambda:InvokeFunction" in history(server)[-1]


def test_a_throttled_function_is_500_as_with_a_buffered_answer(server: Server) -> None:
    arn = server.deploy("full", PYTHON, invoked_by="apigateway")
    server.client("lambda").put_function_concurrency(FunctionName="full", ReservedConcurrentExecutions=0)
    api = Api(server, "full")
    api.method("/streamed/made", "GET", integration(arn))
    api.proxy("/whole/made", "GET", arn)
    api.deploy()
    answers = [refusal(api.call("GET", f"/prod/{way}/made")) for way in ("streamed", "whole")]
    assert answers == [(500, {"message": "Internal server error"})] * 2
    assert all("TooManyRequestsException" in each for each in history(server)[-2:])


@pytest.mark.parametrize(("path", "why"), [("quick", "2021-11-15/functions"), ("whole", "is not STREAM")])
def test_a_uri_and_a_mode_that_do_not_agree_are_told_in_the_history(
    server: Server, api: Api, path: str, why: str
) -> None:
    assert refusal(api.call("GET", f"/prod/{path}")) == (500, {"message": "Internal server error"})
    assert why in history(server)[-1]


# --- Node.js ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(server: Server) -> Api:
    runtime = AVAILABLE["nodejs22.x"]
    if not runtime.available:
        pytest.skip(runtime.detail)
    client = server.client("lambda")
    arn = client.create_function(
        FunctionName="node-teller",
        Runtime="nodejs22.x",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": zipped({"index.js": NODE})},
        MemorySize=1769,
        Timeout=2,
    )["FunctionArn"]
    client.add_permission(
        FunctionName="node-teller",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    api = Api(server, "node")
    api.method("/node/{how}", "GET", integration(arn))
    api.deploy()
    return api


def test_node_streams_by_its_own_helper(server: Server, node: Api) -> None:
    with asked(server, node, "/prod/node/quick") as answer:
        assert (answer.status, answer.getheader("content-type")) == (202, "text/event-stream")
        assert answer.headers.get_all("x-many") == ["a", "b"]
        assert answer.getheader("set-cookie") == "c=1"
        assert answer.read() == b"data: first\n\ndata: second\n\n"
        assert refusal(node.call("GET", "/prod/node/early")) == BROKEN


def test_what_node_wrote_is_there_before_its_timeout_breaks_the_stream_off(server: Server, node: Api) -> None:
    with asked(server, node, "/prod/node/slow") as answer:
        assert answer.read(13) == b"data: first\n\n"
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


# --- the setting -----------------------------------------------------------------------------------------


def patch(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def test_the_mode_is_kept_shown_changed_and_served_from_the_next_deployment_on(
    server: Server, arn: str
) -> None:
    api = Api(server, "moded")
    api.proxy("/made", "GET", arn)
    api.deploy()
    at = api.at("/made", "GET")
    assert api.client.get_integration(**at)["responseTransferMode"] == "BUFFERED"
    moved = [
        patch("/uri", uri(arn)),
        patch("/responseTransferMode", "STREAM"),
        patch("/timeoutInMillis", "900000"),
    ]
    changed = api.client.update_integration(**at, patchOperations=moved)
    assert (changed["responseTransferMode"], changed["timeoutInMillis"]) == ("STREAM", 900_000)
    assert api.client.get_integration(**at)["responseTransferMode"] == "STREAM"
    assert api.client.get_method(**at)["methodIntegration"]["responseTransferMode"] == "STREAM"
    assert refusal(api.call("GET", "/prod/made")) == BROKEN, "the mode of the deployment is still BUFFERED"
    api.deploy()
    assert api.call("GET", "/prod/made")[0].status == 201
    with pytest.raises(ClientError, match="Timeout should be between 50 ms and 29000 ms"):
        api.client.update_integration(**at, patchOperations=[patch("/responseTransferMode", "BUFFERED")])
    back = [patch("/responseTransferMode", "BUFFERED"), patch("/timeoutInMillis", "29000")]
    assert api.client.update_integration(**at, patchOperations=back)["responseTransferMode"] == "BUFFERED"
    assert api.client.put_integration(**at, **integration(arn))["responseTransferMode"] == "STREAM"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"type": "AWS"}, "for integrations of type AWS_PROXY and HTTP_PROXY, and this is AWS"),
        ({"type": "MOCK"}, "and this is MOCK"),
        ({"type": "HTTP", "uri": "http://shop.example/"}, "and this is HTTP"),
        ({"responseTransferMode": "SIDEWAYS"}, "it must be BUFFERED or STREAM"),
        ({"timeoutInMillis": 900_001}, "Timeout should be between 50 ms and 900000 ms"),
        ({"timeoutInMillis": 49}, "Timeout should be between 50 ms and 900000 ms"),
        ({"responseTransferMode": "BUFFERED", "timeoutInMillis": 29_001}, "between 50 ms and 29000 ms"),
    ],
)
def test_a_mode_that_cannot_be_is_a_bad_request(
    api: Api, arn: str, options: dict[str, Any], why: str
) -> None:
    at = api.at("/other", "GET")
    with pytest.raises(ClientError) as caught:
        api.method("/other", "GET", integration(arn, **options))
    error = caught.value.response["Error"]
    assert (error["Code"], why in error["Message"]) == ("BadRequestException", True)
    assert "methodIntegration" not in api.client.get_method(**at)
    api.client.delete_method(**at)


def test_an_http_proxy_may_be_set_to_stream_and_is_told_when_it_is_called(server: Server, arn: str) -> None:
    api = Api(server, "away")
    api.method("/", "GET", integration(arn, type="HTTP_PROXY", uri="http://shop.example/"))
    api.deploy()
    assert refusal(api.call("GET", "/prod/")) == (500, {"message": "Internal server error"})
    assert "HTTP_PROXY are not emulated" in history(server)[-1]


def test_an_imported_document_sets_the_mode(server: Server, arn: str) -> None:
    extension = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri(arn), "responseTransferMode": "STREAM"}

    def document(**options: Any) -> bytes:
        operation = {"x-amazon-apigateway-integration": {**extension, **options}}
        paths = {"/made": {"get": {**operation, "responses": {"200": {"description": "told"}}}}}
        info = {"title": "imported", "version": "1"}
        return json.dumps({"openapi": "3.0.1", "info": info, "paths": paths}).encode()

    api = Api(server, "imported")
    api.client.put_rest_api(restApiId=api.id, mode="overwrite", body=document())
    api.deploy()
    answer, body = api.call("GET", "/prod/made")
    assert (answer.status, len(body)) == (201, 256)
    for options, why in (
        ({"type": "aws"}, "and this is AWS"),
        ({"timeoutInMillis": "soon"}, "Timeout should be"),
    ):
        with pytest.raises(ClientError, match=why):
            api.client.put_rest_api(restApiId=api.id, mode="overwrite", body=document(**options))
