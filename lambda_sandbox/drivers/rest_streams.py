"""A function's streamed reply on its way to a REST API's caller: its metadata first, then its body while it is made.

Source: API Gateway Developer Guide, "Stream the integration response for your proxy integrations in API Gateway", read 2026-11.

DIFFERS: a REST API streams as fast as its caller reads. AWS slows a streamed answer down to 2 MB/s after its first 10 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.http_request import BodyWriter
from lambda_sandbox.front_doors.stream_head import EndlessHead, StreamHead
from lambda_sandbox.invocation.messages import Complete

# UNCONFIRMED: what AWS answers where a function does not stream. Its reply has no delimiter, and so is taken for malformed here.
_NO_HEAD = (
    "the reply ended without the eight NUL bytes that end its metadata: with responseTransferMode STREAM the function must stream, "
    "in Node.js with awslambda.HttpResponseStream.from"
)


class StreamedReply:
    """A ``StreamSink`` for the function, and a ``BodyStream`` for the front door. Belongs to one event loop.

    After ``timeout_s`` in all, or ``idle_s`` without a byte, the reply is cut; the function runs on, and nobody hears it.
    ``told(sentence)`` hears why a reply broke off behind its head, where no status can say it any more.

    UNCONFIRMED: that ``idle_s`` counts before the head as well.
    """

    def __init__(self, timeout_s: float, idle_s: float, told: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s, self._idle_s = timeout_s, idle_s
        self._told = told
        self._metadata: asyncio.Future[bytes] = self._loop.create_future()
        self._head = StreamHead()
        self._kept: list[bytes] = []
        self._writer: BodyWriter | None = None
        # Whether the reply is whole, once it is over.
        self._whole: bool | None = None
        self._hold_runtime: Callable[[bool], None] | None = None
        self._held = False
        self._caller_is_slow = False
        self._deadline = self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def metadata(self) -> bytes:
        """Return what the reply says before its body; the time that it may take begins now.

        Raises ``GatewayError``, or the ``ApiError`` that kept Lambda from running the function.
        """
        self._heard_at = self._loop.time()
        self._deadline = self._heard_at + self._timeout_s
        if self._whole is None:
            self._watch()
        return await self._metadata

    def drop(self) -> None:
        """Nobody wants the body: let the function run on."""
        self._end(whole=False)

    # --- StreamSink ----------------------------------------------------------------------------------

    def begin(self, content_type: str, hold: Callable[[bool], None]) -> None:
        self._hold_runtime = hold

    def write(self, data: bytes) -> None:
        if self._whole is not None:
            return
        self._heard_at = self._loop.time()
        if not self._metadata.done():
            try:
                found = self._head.feed(data)
            except EndlessHead as reason:
                self._fail(GatewayError("DEFAULT_5XX", f"malformed streamed reply: {reason}"))
                return
            if found is None:
                return
            head, data = found
            self._metadata.set_result(head)
            self._steer()
        if self._writer is not None:
            self._writer.stream(data)
        else:
            self._kept.append(data)

    def complete(self, complete: Complete) -> None:
        result = complete.result
        if complete.error is not None:
            self._fail(complete.error)
        elif result is None or result.function_error:
            self._fail(GatewayError("DEFAULT_5XX", "the function failed"))
        else:
            if self._hold_runtime is None:
                self.write(result.payload)  # it did not stream, and says all at once
            if self._metadata.done():
                self._end(whole=True)
            else:
                self._fail(GatewayError("DEFAULT_5XX", f"malformed streamed reply: {_NO_HEAD}"))

    # --- BodyStream ----------------------------------------------------------------------------------

    def hold(self, on: bool) -> None:
        self._caller_is_slow = on
        self._steer()

    def send_to(self, writer: BodyWriter) -> None:
        self._writer = writer
        kept, self._kept = self._kept, []
        for data in kept:
            writer.stream(data)
        if self._whole is None:
            self._steer()
        else:
            _close(writer, self._whole)

    # --- time, pace and end --------------------------------------------------------------------------

    def _steer(self) -> None:
        """Hold the runtime back while the caller is slow, or until it is known where the body goes."""
        waits = self._metadata.done() and self._writer is None
        wanted = self._whole is None and (self._caller_is_slow or waits)
        if wanted != self._held and self._hold_runtime is not None:
            self._held, self._heard_at = wanted, self._loop.time()
            self._hold_runtime(wanted)

    def _watch(self) -> None:
        """Cut the reply if its time is up, else look again when it may be."""
        now = self._loop.time()
        # A runtime that is held back cannot be heard.
        silent_at = (now if self._held else self._heard_at) + self._idle_s
        if now >= self._deadline:
            self._fail(GatewayError("INTEGRATION_TIMEOUT", f"no whole answer within {self._timeout_s:g} s"))
        elif now >= silent_at:
            self._fail(GatewayError("INTEGRATION_TIMEOUT", f"not a byte for {self._idle_s:g} s"))
        else:
            self._timer = self._loop.call_at(min(self._deadline, silent_at), self._watch)

    def _fail(self, error: Exception) -> None:
        if self._whole is not None:
            return
        if not self._metadata.done():
            self._metadata.set_exception(error)
        elif not self._metadata.cancelled():
            self._told(f"was broken off: {error}")
        self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        if self._whole is not None:
            return
        self._whole = whole
        if self._timer is not None:
            self._timer.cancel()
        self._steer()
        if self._writer is not None:
            _close(self._writer, whole)


def _close(writer: BodyWriter, whole: bool) -> None:
    if whole:
        writer.end_stream()
    else:
        writer.abort_stream()
