"""Function URLs served: ``http://<url-id>.lambda-url.<region>.localhost:<port>/`` on the sandbox's own port.

DIFFERS: function URLs are plain HTTP: no certificate, no ``https``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Protocol

from lambda_sandbox import errors, quotas
from lambda_sandbox.control_plane.function_urls import refuse_tenants
from lambda_sandbox.drivers import url_cors, url_events
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.drivers.streamed_answers import StreamingConnection
from lambda_sandbox.drivers.url_events import MalformedResponse, Prelude, UrlResponse
from lambda_sandbox.http_server import Request
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.invocation.messages import Complete, Invocation
from lambda_sandbox.invocation.request import continued
from lambda_sandbox.resources import Caller, FunctionConfiguration, FunctionUrl

_HOST = re.compile(rb"([a-z0-9]+)\.lambda-url\.([a-z0-9-]+)\.localhost(?::\d{1,5})?", re.IGNORECASE)
_ERROR = b"Internal Server Error"


class UrlPlane(Protocol):
    """What the front needs of the control plane."""

    def function_url(self, url_id: str) -> FunctionUrl | None: ...

    def refusal_of_url(self, url: FunctionUrl, who: Principal | None) -> str: ...

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration: ...


class FunctionUrls:
    """``authenticate`` returns who signed a request for an ``AWS_IAM`` URL. Raises ``AccessDeniedException``."""

    def __init__(
        self,
        driver: ServerDriver,
        plane: UrlPlane,
        authenticate: Callable[[Request, FunctionUrl], Caller],
    ) -> None:
        self._driver = driver
        self._plane = plane
        self._authenticate = authenticate

    def handle(self, connection: StreamingConnection, request: Request, host: bytes) -> bool:
        """Take the request and answer it, now or later; ``False`` when ``host`` names no function URL."""
        named = _HOST.fullmatch(host)
        if named is None:
            return False
        url = self._plane.function_url(named[1].decode().lower())
        if url is None or url.region != named[2].decode().lower():
            _refuse(connection, 404, None, "ResourceNotFoundException")
            return True
        exchange = Exchange(connection, request, url, lambda size: self._sent(url, size))
        try:
            self._serve(exchange)
        except errors.ApiError as refused:
            exchange.fail(refused.status, refused.message, refused.code)
        return True

    def _serve(self, exchange: Exchange) -> None:
        request, url = exchange.request, exchange.url
        if url.cors is not None and url_cors.is_preflight(request):
            exchange.answer(UrlResponse(200, url_cors.preflight_headers(url.cors, request)))
            return
        caller = self._authenticate(request, url) if url.auth_type == "AWS_IAM" else None
        if request.principal is not None:  # with --enforce-iam
            self._check_permission(request.principal, url)
        owner = Caller(url.account_id, url.region)
        function = self._plane.resolve(url.function_name, url.qualifier or None, owner)
        refuse_tenants(function)  # a URL that an earlier release let somebody make
        invocation = self._invocation(exchange, function, caller)
        if len(invocation.payload) > quotas.SYNC_PAYLOAD_BYTES:
            text = f"Request must be smaller than {quotas.SYNC_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            exchange.fail(413, text, "RequestTooLargeException")
            return
        exchange.begin(invocation)
        if url.invoke_mode == "RESPONSE_STREAM":
            self._driver.streams.invoke(invocation, StreamedExchange(exchange))
        else:
            self._driver.invoke(invocation, exchange.complete)

    def _sent(self, url: FunctionUrl, size: int) -> None:
        """What leaves by a function URL leaves for the internet, and is metered."""
        driver = self._driver
        driver.history.neighbours.add(driver.clock.now(), url.function_name, "transfer.out", size)

    def _check_permission(self, principal: Principal, url: FunctionUrl) -> None:
        why = self._plane.refusal_of_url(url, principal)
        if why:
            now, action = self._driver.clock.now(), "lambda:InvokeFunctionUrl"
            self._driver.history.denial(now, principal.arn, action, url.function_arn, why)
            raise errors.AccessDeniedException("Forbidden")

    def _invocation(
        self, exchange: Exchange, function: FunctionConfiguration, caller: Caller | None
    ) -> Invocation:
        request, url = exchange.request, exchange.url
        now, request_id = self._driver.clock.now(), str(uuid.uuid4())
        trace = continued(request.header(b"x-amzn-trace-id").decode("latin-1"), now, request_id)
        event = url_events.event(request, url, request_id, now, exchange.address(), trace)
        if caller is not None:
            event["requestContext"]["accountId"] = caller.account_id
            user = f"arn:aws:iam::{caller.account_id}:root"
            event["requestContext"]["authorizer"] = url_events.iam_authorizer(
                caller.account_id, caller.access_key, user, caller.account_id
            )
        payload = json.dumps(event, separators=(",", ":")).encode()
        invocation = Invocation(request_id, function, payload, now, trace_header=trace)
        if url.qualifier:
            invocation.invoked_arn = url.function_arn
        return invocation


class Exchange:
    """One request to a function URL and its answer. ``sent(size)`` hears of every byte of a body that leaves."""

    def __init__(
        self,
        connection: StreamingConnection,
        request: Request,
        url: FunctionUrl,
        sent: Callable[[int], None],
    ) -> None:
        self._sent = sent
        self.connection = connection
        self.request = request
        self.url = url
        self._identity = ""

    def address(self) -> tuple[str, int]:
        """Return the caller's IP address and the port that it called."""
        return self.connection.addresses()

    def begin(self, invocation: Invocation) -> None:
        self._identity = (
            f"x-amzn-RequestId: {invocation.request_id}\r\nX-Amzn-Trace-Id: {invocation.trace_header}\r\n"
        )

    def complete(self, complete: Complete) -> None:
        """Answer with a buffered result."""
        result = complete.result
        if result is None or result.function_error:
            self.fail_as(complete)
            return
        try:
            response = url_events.response(result.payload)
        except MalformedResponse:
            self.bad_gateway()
            return
        url_cors.apply(self.url.cors, self.request, response.headers)
        self.answer(response)

    def fail_as(self, complete: Complete) -> None:
        """Answer for an invocation that failed: 429 for a throttle, 502 for what the function did."""
        error = complete.error
        if error is None:
            self.bad_gateway()
        elif isinstance(error, errors.TooManyRequestsException):
            members = {"Reason": error.members.get("Reason"), "Type": "User", "message": error.message}
            self._answer_error(429, json.dumps(members).encode(), error.code)
        else:
            self.fail(error.status, error.message, error.code)

    def bad_gateway(self) -> None:
        self._answer_error(502, _ERROR, "InternalServerErrorException", "text/plain")

    def fail(self, status: int, message: str, code: str) -> None:
        self._answer_error(status, json.dumps({"Message": message}).encode(), code)

    def answer(self, response: UrlResponse) -> None:
        self._sent(len(response.body))
        self.connection.answer(response.status, self.head(response), response.body)

    def stream(self, data: bytes) -> None:
        self._sent(len(data))
        self.connection.stream(data)

    def head(self, response: UrlResponse) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        lines += "".join(f"Set-Cookie: {cookie}\r\n" for cookie in response.cookies)
        return (self._identity + lines).encode("utf-8", "replace")

    def _answer_error(
        self, status: int, body: bytes, code: str, content_type: str = "application/json"
    ) -> None:
        headers = {"content-type": content_type, "x-amzn-errortype": code}
        url_cors.apply(self.url.cors, self.request, headers)
        self.answer(UrlResponse(status, headers, [], body))


class StreamedExchange:
    """The same with ``RESPONSE_STREAM``: the head leaves as soon as it is known, the body as it comes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._prelude: Prelude | None = None
        self._hold: Callable[[bool], None] | None = None
        self._begun = False
        self._failed = False

    def begin(self, content_type: str, hold: Callable[[bool], None]) -> None:
        self._hold = hold
        if content_type.partition(";")[0].strip().lower() == url_events.INTEGRATION:
            self._prelude = Prelude()
        else:
            headers = {"content-type": content_type or "application/octet-stream"}
            self._send_head(UrlResponse(200, headers))

    def write(self, data: bytes) -> None:
        if self._prelude is not None:
            try:
                found = self._prelude.feed(data)
            except MalformedResponse:
                self._failed, self._prelude = True, None
                self._exchange.bad_gateway()
                return
            if found is None:
                return
            response, data = found
            self._prelude = None
            self._send_head(response)
        if not self._failed:
            self._exchange.stream(data)

    def complete(self, complete: Complete) -> None:
        result = complete.result
        if self._failed:
            return
        if self._begun:
            if result is None or result.function_error:
                self._exchange.connection.abort_stream()  # the status has left: only the missing end can tell
            else:
                self._exchange.connection.end_stream()
        elif result is None or result.function_error:
            self._exchange.fail_as(complete)
        elif self._prelude is not None:
            self._exchange.bad_gateway()
        else:
            self._send_head(UrlResponse(200, {"content-type": "application/octet-stream"}))
            self._exchange.stream(result.payload)
            self._exchange.connection.end_stream()

    def _send_head(self, response: UrlResponse) -> None:
        self._begun = True
        exchange = self._exchange
        url_cors.apply(exchange.url.cors, exchange.request, response.headers)
        exchange.connection.begin_stream(response.status, exchange.head(response), self._hold)


def _refuse(connection: StreamingConnection, status: int, message: str | None, code: str) -> None:
    connection.answer_json(status, {"Message": message}, f"x-amzn-errortype: {code}\r\n".encode())
