"""The Runtime API 2018-06-01, one listener an execution environment: the listener says which environment speaks.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes", read 2026-11.
"""

from __future__ import annotations

import re
from typing import Protocol

from lambda_sandbox.http_server import HttpConnection, Request
from lambda_sandbox.invocation.messages import Invocation, RefuseRuntime
from lambda_sandbox.runtime_api import extensions, telemetry
from lambda_sandbox.runtime_api.extensions import ExtensionsHost
from lambda_sandbox.runtime_api.streaming import MODE_HEADER, BodySource, BodyTarget, PassedOn, StreamedBody
from lambda_sandbox.runtime_api.telemetry import TelemetryHost

_PREFIX = b"/2018-06-01/runtime/"
_INVOCATION = _PREFIX + b"invocation/"
_NEXT = _INVOCATION + b"next"
_RESTORE_NEXT = _PREFIX + b"restore/next"
_ACCEPTED = b'{"status":"OK"}'
_JSON = b"Content-Type: application/json\r\n"
# What stands behind the target of an answer whose last header is its length; each client spells it in its own way, and always so.
_SPELLING = re.compile(rb"( HTTP/1\.1\r\n.*\r\ncontent-length: )\d+\r\n\r\n", re.IGNORECASE | re.DOTALL)
_DIGITS = 10  # of a length; one of as many is too long for any answer
_ASKS_NEXT = Request(b"GET", _NEXT, [], b"")
_ACCEPTED_WHOLE = b"HTTP/1.1 202 Accepted\r\n%sContent-Length: %d\r\n\r\n%s" % (
    _JSON,
    len(_ACCEPTED),
    _ACCEPTED,
)


class RuntimeApiHost(Protocol):
    """What the protocol needs of the driver. Each answer method returns ``None`` for 202."""

    @property
    def extensions(self) -> ExtensionsHost: ...

    @property
    def telemetry(self) -> TelemetryHost: ...

    def runtime_next(self, environment_id: str, connection: RuntimeApiConnection) -> RefuseRuntime | None: ...

    def runtime_response(
        self, environment_id: str, request_id: str, payload: bytes
    ) -> RefuseRuntime | None: ...

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None: ...

    def runtime_init_error(
        self, environment_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None: ...

    def runtime_restore_next(
        self, environment_id: str, connection: RuntimeApiConnection
    ) -> RefuseRuntime | None: ...

    def runtime_restore_error(
        self, environment_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None: ...

    def runtime_stream(
        self, environment_id: str, request_id: str, content_type: str, source: BodySource
    ) -> BodyTarget | RefuseRuntime: ...


class RuntimeApiConnection(HttpConnection):
    def __init__(self, environment_id: str, host: RuntimeApiHost) -> None:
        super().__init__()
        self.environment_id = environment_id
        self._host = host
        self._awaited = (b"", "")  # the target of the answer to the last event, and its request id
        self._spelling = b""  # what the client's last answer had between that target and the length
        self._expected = b""  # how the answer to the last event will begin if it is spelled alike
        self._begun = b""  # the head of an answer that is spelled alike, while its body has not come
        self._streamed: StreamedBody | None = None

    # --- a body that comes in chunks and is handed on as it comes -------------------------------------

    early_headers = HttpConnection.early_headers | {MODE_HEADER}

    def early_header(self, name: bytes, value: bytes) -> None:
        if name == MODE_HEADER:
            self._begin_stream(value)
        else:
            super().early_header(name, value)

    def connection_lost(self, exc: Exception | None) -> None:
        streamed, self._streamed = self._streamed, None
        if streamed is not None:
            streamed.broken()
        super().connection_lost(exc)

    def hold(self, on: bool) -> None:
        """Stop reading from the runtime, or go on: its caller is slower than it is."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if on:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _begin_stream(self, mode: bytes) -> None:
        """Look at the head of a POST that says how its body comes; one that is not in its place is refused when it ends."""
        request_id, _, action = self._target[len(_INVOCATION) :].decode("latin-1").partition("/")
        if action != "response" or not self._target.startswith(_INVOCATION):
            return
        if self._parser.get_method() != b"POST" or any(name == b"origin" for name, _ in self._headers):
            return  # refused as any other
        if mode.lower() != b"streaming":
            message = (
                f"{mode.decode('latin-1')!r} is no response mode: it is streaming, or the header is left out"
            )
            self._streamed = StreamedBody(RefuseRuntime(400, "InvalidFunctionResponseMode", message))
            return
        content_type = next((value for name, value in self._headers if name == b"content-type"), b"")
        target = self._host.runtime_stream(
            self.environment_id, request_id, content_type.decode("latin-1"), self
        )
        self._streamed = StreamedBody(target)
        self._body = PassedOn(self._streamed)

    def _end_stream(self, request: Request) -> None:
        streamed, self._streamed = self._streamed, None
        assert streamed is not None
        error_type = request.header(b"lambda-runtime-function-error-type").decode("latin-1")
        self._answer_post(streamed.end(error_type, request.header(b"lambda-runtime-function-error-body")))

    # --- an answer that is spelled as the last one was ------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._begun:
            data, self._begun = self._begun + data, b""
        if self._expected and data.startswith(self._expected) and self._between_requests:
            digits, end, rest = data[len(self._expected) :].partition(b"\r\n\r\n")
            if end and digits.isdigit() and len(digits) < _DIGITS:
                size = int(digits)
                behind = rest[size:]
                # Our own Python client sends the request for the next event with it.
                if size <= len(rest) and (not behind or self._asked_so_before(behind)):
                    self._take_answer(rest[:size], asks_next=bool(behind))
                    return
                # AWS's sends the head alone, and where we share its processor that wakes us before the body comes.
                if not rest:
                    self._begun = data
                    return
        super().data_received(data)

    def _asked_so_before(self, message: bytes) -> bool:
        """Return whether it is, byte for byte, how this client asked for an event when that was parsed."""
        head = self._head
        return message == head.raw and head.size == len(head.raw) and head.target == _NEXT

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        target, segment = self._awaited[0], self._segment
        if self._began_here and self._target == target and segment.startswith(b"POST "):
            head = segment[: segment.find(b"\r\n\r\n") + 4]
            spelled = _SPELLING.fullmatch(head, len(b"POST ") + len(target))
            self._spelling = b""
            if spelled is not None and self._parser.should_keep_alive():
                self._spelling = spelled[1]

    def _remember(self, request: Request) -> None:
        if request.method == b"GET":  # what asks for the next event comes again and again
            self._keep_head(request)

    def _take_answer(self, body: bytes, asks_next: bool) -> None:
        self._expected, self._head_bytes = b"", 0
        self._corked = True
        try:
            refusal = self._host.runtime_response(self.environment_id, self._awaited[1], body)
            if refusal is not None:
                self._refuse_runtime(refusal)
            elif self.is_open:
                self._held += _ACCEPTED_WHOLE
            if asks_next:
                self._current = _ASKS_NEXT
                self._ask_next()
        except Exception as fault:
            self._failed(fault)
        self._corked = False
        if self._held and self._current is None:
            self._write(b"")

    # --- requests ------------------------------------------------------------------------------------

    def handle(self, request: Request) -> None:
        target = request.target
        if target == self._awaited[0] and self._streamed is None and request.method == b"POST":
            # The answer to the event that this connection was given.
            self._answer_post(
                self._host.runtime_response(self.environment_id, self._awaited[1], request.body)
            )
        elif target == _NEXT and request.method == b"GET":
            self._ask_next()
        elif target == _RESTORE_NEXT and request.method == b"GET":
            # The answer comes when the environment is restored; a snapshot's own process never gets one.
            refusal = self._host.runtime_restore_next(self.environment_id, self)
            if refusal is not None:
                self._refuse_runtime(refusal)
        elif request.header(b"origin"):
            # No runtime client sends one; a browser page always does.
            self.answer_json(
                403, {"errorType": "Forbidden", "errorMessage": "browsers may not speak to the Runtime API"}
            )
        elif target.startswith(extensions.PREFIX):
            extensions.handle(self._host.extensions, self.environment_id, self, request)
        elif target.startswith((telemetry.PATH, telemetry.LOGS_PATH)):
            telemetry.handle(self._host.telemetry, self.environment_id, self, request)
        elif request.method == b"POST" and target.startswith(_PREFIX):
            self._post(request, target[len(_PREFIX) :].decode("latin-1"))
        else:
            self.answer_json(404, {"errorType": "NotFound", "errorMessage": "no such Runtime API path"})

    def deliver(self, invocation: Invocation, deadline_ms: int) -> None:
        """Answer the waiting ``GET /next`` with an event."""
        request_id = invocation.request_id
        target = _INVOCATION + request_id.encode() + b"/response"
        self._awaited = target, request_id
        self._expected = b"POST " + target + self._spelling if self._spelling else b""
        headers = (
            f"Content-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {invocation.invoked_arn or invocation.function.arn}\r\n"
            f"Lambda-Runtime-Trace-Id: {invocation.trace_header}\r\n"
        )
        if invocation.client_context:
            headers += f"Lambda-Runtime-Client-Context: {invocation.client_context}\r\n"
        if invocation.cognito_identity:
            headers += f"Lambda-Runtime-Cognito-Identity: {invocation.cognito_identity}\r\n"
        if invocation.tenant_id:
            headers += f"Lambda-Runtime-Aws-Tenant-Id: {invocation.tenant_id}\r\n"
        self.answer(200, headers.encode("latin-1", "replace"), invocation.payload)

    def resume(self) -> None:
        """Answer the waiting ``GET /restore/next``: the runtime runs its after-restore hooks now."""
        self.answer(200, _JSON, b"")

    def _ask_next(self) -> None:
        """The answer comes with the next event, perhaps much later."""
        refusal = self._host.runtime_next(self.environment_id, self)
        if refusal is not None:
            self._refuse_runtime(refusal)

    def _post(self, request: Request, path: str) -> None:
        if self._streamed is not None:
            self._end_stream(request)
            return
        error_type = request.header(b"lambda-runtime-function-error-type").decode("latin-1")
        if path == "init/error":
            self._answer_post(self._host.runtime_init_error(self.environment_id, request.body, error_type))
            return
        if path == "restore/error":
            self._answer_post(self._host.runtime_restore_error(self.environment_id, request.body, error_type))
            return
        kind, _, rest = path.partition("/")
        request_id, _, action = rest.partition("/")
        if kind == "invocation" and action == "response":
            self._answer_post(self._host.runtime_response(self.environment_id, request_id, request.body))
        elif kind == "invocation" and action == "error":
            self._answer_post(
                self._host.runtime_error(self.environment_id, request_id, request.body, error_type)
            )
        else:
            self.answer_json(
                404, {"errorType": "NotFound", "errorMessage": f"no such Runtime API path: {path}"}
            )

    def _answer_post(self, refusal: RefuseRuntime | None) -> None:
        if refusal is None:
            self.answer(202, _JSON, _ACCEPTED)
        else:
            self._refuse_runtime(refusal)

    def _refuse_runtime(self, refusal: RefuseRuntime) -> None:
        self.answer_json(refusal.status, {"errorType": refusal.error_type, "errorMessage": refusal.message})
