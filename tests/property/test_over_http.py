"""The same requests against a live server: every one is answered in time, and the server is whole afterwards."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_sandbox.errors import NotImplementedException, ResourceNotFoundException
from tests.contract.conftest import Server
from tests.property import world
from tests.property.conftest import PROFILE
from tests.property.requests import HttpRequest, Wire, requests, to_http

_PATIENCE_S = 20
_SCOPE = "Credential=000000000000/20260101/us-east-1/lambda/aws4_request"
_SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 {_SCOPE}, SignedHeaders=host, Signature=0"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--no-neighbours")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    made = Connection(server.endpoint)
    yield made
    made.close()


class Connection:
    """One kept-alive connection that says so when an answer takes too long."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=_PATIENCE_S)

    def close(self) -> None:
        self._connection.close()

    def send(self, request: HttpRequest) -> tuple[int, dict[str, str], bytes]:
        self._connection.request(request.method, request.target, request.body, {**_SIGNED, **request.headers})
        answer = self._connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()


@settings(max_examples=20 if PROFILE == "short" else 100)
@given(st.lists(requests(), min_size=10, max_size=10))
def test_server_answers_every_request_and_stays_whole(
    server: Server, connection: Connection, sequence: list[Wire]
) -> None:
    seen = world.Seen()
    for wire in sequence:
        request = to_http(seen.fill_in(wire))
        if request is None:
            continue
        status, headers, body = connection.send(request)
        assert status < 500 or headers["x-amzn-errortype"] == "NotImplementedException", (
            f"{wire}: {status} {body!r}"
        )
        assert headers["x-amzn-requestid"]
        if body:
            seen.learn(json.loads(body))
    shown = world.snapshot(lambda operation, **params: call(server, operation, **params))
    world.check(lambda operation, **params: call(server, operation, **params), shown)


def call(server: Server, operation: str, **params: Any) -> dict[str, Any]:
    """Call through boto3, with the control plane's own errors, as the walk expects them."""
    client = server.client("lambda")
    try:
        answer: dict[str, Any] = getattr(client, _method(client, operation))(**params)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NotImplementedException":
            raise NotImplementedException(str(error)) from error
        if code == "ResourceNotFoundException":
            raise ResourceNotFoundException(str(error)) from error
        raise
    answer.pop("ResponseMetadata")
    return answer


def _method(client: Any, operation: str) -> str:
    names: dict[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/2015-03-31/functions/f/nothing"),
        ("POST", "/2015-03-31/"),
        ("PATCH", "/2015-03-31/functions/"),
        ("OPTIONS", "/2015-03-31/functions/"),
        ("HEAD", "/2015-03-31/functions/"),
        ("GET", "//2015-03-31/functions/"),
    ],
)
def test_address_of_no_operation_is_refused_as_aws_does(
    connection: Connection, method: str, target: str
) -> None:
    status, headers, body = connection.send(HttpRequest(method, target, {}, b""))
    assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert headers["x-amzn-requestid"]
    if method != "HEAD":
        assert json.loads(body)["Message"] == "Unable to determine service/operation name to be authorized"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/x-amz-json-1.1"]
)
def test_content_type_of_a_request_does_not_matter(connection: Connection, kind: str) -> None:
    """AWS's REST-JSON front reads the body whatever the header calls it."""
    request = HttpRequest("POST", "/2015-03-31/functions", {"Content-Type": kind}, b'{"FunctionName": "a b"}')
    status, headers, body = connection.send(request)
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert "at 'functionName' failed to satisfy constraint" in json.loads(body)["message"]
