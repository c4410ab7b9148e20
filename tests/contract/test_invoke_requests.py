"""Requests to invoke that no SDK sends but tools do: what is wrong in them is refused, what is equivalent is taken."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server

INVOCATIONS = "/2015-03-31/functions/quote/invocations"
STREAMED = "/2021-11-15/functions/quote/response-streaming-invocations"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--no-neighbours")
    running.deploy("quote", "def handler(event, context):\n    return 42\n")
    yield running
    running.stop()


def post(server: Server, target: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", target, body=b"{}", headers=named)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", [INVOCATIONS, STREAMED])
@pytest.mark.parametrize("given", ["tail", "Everything"])
def test_log_type_that_is_none_is_refused(server: Server, path: str, given: str) -> None:
    answer, body = post(server, path, X_Amz_Log_Type=given)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert json.loads(body)["message"] == (
        f"1 validation error detected: Value '{given}' at 'logType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [None, Tail]"
    )


def test_log_type_none_asks_for_no_log(server: Server) -> None:
    answer, body = post(server, INVOCATIONS, X_Amz_Log_Type="None")
    assert (answer.status, body) == (200, b"42")
    assert "X-Amz-Log-Result" not in answer.headers


def test_qualifier_without_a_value_is_refused(server: Server) -> None:
    answer, body = post(server, f"{INVOCATIONS}?Qualifier=")
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert "Value '' at 'qualifier'" in json.loads(body)["message"]


@pytest.mark.parametrize("path", [INVOCATIONS, STREAMED])
@pytest.mark.parametrize("query", ["", "?Qualifier=%24LATEST"])
def test_slash_at_the_end_changes_nothing(server: Server, path: str, query: str) -> None:
    answer, body = post(server, f"{path}/{query}")
    assert answer.status == 200
    assert b"42" in body


def test_event_that_was_accepted_has_no_version_that_ran_it(server: Server) -> None:
    answer = server.client("lambda").invoke(FunctionName="quote", InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert "ExecutedVersion" not in answer
