"""An answer that is spelled as the last one was is compared with it, not parsed; what comes of it is the same."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from lambda_sandbox.environments.runtimes import python_client
from lambda_sandbox.http_server import Request
from lambda_sandbox.invocation.messages import Invocation, RefuseRuntime
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.runtime_api.protocol import RuntimeApiConnection

from ..test_http_server import Wire

FUNCTION = FunctionConfiguration(
    "000000000000", "us-east-1", "f", "python3.13", "app.handler", "role", "sha", 1, "revision", ""
)
RESPONSE = "/invocation/%s/response"
THEIR_NEXT = (
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAccept: */*\r\n\r\n"
)


class Host:
    """Takes what the protocol hears; some answers are refused, and one finds a defect."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.refusals = {b"too large": RefuseRuntime(413, "RequestEntityTooLarge", "too large")}

    def runtime_next(self, environment_id: str, connection: RuntimeApiConnection) -> RefuseRuntime | None:
        self.heard.append((environment_id, "next"))
        return None

    def runtime_response(self, environment_id: str, request_id: str, payload: bytes) -> RefuseRuntime | None:
        self.heard.append((environment_id, request_id, payload))
        if payload == b"defect":
            raise ZeroDivisionError
        return self.refusals.get(payload)

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        self.heard.append((environment_id, request_id, payload, error_type))
        return None


class Parsing(RuntimeApiConnection):
    """Remembers nothing, and so has to parse everything."""

    def _remember(self, request: Request) -> None:
        pass

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._spelling = b""


class Blind:
    """Stands where the parser is: nothing may come to it."""

    def feed_data(self, data: bytes) -> None:
        raise AssertionError(f"parsed: {data!r}")


def ours(request_id: str, body: bytes) -> list[bytes]:
    """Return what our own Python client sends, by segments."""
    return [python_client._post(RESPONSE % request_id, body) + python_client.NEXT]


def theirs(request_id: str, body: bytes) -> list[bytes]:
    """Return what AWS's client for Python sends."""
    head = (
        f"POST /2018-06-01/runtime{RESPONSE % request_id} HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAccept: */*\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return [head.encode() + body, THEIR_NEXT]


def theirs_as_sent(request_id: str, body: bytes) -> list[bytes]:
    """Return what AWS's client sends as it comes where it shares the server's processor: head and body each wake the server."""
    whole, asks = theirs(request_id, body)
    at = len(whole) - len(body)
    return [segment for segment in (whole[:at], whole[at:], asks) if segment]


def lengths_first(request_id: str, body: bytes) -> list[bytes]:
    """Return what a client sends whose last header is not the length."""
    head = f"POST /2018-06-01/runtime{RESPONSE % request_id} HTTP/1.1\r\nContent-Length: {len(body)}\r\nHost: x\r\n\r\n"
    return [head.encode() + body, THEIR_NEXT]


def in_chunks(request_id: str, body: bytes) -> list[bytes]:
    head = f"POST /2018-06-01/runtime{RESPONSE % request_id} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [b"%s%x\r\n%s\r\n0\r\n\r\n" % (head.encode(), len(body), body), THEIR_NEXT]


def connected(kind: type[RuntimeApiConnection], first: bytes) -> tuple[Host, RuntimeApiConnection, Wire]:
    host, wire = Host(), Wire()
    connection = kind("e-1", host)  # type: ignore[arg-type]
    connection.connection_made(wire)
    connection.data_received(first)
    return host, connection, wire


def told(
    kind: type[RuntimeApiConnection], first: bytes, events: list[list[bytes]]
) -> tuple[list[Any], bytes]:
    """Deliver an event for each list of segments, let these come while the connection is open, and return what the host heard
    and what was written."""
    host, connection, wire = connected(kind, first)
    for number, segments in enumerate(events):
        connection.deliver(Invocation(f"r-{number}", FUNCTION, b"{}", 0.0), 1)
        for segment in segments:
            if not wire.closed:
                connection.data_received(segment)
    return host.heard, b"".join(wire.writes)


CLIENTS = [(ours, python_client.NEXT), (theirs, THEIR_NEXT), (theirs_as_sent, THEIR_NEXT)]


@pytest.mark.parametrize(("spell", "first"), CLIENTS)
def test_from_the_second_answer_on_nothing_is_parsed(spell: Any, first: bytes) -> None:
    host, connection, wire = connected(RuntimeApiConnection, first)
    for number, body in enumerate((b"1", b"22", b"", b'"\r\n\r\n"', b"333" * 1000)):
        connection.deliver(Invocation(f"r-{number}", FUNCTION, b"{}", 0.0), 1)
        for segment in spell(f"r-{number}", body):
            connection.data_received(segment)
        connection._parser = Blind()
        assert host.heard[-2:] == [("e-1", f"r-{number}", body), ("e-1", "next")]
    assert b"".join(wire.writes).count(b"HTTP/1.1 202 Accepted\r\n") == 4 + (spell is not ours)


BODIES = [b"1", b"22", b"22", b"too large", b"", b"333", b'"GET"', b"4" * 70_000, b"defect", b"5"]


@pytest.mark.parametrize("spell", [ours, theirs, theirs_as_sent, lengths_first, in_chunks])
@pytest.mark.parametrize("seed", range(8))
def test_the_same_comes_of_it_as_of_parsing(spell: Any, seed: int) -> None:
    chance = random.Random(seed)
    bodies = chance.choices(BODIES, k=20)
    events = [spell(f"r-{number}", body) for number, body in enumerate(bodies)]
    if seed % 2:
        events = [torn(b"".join(segments), chance) for segments in events]

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        first = python_client.NEXT if spell is ours else THEIR_NEXT
        assert told(RuntimeApiConnection, first, events) == told(Parsing, first, events)

    asyncio.run(scene())


def torn(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(data)) for _ in range(chance.randrange(4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def odd(change: Any) -> Any:
    """Return a way to spell that is ours with something about it changed."""
    return lambda request_id, body: [change(*ours(request_id, body))]


@pytest.mark.parametrize(
    "spell",
    [
        odd(lambda message: message.replace(b"Length: 2", b"Length: 1", 1)),
        odd(lambda message: message.replace(b"Length: 2", b"Length: 3", 1)),
        odd(lambda message: message.replace(b"Length: 2", b"Length: +2", 1)),
        odd(lambda message: message.replace(b"Length: 2", b"Length: 02", 1)),
        odd(lambda message: message.replace(b"Length: 2", b"Length: " + b"9" * 5000, 1)),
        odd(lambda message: message.replace(b"Length: 2\r\n", b"Length: 2\r\nX: y\r\n", 1)),
        odd(lambda message: message.replace(b"Length: 2\r\n", b"Length: 2\r\nConnection: close\r\n", 1)),
        odd(lambda message: message + python_client.NEXT),
        odd(lambda message: message + b"GET"),
        odd(lambda message: message.replace(b"r-3", b"r-9", 1)),
        odd(lambda message: message.replace(b"/response", b"/error", 1)),
        odd(lambda message: message.replace(b"GET", b"PUT", 1)),
        lambda request_id, body: ours(request_id, body) * 2,
        lambda request_id, body: [b"\r\n", *ours(request_id, body)],
        lambda request_id, body: [b"POS", *ours(request_id, body)],
    ],
)
def test_what_is_spelled_otherwise_is_parsed(spell: Any) -> None:
    events = [ours(f"r-{number}", b"22") for number in range(3)] + [spell("r-3", b"22"), ours("r-4", b"22")]
    expected = told(Parsing, python_client.NEXT, events)
    assert told(RuntimeApiConnection, python_client.NEXT, events) == expected


POST_NEXT = b"POST /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
STREAMED_GET = (
    b"GET /2018-06-01/runtime/invocation/r-9/response HTTP/1.1\r\nHost: x\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Length: 0\r\n\r\n"
)
LONG_NEXT = THEIR_NEXT[:-2] + b"Content-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [theirs("r-0", b"0"), lengths_first("r-1", b"1"), theirs("r-1", b"late")[:1]],
            id="an answer to the event before",
        ),
        pytest.param(
            [theirs("r-0", b"0"), theirs("r-1", b"1")[:1] * 2, theirs("r-2", b"2")], id="a second answer"
        ),
        pytest.param(
            [[theirs("r-0", b"0")[0], POST_NEXT], [theirs("r-1", b"1")[0] + POST_NEXT]],
            id="posted for the next",
        ),
        pytest.param(
            [[theirs("r-0", b"0")[0], LONG_NEXT + b"hello"], [theirs("r-1", b"1")[0] + LONG_NEXT, b"hello"]],
            id="the next with a body",
        ),
        pytest.param(
            [
                [ours("r-0", b"0")[0][:-20], ours("r-0", b"0")[0][-20:]],
                [ours("r-1", b"1")[0][:-20], ours("r-1", b"1")[0][-20:]],
                ours("r-2", b"2"),
            ],
            id="torn in the next",
        ),
        *(
            pytest.param(
                [theirs("r-0", b"0"), [theirs("r-1", b"")[0][:-4] + first, second]],
                id=f"torn behind the length's {first.decode()!r}",
            )
            for first, second in [
                (b"", b"5\r\n\r\nhello"),
                (b"", b"\r\nX: y\r\n\r\n"),
                (b"0", b"\r\n\r\n"),
                (b"", b""),
                (b"2\r\n\r\n", b"1" + theirs("r-1", b"")[0]),
                (b"1\r\n\r\n", b"1" + THEIR_NEXT + THEIR_NEXT),
                (b"9" * 12 + b"\r\n\r\n", b"1"),
                (b"x\r\n\r\n", b""),
            ]
        ),
        pytest.param(
            [
                theirs("r-0", b"0"),
                [STREAMED_GET, theirs("r-1", b"real")[0]],
                [STREAMED_GET.replace(b"GET", b"PUT"), *theirs("r-2", b"real")],
                [STREAMED_GET.replace(b"GET", b"POST").replace(b"Host", b"Origin"), *theirs("r-3", b"real")],
            ],
            id="what is no stream",
        ),
    ],
)
def test_what_only_looks_alike_is_parsed(events: list[list[bytes]]) -> None:
    assert told(RuntimeApiConnection, THEIR_NEXT, events) == told(Parsing, THEIR_NEXT, events)


@pytest.mark.parametrize(("spell", "first"), CLIENTS)
def test_errors_and_torn_messages_before_change_nothing(spell: Any, first: bytes) -> None:
    """Whatever came before, from the second answer on nothing is parsed."""
    host, connection, _ = connected(RuntimeApiConnection, first)
    for number in range(24):
        connection.deliver(Invocation(f"r-{number}", FUNCTION, b"{}", 0.0), 1)
        segments = spell(f"r-{number}", b"1")
        if number < 10:
            segments = [segment.replace(b"/response", b"/error") for segment in segments]
        elif number < 20:
            whole = b"".join(segments)
            segments = [whole[:-20], whole[-20:]]
        elif number > 20:
            connection._parser = Blind()
        for segment in segments:
            connection.data_received(segment)
    assert host.heard[-2:] == [("e-1", "r-23", b"1"), ("e-1", "next")]


def test_a_runtime_that_no_longer_listens_is_not_answered() -> None:
    host, connection, wire = connected(RuntimeApiConnection, THEIR_NEXT)
    for number in range(3):
        connection.deliver(Invocation(f"r-{number}", FUNCTION, b"{}", 0.0), 1)
        answer, asks = theirs(f"r-{number}", b"1")
        wire.closed = number == 2
        before = len(wire.writes)
        connection.data_received(answer)
        if not wire.closed:
            connection.data_received(asks)
    assert host.heard[-1] == ("e-1", "r-2", b"1")
    assert len(wire.writes) == before


def test_empty_lines_between_messages_do_not_add_up() -> None:
    _, connection, wire = connected(RuntimeApiConnection, python_client.NEXT)
    for number in range(300):
        connection.deliver(Invocation(f"r-{number}", FUNCTION, b"{}", 0.0), 1)
        connection.data_received(ours(f"r-{number}", b"1")[0].removesuffix(python_client.NEXT))
        connection.data_received(b"\r\n" * 4096)
        connection.data_received(python_client.NEXT)
    assert not wire.closed


def test_a_length_in_the_body_is_no_header() -> None:
    """The head says nothing of a length, so that the body is empty and what looks like a head is another request."""
    head = b"POST /2018-06-01/runtime/invocation/r-%d/response HTTP/1.1\r\nHost: x\r\n\r\n"
    inside = b"X\r\nContent-Length: 2\r\n\r\n"
    events = [[head % number + inside] for number in range(3)]
    assert told(RuntimeApiConnection, THEIR_NEXT, events) == told(Parsing, THEIR_NEXT, events)
