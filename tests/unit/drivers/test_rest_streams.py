"""A streamed reply between its function and the caller of a REST API; the whole way is in tests/contract/test_rest_api_streaming.py."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from lambda_sandbox.drivers.rest_streams import StreamedReply
from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.stream_head import DELIMITER
from lambda_sandbox.invocation.messages import Complete, Invocation, InvocationResult

# A reply does not look at the invocation that it is of.
_NOBODYS = cast(Invocation, None)
HEAD = b'{"statusCode": 200}' + DELIMITER


class Writer:
    """Keeps what a caller would get, and says when it ended."""

    is_open = True

    def __init__(self) -> None:
        self.body = b""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def stream(self, data: bytes) -> None:
        assert not self.ended.done()
        self.body += data

    def end_stream(self) -> None:
        self.ended.set_result("whole")

    def abort_stream(self) -> None:
        self.ended.set_result("broken off")


class Stage:
    """A reply, what its runtime was told, and what the history was."""

    def __init__(self, timeout_s: float = 60, idle_s: float = 60) -> None:
        self.told: list[str] = []
        self.holds: list[bool] = []
        self.reply = StreamedReply(timeout_s, idle_s, self.told.append)

    def begin(self) -> None:
        self.reply.begin("text/plain", self.holds.append)

    async def running(self, first: bytes = b"") -> Writer:
        """Let the runtime say its head, and the caller get it."""
        self.begin()
        self.reply.write(HEAD + first)
        await self.reply.metadata()
        writer = Writer()
        self.reply.send_to(writer)
        return writer

    def complete(self, payload: bytes = b"", function_error: str | None = None) -> None:
        result = InvocationResult("request", payload, "$LATEST", function_error)
        self.reply.complete(Complete(_NOBODYS, result))


def test_the_runtime_is_held_back_until_the_body_has_a_place_to_go() -> None:
    async def story() -> None:
        stage = Stage()
        stage.begin()
        stage.reply.write(HEAD[:-3])
        assert stage.holds == []
        stage.reply.write(HEAD[-3:] + b"first")
        assert stage.holds == [True]
        assert await stage.reply.metadata() == b'{"statusCode": 200}'
        writer = Writer()
        stage.reply.send_to(writer)
        assert (writer.body, stage.holds) == (b"first", [True, False])
        stage.reply.write(b" second")
        stage.complete()
        assert (writer.body, await writer.ended, stage.told) == (b"first second", "whole", [])

    asyncio.run(story())


def test_a_slow_caller_holds_the_runtime_back_and_is_not_taken_for_silence() -> None:
    async def story() -> None:
        stage = Stage(idle_s=0.02)
        writer = await stage.running()
        stage.reply.hold(True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(writer.ended), 0.1)
        stage.reply.hold(False)
        assert stage.holds == [True, False, True, False]
        assert await asyncio.wait_for(writer.ended, 5) == "broken off"
        assert stage.told == ["was broken off: not a byte for 0.02 s"]

    asyncio.run(story())


def test_time_is_up_even_where_the_caller_does_not_read() -> None:
    async def story() -> None:
        stage = Stage(timeout_s=0.05)
        writer = await stage.running(b"first")
        stage.reply.hold(True)
        assert await asyncio.wait_for(writer.ended, 5) == "broken off"
        assert stage.holds[-1] is False, "the function runs on, and its bytes are thrown away"
        stage.reply.write(b"nobody hears this")
        stage.complete()
        assert writer.body == b"first"
        assert stage.told == ["was broken off: no whole answer within 0.05 s"]

    asyncio.run(story())


@pytest.mark.parametrize(("timeout_s", "idle_s"), [(0.02, 60), (60, 0.02)])
def test_silence_before_the_head_is_a_timeout_of_the_integration(timeout_s: float, idle_s: float) -> None:
    async def story() -> None:
        stage = Stage(timeout_s, idle_s)
        stage.begin()
        with pytest.raises(GatewayError) as caught:
            await stage.reply.metadata()
        assert caught.value.kind == "INTEGRATION_TIMEOUT"
        stage.reply.write(HEAD + b"too late")
        stage.complete()
        assert (stage.told, stage.holds) == ([], [])

    asyncio.run(story())


@pytest.mark.parametrize("payload", [b"", b'{"statusCode": 200, "body": "whole"}', b" " * 20_000])
def test_a_reply_without_a_delimiter_is_malformed(payload: bytes) -> None:
    async def story() -> None:
        stage = Stage()
        stage.complete(payload)
        with pytest.raises(GatewayError, match="eight NUL bytes") as caught:
            await stage.reply.metadata()
        assert caught.value.kind == "DEFAULT_5XX"

    asyncio.run(story())


def test_a_reply_that_comes_at_once_may_have_a_head_as_well() -> None:
    async def story() -> None:
        stage = Stage()
        stage.complete(HEAD + b"all of it")
        assert await stage.reply.metadata() == b'{"statusCode": 200}'
        writer = Writer()
        stage.reply.send_to(writer)
        assert (writer.body, await writer.ended) == (b"all of it", "whole")

    asyncio.run(story())


def test_what_keeps_the_function_from_running_is_raised_where_the_head_is_awaited() -> None:
    async def story() -> None:
        stage = Stage()
        stage.reply.complete(Complete(_NOBODYS, error=TooManyRequestsException("too many")))
        with pytest.raises(TooManyRequestsException):
            await stage.reply.metadata()

    asyncio.run(story())


def test_a_dropped_reply_lets_its_function_run_on() -> None:
    async def story() -> None:
        stage = Stage()
        stage.begin()
        stage.reply.write(HEAD + b"body")
        await stage.reply.metadata()
        stage.reply.drop()
        assert stage.holds == [True, False]
        stage.reply.write(b"more")
        stage.complete(function_error="Unhandled")
        assert stage.told == []

    asyncio.run(story())
