"""What a function URL makes of requests and of results; the whole way is in tests/contract/test_function_url.py."""

import json

import pytest

from lambda_sandbox.drivers import url_cors, url_events
from lambda_sandbox.drivers.url_events import MalformedResponse, Prelude
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import Cors

HEAD = json.dumps({"statusCode": 201, "headers": {"X-A": "1"}, "cookies": ["c=1"]}).encode() + b"\0" * 8


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
def test_a_prelude_may_come_in_pieces_of_any_size(size: int) -> None:
    prelude, data = Prelude(), HEAD + b"body\0\0"
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    rest = b""
    head = None
    for piece in pieces:
        if head is not None:
            rest += piece
            continue
        found = prelude.feed(piece)
        if found is not None:
            head, rest = found
    assert head is not None
    assert (head.status, head.headers["x-a"], head.cookies, rest) == (201, "1", ["c=1"], b"body\0\0")


@pytest.mark.parametrize(
    "head", [b"[]", b"{", b'{"statusCode": 42}', b'{"statusCode": "x"}', b'{"headers": 1}']
)
def test_metadata_that_means_nothing_is_malformed(head: bytes) -> None:
    with pytest.raises(MalformedResponse):
        Prelude().feed(head + b"\0" * 8)


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        (b'{"statusCode": 204}', 204, b""),
        (b'{"statusCode": "200", "body": {"a": 1}}', 200, b'{"a": 1}'),
        (b'{"message": "hi"}', 200, b'{"message": "hi"}'),
        (b'"plain"', 200, b"plain"),
        (b"12", 200, b"12"),
    ],
    ids=["no body", "object as body", "no status", "text", "number"],
)
def test_results_become_responses(result: bytes, status: int, body: bytes) -> None:
    response = url_events.response(result)
    assert (response.status, response.body) == (status, body)


def test_no_origin_means_no_cors_headers_and_anyone_is_a_star() -> None:
    cors = Cors(allow_origins=("*",), allow_methods=("*",))
    plain: dict[str, str] = {}
    url_cors.apply(cors, Request(b"GET", b"/", [], b""), plain)
    assert plain == {}
    asked = Request(b"GET", b"/", [(b"origin", b"https://a.example")], b"")
    url_cors.apply(cors, asked, plain)
    assert plain["access-control-allow-origin"] == "*"
