"""The caller of ``InvokeWithResponseStream``: what the function streams leaves as events, framed for the SDKs."""

from __future__ import annotations

from collections.abc import Callable

from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.drivers.streamed_answers import StreamingConnection
from lambda_sandbox.errors import ApiError
from lambda_sandbox.gateway import event_stream
from lambda_sandbox.invocation.messages import Complete, Invocation, InvocationResult


class EventStreamSink:
    """``refuse`` answers with an API error, which is possible until the first byte has left."""

    def __init__(
        self,
        connection: StreamingConnection,
        driver: ServerDriver,
        invocation: Invocation,
        log_tail: bool,
        refuse: Callable[[ApiError, str], None],
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._invocation = invocation
        self._log_tail = log_tail
        self._refuse = refuse
        self._begun = False

    def begin(self, content_type: str, hold: Callable[[bool], None] | None = None) -> None:
        self._begun = True
        invocation = self._invocation
        headers = (
            f"Content-Type: {event_stream.CONTENT_TYPE}\r\nx-amzn-RequestId: {invocation.request_id}\r\n"
            f"X-Amz-Executed-Version: {invocation.function.version}\r\n"
            f"X-Amzn-Trace-Id: {invocation.trace_header}\r\n"
        )
        self._connection.begin_stream(200, headers.encode("latin-1", "replace"), hold)

    def write(self, data: bytes) -> None:
        self._connection.stream(event_stream.payload_chunks(data))

    def complete(self, complete: Complete) -> None:
        result = complete.result
        if result is None:
            assert complete.error is not None
            self._refuse(complete.error, self._invocation.request_id)
            return
        streamed = self._begun
        if not streamed:
            self.begin("")
        error = result.function_error
        if error is None and not streamed:
            self.write(result.payload)
        details = result.payload.decode("utf-8", "replace") if error else None
        self._connection.stream(event_stream.invoke_complete(error, details, self._log_result(result)))
        self._connection.end_stream()

    def _log_result(self, result: InvocationResult) -> str | None:
        if not self._log_tail:
            return None
        return self._driver.logs.tail(self._driver.log_stream(result.environment_id))
