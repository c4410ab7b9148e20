"""Requests to invoke that no SDK sends but tools do: what is wrong in them is refused, what is equivalent is taken."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Server

INVOCATIONS = "/2015-03-31/functions/quote/invocations"
STREAMED = "/2021-11-15/functions/quote/response-streaming-invocations"
TRACED = "/2015-03-31/functions/traced/invocations"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
SEEN = "import os\n\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("--no-neighbours")
    running.deploy("quote", "def handler(event, context):\n    return 42\n")
    running.deploy("traced", SEEN)
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


@pytest.mark.parametrize(
    "given",
    [
        ROOT,
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0",
        f"Self=1-67891233-12456789abcdef012345678;{ROOT};CalledFrom=app",
    ],
)
def test_a_trace_that_the_caller_names_goes_on(server: Server, given: str) -> None:
    answer, body = post(server, TRACED, X_Amzn_Trace_Id=given)
    assert json.loads(body).startswith(given)
    assert answer.headers["X-Amzn-Trace-Id"].startswith(given)


@pytest.mark.parametrize(
    "given",
    [
        "garbage",
        "Root=1-2-3",
        f"No{ROOT}",
        f"{ROOT}0",
        "Parent=53995c3f42cd8ad8;Sampled=1",
        ROOT.replace("Root=1", "Root=2"),
    ],
)
def test_a_header_that_names_no_trace_begins_one(server: Server, given: str) -> None:
    answer, body = post(server, TRACED, X_Amzn_Trace_Id=given)
    made = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0(;Lineage=.*)?"
    assert re.fullmatch(made, json.loads(body))
    assert re.fullmatch(made, answer.headers["X-Amzn-Trace-Id"])
