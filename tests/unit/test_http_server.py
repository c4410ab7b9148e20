from __future__ import annotations

import asyncio

import pytest

from lambda_sandbox.http_server import HttpConnection, Request


class Echo(HttpConnection):
    """Answers at once, except ``/later``, which waits for ``release``."""

    max_body_bytes = 1000

    def handle(self, request: Request) -> None:
        self.seen = request
        if request.target != b"/later":
            self.answer(200, b"", request.body)

    def release(self) -> None:
        self.answer(200, b"", b"late")


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def connect() -> tuple[Echo, Wire]:
    connection, wire = Echo(), Wire()
    connection.connection_made(wire)
    return connection, wire


def post(path: str, body: bytes, extra: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_an_answer_is_one_write() -> None:
    connection, wire = connect()
    connection.data_received(post("/", b"hello"))
    assert len(wire.writes) == 1
    assert wire.writes[0].endswith(b"Content-Length: 5\r\n\r\nhello")


def test_a_request_may_come_in_single_bytes() -> None:
    connection, wire = connect()
    for byte in post("/", b"hello"):
        connection.data_received(bytes([byte]))
    assert wire.writes[0].endswith(b"hello")


def test_pipelined_answers_keep_their_order() -> None:
    connection, wire = connect()
    connection.data_received(post("/later", b"") + post("/", b"second"))
    assert wire.writes == []
    connection.release()
    assert b"".join(wire.writes).index(b"late") < b"".join(wire.writes).index(b"second")


def test_an_answer_followed_by_a_waiting_request_goes_out_with_the_next_one() -> None:
    connection, wire = connect()
    connection.data_received(post("/", b"first") + post("/later", b""))
    assert wire.writes == []
    connection.release()
    assert len(wire.writes) == 1
    assert wire.writes[0].index(b"first") < wire.writes[0].index(b"late")


def test_thousands_that_waited_are_answered_one_after_the_other() -> None:
    connection, wire = connect()
    connection.data_received(post("/later", b"") + post("/", b"next") * 5_000)
    connection.release()
    assert b"".join(wire.writes).count(b"HTTP/1.1 200 OK") == 5_001


def test_whoever_expects_to_be_asked_for_the_body_is_asked() -> None:
    connection, wire = connect()
    head, _, body = post("/", b"hello", "Expect: 100-Continue\r\n").partition(b"hello")
    connection.data_received(head)
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    connection.data_received(b"hello" + body)
    assert wire.writes[1].endswith(b"hello")


def test_a_chunked_body_is_put_together() -> None:
    connection, wire = connect()
    connection.data_received(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert wire.writes[0].endswith(b"abcde")


def test_expect_100_is_answered_before_the_body_comes() -> None:
    connection, wire = connect()
    connection.data_received(post("/", b"body", "Expect: 100-continue\r\n")[:-4])
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    connection.data_received(b"body")
    assert wire.writes[1].endswith(b"body")


def test_a_body_over_the_limit_is_refused_and_the_connection_closed() -> None:
    connection, wire = connect()
    connection.data_received(post("/", b"x" * 1001))
    assert wire.writes[0].startswith(b"HTTP/1.1 413")
    assert wire.closed


def test_what_is_not_http_gets_400() -> None:
    connection, wire = connect()
    connection.data_received(b"\x16\x03\x01 hello TLS\r\n\r\n")
    assert wire.writes[0].startswith(b"HTTP/1.1 400")
    assert wire.closed


def test_connection_close_is_honoured() -> None:
    connection, wire = connect()
    connection.data_received(post("/", b"bye", "Connection: close\r\n"))
    assert wire.writes[-1].endswith(b"bye")
    assert wire.closed


def test_a_defect_in_a_handler_is_the_servers_fault_not_the_requests() -> None:
    async def scene() -> tuple[bytes, list[object]]:
        seen: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
        connection, wire = connect()
        connection.handle = lambda request: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        connection.data_received(post("/", b""))
        return wire.writes[0], seen

    answer, seen = asyncio.run(scene())
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"ZeroDivisionError" in answer
    assert [type(each) for each in seen] == [ZeroDivisionError]


# --- a head that comes again -----------------------------------------------------------------------------


class Forgetful(Echo):
    """Has to parse everything."""

    def _remember(self, request: Request) -> None:
        pass


def answered(kind: type[Echo], segments: list[bytes]) -> list[tuple[bytes, object]]:
    """Let segments come while the connection is open; return after each what was written and the last request that was seen."""
    connection, wire = kind(), Wire()
    connection.connection_made(wire)
    found: list[tuple[bytes, object]] = []
    for segment in segments:
        if wire.closed:
            break
        if segment == b"release":
            connection.release()
        else:
            connection.data_received(segment)
        seen = connection.seen
        values = seen.method, seen.target, tuple(seen.headers), seen.body, tuple(seen.names)
        found.append((b"".join(wire.writes), (*values, seen.keep_alive, seen.http_version)))
    return found


AGAIN = post("/", b"hello")


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([AGAIN] * 3, id="the same"),
        pytest.param([AGAIN, post("/", b"other")] * 2, id="another body"),
        pytest.param([AGAIN, post("/", b"longer ones")] * 2, id="another length"),
        pytest.param([AGAIN, AGAIN[:-2], AGAIN[-2:], AGAIN], id="in two parts"),
        pytest.param([AGAIN, AGAIN[:4], AGAIN, AGAIN], id="behind part of another"),
        pytest.param([AGAIN + AGAIN] * 2 + [AGAIN], id="two in one"),
        pytest.param([AGAIN + post("/a", b"world"), AGAIN + post("/b", b"world")], id="others in one"),
        pytest.param([post("/later", b"1"), AGAIN, b"release", AGAIN, AGAIN], id="behind one that waits"),
        pytest.param([b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"] * 3, id="without a body"),
        pytest.param([b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" * 2] * 2, id="two without a body"),
        pytest.param([post("/", b"hello", "Expect: 100-continue\r\n")] * 3, id="expecting an answer first"),
        pytest.param([post("/", b"hello", "Connection: close\r\n")] * 2, id="the last one"),
        pytest.param([post("/", b"x" * 2000)] * 2, id="too large"),
        pytest.param(
            [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"] * 3, id="in chunks"
        ),
        pytest.param([AGAIN, b"\r\n", AGAIN, AGAIN], id="an empty line between"),
        pytest.param([AGAIN + AGAIN[:4], AGAIN[4:], AGAIN[4:]], id="begun behind another"),
        pytest.param(
            [AGAIN + b"GET /a HTTP/1.1\r\nX: ", post("/b", b"hi"), post("/b", b"hi")], id="inside a header"
        ),
        pytest.param(
            [b"GET /x HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"] * 3, id="an older version"
        ),
        pytest.param([AGAIN, AGAIN[:-5] + b"\0\r\n\xff\xfe"], id="bytes"),
    ],
)
def test_a_head_that_comes_again_is_read_as_it_was(segments: list[bytes]) -> None:
    assert answered(Echo, segments) == answered(Forgetful, segments)


def test_a_head_that_comes_again_is_not_parsed() -> None:
    connection, wire = connect()
    connection.data_received(AGAIN)
    connection._parser = None
    connection.data_received(post("/", b"other"))
    assert wire.writes[1].endswith(b"\r\n\r\nother")


def test_a_caller_whose_heads_all_differ_pays_nothing_for_it_in_the_end() -> None:
    connection, _ = connect()
    for number in range(20):
        connection.data_received(post(f"/{number}", b"hello"))
    assert connection._head.target == b"/7"
    assert connection._segment == b""


def test_a_defect_met_by_a_head_that_comes_again_is_answered() -> None:
    class Failing(Echo):
        def handle(self, request: Request) -> None:
            if request.body == b"fails":
                raise ZeroDivisionError("by zero")
            super().handle(request)

    async def scene() -> None:
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        connection, wire = Failing(), Wire()
        connection.connection_made(wire)
        connection.data_received(AGAIN)
        connection.data_received(post("/", b"fails"))
        assert wire.writes[1].startswith(b"HTTP/1.1 500 ")
        assert wire.closed
        assert [type(fault["exception"]) for fault in faults] == [ZeroDivisionError]

    asyncio.run(scene())
