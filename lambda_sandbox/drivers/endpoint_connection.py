"""One caller's connection: what each request is for, and its answer.

``Invoke`` takes a short path of its own, without a call more than it needs: every microsecond of it is in every benchmark.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import replace

from msgspec import Struct

from lambda_sandbox import errors
from lambda_sandbox.drivers import local_hosts, neighbour_answers
from lambda_sandbox.drivers.callers import account_of, credential_of
from lambda_sandbox.drivers.endpoint import Endpoint, RouteKey, route_key
from lambda_sandbox.drivers.event_stream_sink import EventStreamSink
from lambda_sandbox.drivers.front_doors import CONNECTIONS, PATH_FORM
from lambda_sandbox.drivers.gate import Gate, Refused
from lambda_sandbox.drivers.web_sockets import SocketConnection
from lambda_sandbox.http_server import Request
from lambda_sandbox.invocation import request as request_checks
from lambda_sandbox.invocation.messages import DRY_RUN, Complete, Invocation
from lambda_sandbox.resources import Caller
from lambda_sandbox.services.refusal import json_code, refusal
from lambda_sandbox.telemetry.neighbour_usage import Cause

_INVOKE_PREFIX = b"/2015-03-31/functions/"
_INVOKE_SUFFIX = b"/invocations"
_INVOKE_SUFFIXES = (_INVOKE_SUFFIX, _INVOKE_SUFFIX + b"/")
# The two other ways to invoke: streamed, and the deprecated asynchronous one.
_OTHER_INVOKES = re.compile(
    rb"/(?:2021-11-15/functions/([^/?]+)/response-streaming-invocations/?"
    rb"|2014-11-13/functions/([^/?]+)/invoke-async/?)(?:\?(.*))?"
)


class _Asked(Struct, frozen=True):
    """What the head of an ``Invoke`` asks for, as text; ``None`` where a header is not there and that makes a difference."""

    key: RouteKey
    kind: str
    trace: str
    context: str
    tenant: str
    identity: str
    log_type: str
    durable_name: str | None

    @classmethod
    def read(cls, key: RouteKey, fields: dict[bytes, bytes]) -> _Asked:
        def text(name: bytes) -> str:
            return fields.get(name, b"").decode("latin-1")

        named = text(request_checks.DURABLE_NAME) if request_checks.DURABLE_NAME in fields else None
        return cls(
            key,
            text(b"x-amz-invocation-type"),
            text(b"x-amzn-trace-id"),
            text(b"x-amz-client-context"),
            text(b"x-amz-tenant-id"),
            text(b"x-sandbox-cognito-identity"),
            text(b"x-amz-log-type"),
            named,
        )


class EndpointConnection(SocketConnection):
    """``inner`` is True for connections from inside an environment or a notebook that is being graded: no reset there."""

    def __init__(self, endpoint: Endpoint, *, inner: bool = False) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._inner = inner
        self._local_host = b""
        self._admitted = ""  # the account of the request at hand, where IAM is enforced

    def handle(self, request: Request) -> None:
        head = request.head
        if head is not None and head.made is not None:
            self._invoke(request, head.made)
            return
        fields = dict(request.headers)
        host = fields.get(b"host", b"")
        by_path = request.target.startswith(PATH_FORM)
        if (by_path or host != self._local_host) and self._serves_door(request, host, by_path):
            return
        gate = self._endpoint.gate
        if gate is not None and request.principal is None and not request.target.startswith(b"/_sandbox/"):
            self._endpoint.spawn(self._admit(gate, request))
            return
        if host != self._local_host or b"origin" in fields:
            if b".lambda-url." in host and self._endpoint.function_urls.handle(self, request, host):
                return
            refusal = local_hosts.refusal_of(request, host)
            if refusal:
                self.answer_json(403, {"message": refusal})
                return
            self._local_host = host  # a connection goes on asking for the same host: look at it once
        target = request.target
        try:
            if target.startswith(_INVOKE_PREFIX) and request.method == b"POST":
                path, _, query = target.partition(b"?")
                if path.endswith(_INVOKE_SUFFIXES):
                    name = path[len(_INVOKE_PREFIX) : path.rindex(_INVOKE_SUFFIX)]
                    asked = _Asked.read(route_key(name, query, fields, self._admitted), fields)
                    if head is not None and gate is None:
                        head.made = asked
                    self._invoke(request, asked)
                    return
            self._handle_other(request, fields)
        except errors.ApiError as error:
            self._answer_error(error)

    def _handle_other(self, request: Request, fields: dict[bytes, bytes]) -> None:
        """Take up what is no plain ``Invoke``. Raises ``ApiError``."""
        target, endpoint = request.target, self._endpoint
        other = _OTHER_INVOKES.fullmatch(target) if request.method == b"POST" else None
        if other is not None:
            self._invoke_otherwise(request, other, fields)
            return
        if target.startswith(b"/_sandbox/"):
            endpoint.spawn(self._own(request))
            return
        access_key, region, service = credential_of(request)
        caller = self._caller(access_key, region)
        if service in (b"", b"lambda"):
            operation = endpoint.model.match(request.method.decode(), target.decode("latin-1"))
            if operation is not None:
                refusal = endpoint.own_routes.keeping.change_refusal(request, *operation, inner=self._inner)
                if refusal:
                    raise errors.AccessDeniedException(refusal)
                endpoint.spawn(self._operate(request, operation, caller))
                return
        if service == b"lambda":
            # AWS: an address that leads to no operation is refused before anything says "not found".
            raise errors.AccessDeniedException("Unable to determine service/operation name to be authorized")
        if service == b"execute-api" and target.startswith(CONNECTIONS) and endpoint.front_doors is not None:
            endpoint.front_doors.manage(self, request)
            return
        endpoint.spawn(self._pass_on(request, service, caller))

    def _serves_door(self, request: Request, host: bytes, by_path: bool) -> bool:
        """Let a front door answer if the request is for one. Doors are open to every origin and do their own admission."""
        doors = self._endpoint.front_doors
        if doors is None or not doors.takes(request, host):
            return False
        if by_path and not local_hosts.is_local(host):
            return False
        doors.handle(self, request, host)
        return True

    async def _admit(self, gate: Gate, request: Request) -> None:
        """Take the request up again once the gate has let it in."""
        try:
            request.principal = await gate.admit(request)
            self._admitted = request.principal.account_id
        except Refused as refused:
            self._answer_refused(refused, request)
        except errors.ApiError as error:
            self._answer_error(error)
        except Exception as fault:
            self._fault(fault)
        else:
            self.handle(request)

    def _answer_refused(self, refused: Refused, request: Request) -> None:
        if refused.service in ("", "lambda"):
            code = json_code(refused.kind)
            denied = refused.kind == "denied"
            self._answer_error(
                errors.AccessDeniedException(refused.message)
                if denied
                else errors.UnauthenticatedException(refused.message, code)
            )
            return
        answer = refusal(refused.service, refused.kind, refused.message, request.headers)
        self.answer(answer.status, answer.headers, answer.body)

    # --- invoke --------------------------------------------------------------------------------------

    def _invoke_otherwise(self, request: Request, match: re.Match[bytes], fields: dict[bytes, bytes]) -> None:
        if match[1] is not None:
            key = route_key(match[1], match[3] or b"", fields, self._admitted)
            self._invoke(request, _Asked.read(key, fields), streamed=True)
            return
        # InvokeAsync knows neither qualifier nor headers: everything but the event is left out.
        kept = {key: value for key, value in fields.items() if not key.startswith(b"x-amz-")}
        kept[b"x-amz-invocation-type"] = b"Event"
        self._invoke(request, _Asked.read(route_key(match[2], b"", fields, self._admitted), kept))

    def _invoke(self, request: Request, asked: _Asked, *, streamed: bool = False) -> None:
        try:
            self._run(request, asked, streamed)
        except errors.ApiError as error:
            self._answer_error(error)

    def _run(self, request: Request, asked: _Asked, streamed: bool) -> None:
        endpoint = self._endpoint
        driver = endpoint.driver
        route = endpoint.route(asked.key, request)
        function, routed = (route.function, "") if route.other is None else endpoint.plane.choose(route)
        invocation_type = request_checks.invocation_type(asked.kind, streamed=streamed)
        payload = request_checks.checked_payload(request.body, invocation_type)
        request_id = request_checks.new_request_id()
        if invocation_type is DRY_RUN:
            self.answer(204, f"x-amzn-RequestId: {request_id}\r\n".encode(), b"")
            return
        now = driver.clock.now()
        invocation = Invocation(
            request_id,
            function,
            payload,
            now,
            invocation_type,
            request_checks.decoded_context(asked.context) if asked.context else "",
            request_checks.continued(asked.trace, now, request_id),
        )
        invocation.invoked_arn, invocation.routed = route.invoked_arn, routed
        if asked.tenant or function.tenant_isolation:
            invocation.tenant_id = request_checks.tenant_id(function, asked.tenant)
        if asked.identity:
            invocation.cognito_identity = request_checks.cognito_identity(asked.identity)
        log_tail = request_checks.wants_tail(asked.log_type) if asked.log_type else False
        if asked.durable_name is not None and function.durable_timeout_s is None:
            request_checks.refuse_durable_name()
        if streamed:
            sink = EventStreamSink(self, driver, invocation, log_tail, self._answer_error)
            driver.streams.invoke(invocation, sink)
            return
        if function.durable_timeout_s is not None:
            self._start_execution(invocation, request_checks.durable_name(asked.durable_name or ""), log_tail)
            return
        driver.run(invocation, self._tailed if log_tail else self._completed)

    def _start_execution(self, invocation: Invocation, name: str, log_tail: bool) -> None:
        """A durable function is not invoked but executed; who waits, waits for the end of it."""
        durable = self._endpoint.driver.durable
        assert durable is not None

        def completed(complete: Complete) -> None:
            arn = getattr(complete.result, "durable_execution_arn", "")
            self._completed(complete, log_tail, f"X-Amz-Durable-Execution-Arn: {arn}\r\n")

        durable.start(invocation, completed, name)

    def _tailed(self, complete: Complete) -> None:
        self._completed(complete, log_tail=True)

    def _completed(self, complete: Complete, log_tail: bool = False, more: str = "") -> None:
        result = complete.result
        if result is None:
            assert complete.error is not None
            self._answer_error(complete.error, complete.invocation.request_id)
            return
        headers = (
            f"Content-Type: application/json\r\nx-amzn-RequestId: {result.request_id}\r\n"
            f"X-Amzn-Trace-Id: {complete.invocation.trace_header}\r\n{more}"
        )
        if result.status_code == 200:
            headers += f"X-Amz-Executed-Version: {result.executed_version}\r\n"
        if result.function_error:
            headers += f"X-Amz-Function-Error: {result.function_error}\r\n"
        if log_tail:
            driver = self._endpoint.driver
            stream = driver.log_stream(result.environment_id)
            headers += f"X-Amz-Log-Result: {driver.logs.tail(stream)}\r\n"
        self.answer(result.status_code, headers.encode("latin-1"), result.payload)

    # --- everything else -----------------------------------------------------------------------------

    async def _operate(self, request: Request, operation: tuple[str, dict[str, str]], caller: Caller) -> None:
        request_id = str(uuid.uuid4())
        loop = asyncio.get_running_loop()
        try:
            status, headers, body = await loop.run_in_executor(
                self._endpoint.worker, self._endpoint.operate, request, operation, caller, request_id
            )
        except errors.ApiError as error:
            self._answer_error(error, request_id)
        except Exception as fault:
            self._fault(fault)
        else:
            self._answer_text(status, headers, body)

    async def _pass_on(self, request: Request, service: bytes, caller: Caller) -> None:
        try:
            answer = await neighbour_answers.answer(self._endpoint, request, service, caller, self.cause())
        except Exception as fault:
            self._fault(fault)
        else:
            self.answer(*answer)

    def cause(self) -> tuple[Cause, float]:
        """Return whose requests come this way, and by how many milliseconds that one's clock is ahead."""
        return Cause(), 0.0

    async def _own(self, request: Request) -> None:
        try:
            status, headers, body = await self._endpoint.own_routes.answer(request, inner=self._inner)
        except Exception as fault:
            self._fault(fault)
        else:
            self.answer(status, headers, body)

    # --- parts ---------------------------------------------------------------------------------------

    def _caller(self, access_key: bytes, region: bytes) -> Caller:
        """AWS: keys belong to accounts; here a 12-digit access key is the account itself."""
        caller = account_of(self._endpoint.config, access_key, region)
        return replace(caller, account_id=self._admitted) if self._admitted else caller

    def _answer_error(self, error: errors.ApiError, request_id: str = "") -> None:
        self._answer_text(*self._endpoint.error(error, request_id or str(uuid.uuid4())))

    def _answer_text(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        head = "".join(f"{key}: {value}\r\n" for key, value in headers)
        self.answer(status, head.encode("latin-1", "replace"), body)

    def _fault(self, fault: Exception) -> None:
        """A defect of ours: say so in one sentence, keep the traceback for the server's own stderr.

        What the machine lacks, such as room on the disk, is none: its sentence says what to do.
        """
        if isinstance(fault, errors.SandboxFault):
            self._answer_error(errors.ServiceException(str(fault)))
            return
        asyncio.get_running_loop().call_exception_handler({"message": "request failed", "exception": fault})
        self._answer_error(
            errors.ServiceException(f"the sandbox failed ({type(fault).__name__}: {fault}); please report it")
        )
