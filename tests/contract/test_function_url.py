"""Function URLs over real HTTP: events, response forms, streams, CORS and who may call."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server
from tests.contract.raw_runtime import module

HANDLER = """
import base64, json

def handler(event, context):
    what = event["rawPath"].strip("/")
    if what == "echo" or event["rawPath"] == "/":
        return event
    if what == "text":
        return "Hello"
    if what == "null":
        return None
    if what == "explicit":
        return {
            "statusCode": 201, "body": "made", "cookies": ["a=1; Path=/", "b=2"],
            "headers": {"Content-Type": "text/plain", "X-Count": 3, "X-Many": ["a", "b"], "Content-Length": "99"},
        }
    if what == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes(range(256))).decode()}
    if what == "bad-status":
        return {"statusCode": "fine", "body": ""}
    if what == "bad-base64":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "!"}
    if what == "inject":
        return {"statusCode": 200, "headers": {"x": "a\\r\\nset-cookie: stolen=1"}}
    if what == "cors":
        return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://mine.example"}, "body": ""}
    if what == "big":
        return "x" * (6 * 1024 * 1024 + 1000)
    if what == "arn":
        return context.invoked_function_arn
    raise ValueError(what)
"""

STREAMS = module(
    r"""
def answer(request_id, headers, event):
    path = event["rawPath"]
    if path == "/buffered":
        call("POST", f"{INVOCATION}{request_id}/response", json.dumps({"statusCode": 201, "body": "raw"}))
        return
    if path == "/raise":
        call("POST", f"{INVOCATION}{request_id}/error", b'{"errorType": "E", "errorMessage": "no"}')
        return
    if path in ("/plain", "/fail"):
        stream = Stream(request_id, "text/csv")
        stream.write(b"a,b\n")
        if path == "/fail":
            stream.end("Shop.Closed", b"{}")
            return
        stream.write(b"1,2\n")
    elif path in ("/204", "/304"):
        stream = Stream(request_id, "application/vnd.awslambda.http-integration-response")
        stream.write(json.dumps({"statusCode": int(path[1:])}).encode() + b"\0" * 8)
        stream.write(b"nobody reads this")
    else:
        stream = Stream(request_id, "application/vnd.awslambda.http-integration-response")
        meta = json.dumps({"statusCode": 418, "headers": {"X-Pot": "tea"}, "cookies": ["leaf=green"]}).encode()
        if path == "/endless":
            stream.write(b"{" + b" " * 20_000)
        elif path == "/unfinished":
            stream.write(meta)
        else:
            stream.write(meta + b"\0\0\0")
            stream.write(b"\0\0\0\0\0short")
            stream.write(b" and stout")
    stream.end()
"""
)

Fetch = Callable[..., tuple[http.client.HTTPResponse, bytes]]


@pytest.fixture(scope="module")
def fetch(server: Server) -> Fetch:
    """Call a function URL: resolvers of ``*.localhost`` differ, so the connection goes to the endpoint itself."""
    address = urlsplit(server.endpoint)

    def call(
        url: str, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Host": urlsplit(url).netloc, **names})
        answer = connection.getresponse()
        try:
            return answer, answer.read()
        finally:
            connection.close()

    return call


def make_url(server: Server, name: str, auth: str = "NONE", **options: Any) -> str:
    answer = server.client("lambda").create_function_url_config(FunctionName=name, AuthType=auth, **options)
    url: str = answer["FunctionUrl"]
    return url


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    server.deploy("web", HANDLER, MemorySize=256)
    return make_url(server, "web")


@pytest.fixture(scope="module")
def stream_url(server: Server) -> str:
    server.deploy("flow", STREAMS)
    return make_url(server, "flow", InvokeMode="RESPONSE_STREAM")


@pytest.mark.parametrize("status", [204, 304])
def test_a_streamed_answer_that_may_have_no_body_has_none_and_the_connection_goes_on(
    server: Server, stream_url: str, status: int
) -> None:
    address = urlsplit(server.endpoint)
    head = f"GET /{status} HTTP/1.1\r\nHost: {urlsplit(stream_url).netloc}\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(f"HTTP/1.1 {status} ".encode()) == 2
    assert received.endswith(b"\r\n\r\n")
    assert b"ransfer-Encoding" not in received
    assert b"nobody" not in received


def test_the_event_has_payload_format_two(url: str, fetch: Fetch) -> None:
    answer, body = fetch(url, "/?a=1&a=2&b=%20x", Cookie="one=1; two=2", X_Thing="yes", User_Agent="teapot/1")
    event = json.loads(body)
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/")
    assert event["rawQueryString"] == "a=1&a=2&b=%20x"
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x"}
    assert event["cookies"] == ["one=1", "two=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-thing"] == "yes"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["isBase64Encoded"] is False
    assert not {"body", "pathParameters", "stageVariables"} & set(event)
    context = event["requestContext"]
    url_id = urlsplit(url).netloc.split(".")[0]
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", url_id, url_id)
    assert context["domainName"] == urlsplit(url).hostname
    assert context["http"] == {
        "method": "GET",
        "path": "/",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "teapot/1",
    }
    assert (context["stage"], context["routeKey"]) == ("$default", "$default")
    assert context["requestId"] == answer.getheader("x-amzn-RequestId")
    assert abs(context["timeEpoch"]) > 1_700_000_000_000
    assert answer.getheader("Content-Type") == "application/json"


@pytest.mark.parametrize(
    ("content_type", "sent", "body", "encoded"),
    [
        ("application/json", b'{"a": 1}', '{"a": 1}', False),
        ("text/plain; charset=utf-8", "ü".encode(), "ü", False),
        ("application/x-www-form-urlencoded", b"a=1", base64.b64encode(b"a=1").decode(), True),
        ("image/png", b"\x89PNG", base64.b64encode(b"\x89PNG").decode(), True),
        ("text/plain", b"\xff\xfe", base64.b64encode(b"\xff\xfe").decode(), True),
    ],
)
def test_a_body_is_text_or_base64_by_its_type(
    url: str, fetch: Fetch, content_type: str, sent: bytes, body: str, encoded: bool
) -> None:
    _, answer = fetch(url, "/echo", "POST", sent, Content_Type=content_type)
    event = json.loads(answer)
    assert (event["body"], event["isBase64Encoded"]) == (body, encoded)
    assert event["requestContext"]["http"]["method"] == "POST"


def test_results_without_a_status_become_the_body(url: str, fetch: Fetch) -> None:
    answer, body = fetch(url, "/text")
    assert (answer.status, answer.getheader("Content-Type"), body) == (200, "application/json", b"Hello")
    answer, body = fetch(url, "/null")
    assert (answer.status, body) == (200, b"null")


def test_an_explicit_response_is_taken_at_its_word(url: str, fetch: Fetch) -> None:
    answer, body = fetch(url, "/explicit")
    assert (answer.status, body) == (201, b"made")
    assert answer.getheader("Content-Type") == "text/plain"
    assert (answer.getheader("X-Count"), answer.getheader("X-Many")) == ("3", "a,b")
    assert answer.headers.get_all("Set-Cookie") == ["a=1; Path=/", "b=2"]
    assert fetch(url, "/binary")[1] == bytes(range(256))


@pytest.mark.parametrize("path", ["/bad-status", "/bad-base64", "/inject", "/raise", "/big"])
def test_what_cannot_become_a_response_is_a_bad_gateway(url: str, fetch: Fetch, path: str) -> None:
    answer, body = fetch(url, path)
    assert (answer.status, body) == (502, b"Internal Server Error")
    assert answer.getheader("Set-Cookie") is None


def test_a_request_over_six_megabytes_is_refused(url: str, fetch: Fetch) -> None:
    answer, body = fetch(url, "/echo", "POST", b"x" * (6 << 20), Content_Type="text/plain")
    assert answer.status == 413
    assert "smaller than" in json.loads(body)["Message"]


def test_a_throttle_is_429_with_its_reason(server: Server, fetch: Fetch) -> None:
    server.deploy("none", HANDLER)
    server.client("lambda").put_function_concurrency(FunctionName="none", ReservedConcurrentExecutions=0)
    answer, body = fetch(make_url(server, "none"), "/text")
    assert answer.status == 429
    assert json.loads(body)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_an_unknown_url_is_404_and_a_deleted_one_too(server: Server, url: str, fetch: Fetch) -> None:
    unknown = url.replace(urlsplit(url).netloc.split(".")[0], "abcdefghijklmnop")
    assert fetch(unknown)[0].status == 404
    elsewhere = url.replace("us-east-1", "eu-west-1")
    assert fetch(elsewhere)[0].status == 404
    server.deploy("gone", HANDLER)
    gone = make_url(server, "gone")
    assert fetch(gone, "/text")[0].status == 200
    server.client("lambda").delete_function_url_config(FunctionName="gone")
    assert fetch(gone, "/text")[0].status == 404


def test_an_aliass_url_invokes_the_alias(server: Server, fetch: Fetch) -> None:
    client = server.client("lambda")
    server.deploy("aliased", HANDLER)
    client.publish_version(FunctionName="aliased")
    client.create_alias(FunctionName="aliased", Name="live", FunctionVersion="1")
    _, body = fetch(make_url(server, "aliased", Qualifier="live"), "/arn")
    assert body.decode().endswith(":function:aliased:live")


def test_aws_iam_takes_signed_requests_only(server: Server, fetch: Fetch) -> None:
    server.deploy("signed", HANDLER)
    url = make_url(server, "signed", auth="AWS_IAM")
    answer, body = fetch(url, "/echo")
    assert (answer.status, json.loads(body)["Message"]) == (403, "Forbidden")
    assert answer.getheader("x-amzn-ErrorType") == "AccessDeniedException"
    answer, body = fetch(url, "/echo", **_signature(url, "/echo"))
    assert answer.status == 200
    context = json.loads(body)["requestContext"]
    assert context["accountId"] == "000000000000"
    assert context["authorizer"]["iam"]["accessKey"] == "sandbox"


def _signature(url: str, path: str) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", url.rstrip("/") + path)
    SigV4Auth(Credentials("sandbox", "sandbox"), "lambda", "us-east-1").add_auth(request)
    return {name.replace("-", "_"): str(value) for name, value in request.headers.items() if name != "Host"}


CORS = {
    "AllowOrigins": ["https://shop.example"],
    "AllowMethods": ["GET", "PUT"],
    "AllowHeaders": ["x-thing"],
    "ExposeHeaders": ["x-count"],
    "MaxAge": 60,
    "AllowCredentials": True,
}


def test_preflights_are_answered_without_the_function(server: Server, fetch: Fetch) -> None:
    server.deploy("shared", HANDLER)
    url = make_url(server, "shared", Cors=CORS)
    ask = {"Origin": "https://shop.example", "Access_Control_Request_Method": "PUT"}
    answer, body = fetch(url, "/raise", "OPTIONS", **ask)
    assert (answer.status, body) == (200, b"")
    assert answer.getheader("Access-Control-Allow-Origin") == "https://shop.example"
    assert answer.getheader("Access-Control-Allow-Methods") == "GET,PUT"
    assert answer.getheader("Access-Control-Allow-Headers") == "x-thing"
    assert answer.getheader("Access-Control-Max-Age") == "60"
    assert answer.getheader("Access-Control-Allow-Credentials") == "true"
    for wrong in (
        {**ask, "Origin": "https://evil.example"},
        {**ask, "Access_Control_Request_Method": "DELETE"},
    ):
        assert fetch(url, "/", "OPTIONS", **wrong)[0].getheader("Access-Control-Allow-Origin") is None


def test_configured_cors_replaces_the_functions_own_headers(server: Server, fetch: Fetch, url: str) -> None:
    server.deploy("replaced", HANDLER)
    replaced = make_url(server, "replaced", Cors=CORS)
    answer, _ = fetch(replaced, "/cors", Origin="https://shop.example")
    assert answer.getheader("Access-Control-Allow-Origin") == "https://shop.example"
    assert answer.getheader("Access-Control-Expose-Headers") == "x-count"
    answer, _ = fetch(replaced, "/cors", Origin="https://mine.example")
    assert answer.getheader("Access-Control-Allow-Origin") is None
    answer, _ = fetch(url, "/cors", Origin="https://anyone.example")
    assert answer.getheader("Access-Control-Allow-Origin") == "https://mine.example"


def test_a_stream_keeps_its_type_and_comes_in_chunks(stream_url: str, fetch: Fetch) -> None:
    answer, body = fetch(stream_url, "/plain")
    assert (answer.status, body) == (200, b"a,b\n1,2\n")
    assert answer.getheader("Content-Type") == "text/csv"
    assert answer.getheader("Transfer-Encoding") == "chunked"


def test_the_integration_prelude_sets_status_headers_and_cookies(stream_url: str, fetch: Fetch) -> None:
    answer, body = fetch(stream_url, "/prelude")
    assert (answer.status, body) == (418, b"short and stout")
    assert (answer.getheader("X-Pot"), answer.getheader("Set-Cookie")) == ("tea", "leaf=green")
    assert answer.getheader("Content-Type") == "application/octet-stream"


def test_the_prelude_also_counts_behind_a_buffered_url(server: Server, fetch: Fetch) -> None:
    server.deploy("pool", STREAMS)
    answer, body = fetch(make_url(server, "pool"), "/prelude")
    assert (answer.status, answer.getheader("X-Pot"), body) == (418, "tea", b"short and stout")


@pytest.mark.parametrize("path", ["/endless", "/unfinished", "/raise"])
def test_a_stream_that_fails_before_its_head_is_a_bad_gateway(
    stream_url: str, fetch: Fetch, path: str
) -> None:
    answer, body = fetch(stream_url, path)
    assert (answer.status, body) == (502, b"Internal Server Error")


def test_a_stream_that_fails_later_is_cut_off(stream_url: str, fetch: Fetch) -> None:
    with pytest.raises(http.client.IncompleteRead) as cut:
        fetch(stream_url, "/fail")
    assert cut.value.partial == b"a,b\n"


def test_a_buffered_result_passes_a_streaming_url_unread(stream_url: str, fetch: Fetch) -> None:
    answer, body = fetch(stream_url, "/buffered")
    assert (answer.status, json.loads(body)) == (200, {"statusCode": 201, "body": "raw"})


def test_one_connection_serves_a_stream_and_then_the_next_request(stream_url: str, server: Server) -> None:
    address = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    for _ in range(2):
        connection.request("GET", "/plain", headers={"Host": urlsplit(stream_url).netloc})
        assert connection.getresponse().read() == b"a,b\n1,2\n"
    connection.close()
