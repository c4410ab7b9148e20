"""The head of a streamed answer: where it ends, and what a REST API makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.front_doors import integration_uri, limits, rest_answer
from lambda_sandbox.front_doors.rest_answer import MalformedResponse
from lambda_sandbox.front_doors.stream_head import DELIMITER, HEAD_BYTES, EndlessHead, StreamHead

ARN = "arn:aws:lambda:us-east-1:111122223333:function:told"
PATH = "arn:aws:apigateway:us-east-1:lambda:path"


@pytest.mark.parametrize("size", [1, 5, 8, 100])
def test_a_head_ends_at_eight_nul_bytes_whatever_the_pieces(size: int) -> None:
    head, data, body = StreamHead(), b'{"statusCode": 200}' + DELIMITER + b"\0body", b""
    found = None
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        if found is None:
            found = head.feed(piece)
        else:
            body += piece
    assert found is not None
    assert (found[0], found[1] + body) == (b'{"statusCode": 200}', b"\0body")


@pytest.mark.parametrize("size", [1_000, HEAD_BYTES * 2], ids=["in pieces", "at once"])
def test_the_delimiter_must_end_within_the_first_16_kb(size: int) -> None:
    longest = b" " * (HEAD_BYTES - len(DELIMITER))
    for metadata in (longest, longest + b" "):
        head, data = StreamHead(), metadata + DELIMITER + b"x" * 2_000
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        if metadata is longest:
            found = next(filter(None, map(head.feed, pieces)))
            assert found[0] == longest
        else:
            with pytest.raises(EndlessHead, match="16384 bytes"):
                list(map(head.feed, pieces))


def streamed(value: Any) -> rest_answer.HttpResponse:
    return rest_answer.streamed_head(json.dumps(value).encode())


def test_metadata_become_status_and_headers_like_those_of_a_buffered_answer() -> None:
    head = streamed(
        {
            "statusCode": "201",
            "headers": {
                "Content-Type": "text/event-stream",
                "Date": "today",
                "X-Both": "one",
                "Content-Length": 3,
            },
            "multiValueHeaders": {"x-both": ["two", "three"]},
            "cookies": ["a=1", "b=2"],
        }
    )
    assert (head.status, head.body) == (201, b"")
    assert head.headers == (
        ("Content-Type", "text/event-stream"),
        ("x-amzn-Remapped-Date", "today"),
        ("x-both", "two"),
        ("x-both", "three"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    )


def test_empty_metadata_mean_200_and_json() -> None:
    head = streamed({})
    assert (head.status, head.headers) == (200, (("Content-Type", "application/json"),))


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", r"not an object but \[1\]"),
        (b'{"statusCode": "fine"}', "not a number"),
        (b'{"statusCode": 700}', "no HTTP status"),
        (b'{"headers": ["a"]}', "not an object"),
        (b'{"multiValueHeaders": {"a": "b"}}', "not a list"),
        (b'{"cookies": "a=1"}', "cookies is not a list"),
        (b'{"cookies": ["a=1\\r\\nx: y"]}', "line break"),
        (b'{"cookies": [{"a": 1}]}', "neither text nor a number"),
    ],
)
def test_metadata_that_mean_nothing_are_malformed(metadata: bytes, why: str) -> None:
    with pytest.raises(MalformedResponse, match=why):
        rest_answer.streamed_head(metadata)


@pytest.mark.parametrize(
    ("uri", "whole", "streams"),
    [
        (f"{PATH}/2015-03-31/functions/{ARN}/invocations", ARN, None),
        (f"{PATH}/2021-11-15/functions/{ARN}/response-streaming-invocations", None, ARN),
        (f"{PATH}/2021-11-15/functions/{ARN}:live/response-streaming-invocations", None, f"{ARN}:live"),
        (f"{PATH}/2021-11-15/functions/{ARN}/invocations", None, None),
        (f"{PATH}/2015-03-31/functions/{ARN}/response-streaming-invocations", None, None),
        (
            f"{PATH}/2021-11-15/functions/{ARN}:${{stageVariables.which}}/response-streaming-invocations",
            None,
            f"{ARN}:v2",
        ),
        (ARN, ARN, None),
    ],
    ids=[
        "invoke",
        "stream",
        "alias",
        "action of the other",
        "version of the other",
        "stage variable",
        "bare ARN",
    ],
)
def test_a_uri_says_how_its_function_is_invoked(uri: str, whole: str | None, streams: str | None) -> None:
    variables = {"which": "v2"}
    assert integration_uri.function_arn(uri, variables) == whole
    assert integration_uri.streamed_function_arn(uri, variables) == streams


def test_a_stream_waits_29_seconds_unless_it_is_told_and_15_minutes_at_most() -> None:
    assert [limits.stream_timeout_s(each) for each in (None, 50, "900000")] == [29.0, 0.05, 900.0]
    assert (limits.stream_idle_s(["EDGE"]), limits.stream_idle_s(["REGIONAL"])) == (30.0, 300.0)
