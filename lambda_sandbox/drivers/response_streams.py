"""Responses on their way from a runtime that streams to whoever called. Buffered responses never pass through here.

DIFFERS: a streamed response goes as fast as its caller reads. AWS slows it down to 2 MB/s after its first 6 MB, so a large one takes
longer there, and the function runs, and is billed, for longer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from lambda_sandbox import quotas
from lambda_sandbox.invocation.environment import State
from lambda_sandbox.invocation.messages import Complete, Invocation, RefuseRuntime
from lambda_sandbox.runtime_api.streaming import BodySource

if TYPE_CHECKING:
    from lambda_sandbox.drivers.server import ServerDriver

# POLICY: where a runtime's process ends in the middle of a streamed response, the error names the exit and not the connection that
# broke off, if the exit is known within 0.2 s.
_EXIT_NOTICE_S = 0.2


class StreamSink(Protocol):
    """A caller that wants the response while it is made."""

    def begin(self, content_type: str, hold: Callable[[bool], None]) -> None:
        """The first byte is about to come. ``hold`` stops and restarts the runtime's sending."""
        ...

    def write(self, data: bytes) -> None: ...

    def complete(self, complete: Complete) -> None:
        """The invocation is over. A result's payload was streamed already if ``begin`` was called and nothing failed."""
        ...


class ResponseStreams:
    """Empty while nobody streams. One belongs to the driver."""

    def __init__(self, driver: ServerDriver) -> None:
        self._driver = driver
        self._sinks: dict[str, StreamSink] = {}
        self._begun: dict[str, StreamedResponse] = {}
        self._broken: dict[str, StreamedResponse] = {}

    def invoke(self, invocation: Invocation, sink: StreamSink) -> None:
        """Run ``invocation`` and give its response to ``sink`` as it comes."""
        request_id = invocation.request_id
        self._sinks[request_id] = sink

        def completed(complete: Complete) -> None:
            del self._sinks[request_id]
            sink.complete(complete)

        self._driver.invoke(invocation, completed)

    def open(
        self, environment_id: str, request_id: str, content_type: str, source: BodySource
    ) -> StreamedResponse | RefuseRuntime:
        """A runtime begins to stream; return where the bytes go, or why it may not."""
        core = self._driver.core
        environment = core.pool.environments.get(environment_id)
        out = environment.invocation if environment is not None else None
        if environment is None or environment.state is not State.INVOKE or out is None:
            return _out_of_order(environment.state if environment is not None else State.STOPPED)
        if out.request_id != request_id:
            return RefuseRuntime(400, "InvalidRequestID", f"{request_id} is not the event that is out")
        refused = self.refusal(environment_id)
        if refused is not None:
            return refused
        response = StreamedResponse(self._driver, environment_id, request_id, self._sinks.get(request_id))
        self._begun[environment_id] = response
        response.begin(content_type, source)
        return response

    def refusal(self, environment_id: str) -> RefuseRuntime | None:
        """AWS: once a response has begun, its runtime may post neither an error nor another response to the same event."""
        response = self._begun.get(environment_id)
        if response is None or not response.is_out():
            return None
        return RefuseRuntime(403, "InvalidStateTransition", "the response to this event has begun")

    def over(self, environment_id: str, response: StreamedResponse) -> None:
        """A response that had begun is at an end, whatever its end is."""
        if self._begun.get(environment_id) is response:
            del self._begun[environment_id]

    def broke_off(self, environment_id: str, response: StreamedResponse) -> None:
        """A response ended in the middle: it has failed, unless its process turns out to have ended with it."""
        self._broken[environment_id] = response
        asyncio.get_running_loop().call_later(_EXIT_NOTICE_S, self.settle, environment_id)

    def settle(self, environment_id: str) -> bool:
        """Fail a response that broke off, now; return whether there was one."""
        response = self._broken.pop(environment_id, None)
        if response is not None:
            response.truncated()
        return response is not None


class StreamedResponse:
    """One response. A caller that takes no stream gets it whole when it ends, within the limit for buffered ones."""

    def __init__(
        self, driver: ServerDriver, environment_id: str, request_id: str, sink: StreamSink | None
    ) -> None:
        self._driver = driver
        self._environment_id = environment_id
        self._request_id = request_id
        self._sink = sink
        self._kept: list[bytes] = []
        self._size = 0

    def begin(self, content_type: str, source: BodySource) -> None:
        if self._sink is not None:
            self._sink.begin(content_type, source.hold)

    def write(self, data: bytes) -> RefuseRuntime | None:
        """Pass ``data`` on. Returns a refusal, once, when the response has grown too large or the event is no longer out."""
        if not self.is_out():
            self._driver.streams.over(self._environment_id, self)
            return _out_of_order(State.RESET)
        self._size += len(data)
        limit = quotas.STREAMED_RESPONSE_BYTES if self._sink is not None else quotas.SYNC_PAYLOAD_BYTES
        if self._size > limit:
            return self._too_large(limit)
        if self._sink is not None:
            self._sink.write(data)
        else:
            self._kept.append(data)
        return None

    def end(self, error_type: str, error_body: bytes) -> RefuseRuntime | None:
        """The runtime is done; ``error_type`` and ``error_body`` (base64) are its trailers, empty after success."""
        driver = self._driver
        driver.streams.over(self._environment_id, self)
        if error_type or error_body:
            payload = _error_payload(error_type, error_body)
            return driver.runtime_error(self._environment_id, self._request_id, payload, error_type)
        driver.telemetry.runtime_done(self._environment_id, self._request_id, self._size)
        return driver.runtime_response(self._environment_id, self._request_id, b"".join(self._kept))

    def broken(self) -> None:
        """The runtime's connection ended in the middle: with its process, or because it let go."""
        if self.is_out():
            self._driver.streams.broke_off(self._environment_id, self)
        else:
            self._driver.streams.over(self._environment_id, self)

    def truncated(self) -> None:
        """Fail the event, unless it has found its end since."""
        self._driver.streams.over(self._environment_id, self)
        if self.is_out():
            payload = b'{"errorType":"Runtime.TruncatedResponse","errorMessage":"the runtime ended its response in the middle"}'
            self._driver.runtime_error(
                self._environment_id, self._request_id, payload, "Runtime.TruncatedResponse"
            )

    def is_out(self) -> bool:
        """Return whether the event that this responds to still waits for its end."""
        environment = self._driver.core.pool.environments.get(self._environment_id)
        if environment is None or environment.state is not State.INVOKE or environment.invocation is None:
            return False
        return environment.invocation.request_id == self._request_id

    def _too_large(self, limit: int) -> RefuseRuntime:
        self._driver.streams.over(self._environment_id, self)
        kind = "Function.ResponseSizeTooLarge"
        message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
        payload = f'{{"errorType":"{kind}","errorMessage":"{message}"}}'.encode()
        self._driver.runtime_error(self._environment_id, self._request_id, payload, kind)
        limit_text = f"Exceeded maximum allowed payload size ({limit} bytes)."
        return RefuseRuntime(413, "RequestEntityTooLarge", limit_text)


def _error_payload(error_type: str, error_body: bytes) -> bytes:
    """AWS: a description that is no base64 is dropped, and the type alone is told (runtime interface emulator, read 2026-11)."""
    try:
        described = base64.b64decode(error_body, validate=True)
    except binascii.Error:
        described = b""
    return described or json.dumps({"errorType": error_type}, separators=(",", ":")).encode()


def _out_of_order(state: State) -> RefuseRuntime:
    return RefuseRuntime(403, "InvalidStateTransition", f"no event is out; the state is {state}")
