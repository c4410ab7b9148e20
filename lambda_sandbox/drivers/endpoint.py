"""The endpoint: one address for Lambda, its neighbours and the sandbox's own routes.

``Invoke`` takes a short path of its own; every other Lambda operation goes through gateway and control plane in one
worker thread, so that a slow upload never holds up an invocation.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from lambda_sandbox import errors
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.drivers.cloudwatch import Answer
from lambda_sandbox.drivers.event_stream_sink import EventStreamSink
from lambda_sandbox.drivers.front_doors import CONNECTIONS, PATH_FORM, FrontDoors
from lambda_sandbox.drivers.function_urls import FunctionUrls
from lambda_sandbox.drivers.gate import Gate, Refused
from lambda_sandbox.drivers.own_routes import OwnRoutes
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.drivers.web_sockets import SocketConnection
from lambda_sandbox.http_server import Request
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.invocation import request as request_checks
from lambda_sandbox.invocation.messages import Complete, Invocation, InvocationType
from lambda_sandbox.resources import Caller, FunctionConfiguration, FunctionUrl
from lambda_sandbox.services.neighbours import ACCOUNT_HEADER
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
_CREDENTIAL = re.compile(rb"Credential=([^/\s,]*)/\d+/([^/\s,]+)/([^/\s,]+)/aws4_request")
_LOCAL_HOST = re.compile(
    rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|(?:[a-z0-9.-]+\.)?localhost)(?::\d{1,5})?", re.IGNORECASE
)


_RouteKey = tuple[bytes, bytes, bytes, str]  # name, query, signer, account


class WireResponse(Protocol):
    status: int
    headers: list[tuple[str, str]] | dict[str, str]
    body: bytes


class Model(Protocol):
    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None: ...


class Gateway(Protocol):
    """What the endpoint needs of ``gateway``."""

    def parse(
        self,
        operation: str,
        path_params: dict[str, str],
        query: dict[str, list[str]],
        headers: dict[str, str],
        body: bytes,
    ) -> dict[str, Any]: ...

    def serialize(self, operation: str, result: dict[str, Any], request_id: str) -> Any: ...

    def serialize_error(self, error: errors.ApiError, request_id: str) -> Any: ...


class Plane(Protocol):
    def call(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]: ...

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration: ...

    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route: ...

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]: ...

    def function_url(self, url_id: str) -> FunctionUrl | None: ...

    def refusal_of_url(self, url: FunctionUrl, who: Principal | None) -> str: ...


class Neighbours(Protocol):
    async def forward(
        self,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        cause: Cause | None = None,
        skew_ms: float = 0.0,
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class LogCopies(Protocol):
    async def flush(self) -> None: ...

    def forwarded(self, target: str, body: bytes, account_id: str, region: str) -> None: ...


# What is written there reaches a stream: event source mappings need not wait for their next look.
STREAM_WRITERS = frozenset({b"kinesis", b"dynamodb"})
# Where schedules are made and switched.
SCHEDULERS = frozenset({b"events", b"scheduler", b"cloudformation"})


@dataclass(slots=True)
class Endpoint:
    """What all connections share."""

    config: Config
    driver: ServerDriver
    model: Model
    gateway: Gateway
    plane: Plane
    neighbours: Neighbours | None
    log_copies: LogCopies | None
    own_routes: OwnRoutes
    worker: Executor
    gate: Gate | None = None
    on_stream_write: Callable[[], None] = lambda: None
    on_schedule_change: Callable[[], None] = lambda: None
    function_urls: FunctionUrls = field(init=False)
    front_doors: FrontDoors | None = None
    _routes: dict[_RouteKey, Route] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.function_urls = FunctionUrls(self.driver, self.plane, self._signer)

    def _signer(self, request: Request, url: FunctionUrl) -> Caller:
        """Return who signed a request to a function URL. Raises ``AccessDeniedException`` when nobody did.

        DIFFERS: without --enforce-iam any access key is accepted, and its signature taken as it is.
        """
        access_key, region, service = credential_of(request)
        if service != b"lambda" or region.decode("latin-1") != url.region:
            raise errors.AccessDeniedException("Forbidden")
        caller = account_of(self.config, access_key, region)
        if request.principal is not None:  # IAM is enforced: the signature was verified
            caller = replace(caller, account_id=request.principal.account_id)
        return caller

    def forget_resolved(self) -> None:
        """Functions changed: look names up again."""
        self._routes.clear()

    def route(
        self, name: bytes, query: bytes, request: Request, fields: dict[bytes, bytes], admitted: str
    ) -> Route:
        """Return where invocations by this name go, from memory if it was asked for since the last change.

        ``admitted`` is the account that the request was let in for where IAM is enforced, else empty.
        """
        authorization = fields.get(b"authorization", b"")
        signer = authorization[: authorization.find(b",")]  # what comes behind it changes with every request
        key = (name, query, signer, admitted)
        return self._routes.get(key) or self._find_route(key, request)

    def _find_route(self, key: _RouteKey, request: Request) -> Route:
        name, query, _, admitted = key
        access_key, region, _ = credential_of(request)
        caller = account_of(self.config, access_key, region)
        if admitted:
            caller = replace(caller, account_id=admitted)
        path = {"FunctionName": unquote(name.decode("latin-1"))}
        asked = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        named = self.gateway.parse("Invoke", path, asked, {}, b"")
        route = self.plane.route(named["FunctionName"], named.get("Qualifier"), caller)
        if len(self._routes) > 10_000:
            self._routes.clear()
        if (
            route.function.account_id == caller.account_id
        ):  # else a permission decides, which may be taken back
            self._routes[key] = route
        return route

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the loop and keep a reference until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class EndpointConnection(SocketConnection):
    """``inner`` is True for connections from inside an environment or a notebook that is being graded: no reset there."""

    def __init__(self, endpoint: Endpoint, *, inner: bool = False) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._inner = inner
        self._local_host = b""
        self._admitted = ""  # the account of the request at hand, where IAM is enforced

    def handle(self, request: Request) -> None:
        fields = dict(request.headers)
        host = fields.get(b"host", b"")
        if self._serves_door(request, host):
            return
        gate = self._endpoint.gate
        if gate is not None and request.principal is None and not request.target.startswith(b"/_sandbox/"):
            self._endpoint.spawn(self._admit(gate, request))
            return
        if host != self._local_host or b"origin" in fields:
            if b".lambda-url." in host and self._endpoint.function_urls.handle(self, request, host):
                return
            refusal = self._refuse_foreign(request, host)
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
                    self._invoke(request, name, query, fields)
                    return
            other = _OTHER_INVOKES.fullmatch(target) if request.method == b"POST" else None
            if other is not None:
                self._invoke_otherwise(request, other, fields)
                return
            if target.startswith(b"/_sandbox/"):
                self._endpoint.spawn(self._own(request))
                return
            account, region, service = credential_of(request)
            if service in (b"", b"lambda"):
                operation = self._endpoint.model.match(request.method.decode(), target.decode("latin-1"))
                if operation is not None:
                    self._endpoint.spawn(self._operate(request, operation, self._caller(account, region)))
                    return
                if service == b"lambda":
                    # AWS: an address that leads to no operation is refused before anything says "not found".
                    self._answer_error(
                        errors.AccessDeniedException(
                            "Unable to determine service/operation name to be authorized"
                        )
                    )
                    return
            doors = self._endpoint.front_doors
            if service == b"execute-api" and target.startswith(CONNECTIONS) and doors is not None:
                doors.manage(self, request)
                return
            self._endpoint.spawn(self._forward(request, service))
        except errors.ApiError as error:
            self._answer_error(error)

    def _serves_door(self, request: Request, host: bytes) -> bool:
        """Let a front door answer if the request is for one. Doors are open to every origin and do their own admission."""
        by_path = request.target.startswith(PATH_FORM)
        if host == self._local_host and not by_path:
            return False
        doors = self._endpoint.front_doors
        if doors is None or not doors.takes(request, host):
            return False
        if by_path and not _LOCAL_HOST.fullmatch(host):
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
            self._invoke(request, match[1], match[3] or b"", fields, streamed=True)
            return
        # InvokeAsync knows neither qualifier nor headers: everything but the event is left out.
        kept = {key: value for key, value in fields.items() if not key.startswith(b"x-amz-")}
        self._invoke(request, match[2], b"", kept | {b"x-amz-invocation-type": b"Event"})

    def _invoke(
        self,
        request: Request,
        name: bytes,
        query: bytes,
        fields: dict[bytes, bytes],
        *,
        streamed: bool = False,
    ) -> None:
        for header in request_checks.REFUSED_HEADERS:
            if header in fields:
                request_checks.refuse_header(header.decode())
        endpoint = self._endpoint
        driver = endpoint.driver
        route = endpoint.route(name, query, request, fields, self._admitted)
        function, routed = (route.function, "") if route.other is None else endpoint.plane.choose(route)
        kind = fields.get(b"x-amz-invocation-type", b"").decode("latin-1")
        invocation_type = request_checks.invocation_type(kind, streamed=streamed)
        payload = request_checks.checked_payload(request.body, invocation_type)
        request_id = request_checks.new_request_id()
        if invocation_type is InvocationType.DRY_RUN:
            self.answer(204, f"x-amzn-RequestId: {request_id}\r\n".encode(), b"")
            return
        now = driver.clock.now()
        trace = fields.get(b"x-amzn-trace-id", b"").decode("latin-1")
        context = fields.get(b"x-amz-client-context", b"").decode("latin-1")
        invocation = Invocation(
            request_id,
            function,
            payload,
            now,
            invocation_type,
            request_checks.decoded_context(context) if context else "",
            trace or request_checks.trace_header(now, request_id),
        )
        invocation.invoked_arn, invocation.routed = route.invoked_arn, routed
        tenant = fields.get(b"x-amz-tenant-id", b"")
        if tenant or function.tenant_isolation:
            invocation.tenant_id = request_checks.tenant_id(function, tenant.decode("latin-1"))
        identity = fields.get(b"x-sandbox-cognito-identity")
        if identity:
            invocation.cognito_identity = request_checks.cognito_identity(identity.decode("latin-1"))
        log_type = fields.get(b"x-amz-log-type", b"")
        log_tail = request_checks.wants_tail(log_type.decode("latin-1")) if log_type else False
        if streamed:
            sink = EventStreamSink(self, driver, invocation, log_tail, self._answer_error)
            driver.streams.invoke(invocation, sink)
            return
        driver.invoke(invocation, self._tailed if log_tail else self._completed)

    def _tailed(self, complete: Complete) -> None:
        self._completed(complete, log_tail=True)

    def _completed(self, complete: Complete, log_tail: bool = False) -> None:
        result = complete.result
        if result is None:
            assert complete.error is not None
            self._answer_error(complete.error, complete.invocation.request_id)
            return
        headers = (
            f"Content-Type: application/json\r\nx-amzn-RequestId: {result.request_id}\r\n"
            f"X-Amzn-Trace-Id: {complete.invocation.trace_header}\r\n"
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
                self._endpoint.worker, self._call, request, operation, caller, request_id
            )
        except errors.ApiError as error:
            self._answer_error(error, request_id)
        except Exception as fault:
            self._fault(fault)
        else:
            head = "".join(f"{key}: {value}\r\n" for key, value in headers)
            self.answer(status, head.encode("latin-1", "replace"), body)

    def _call(
        self, request: Request, operation: tuple[str, dict[str, str]], caller: Caller, request_id: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Run in the worker thread: parse, call, serialize."""
        name, path_params = operation
        gateway = self._endpoint.gateway
        query = parse_qs(urlsplit(request.target.decode("latin-1")).query, keep_blank_values=True)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in request.headers}
        params = gateway.parse(name, path_params, query, headers, request.body)
        caller = replace(caller, host=headers.get("host", ""))
        answer = gateway.serialize(name, self._endpoint.plane.call(name, params, caller), request_id)
        return answer.status, _pairs(answer.headers), answer.body

    async def _forward(self, request: Request, service: bytes) -> None:
        endpoint = self._endpoint
        own = self._observed(request, service)
        if own is not None:
            self.answer(*own)
            return
        if endpoint.neighbours is None:
            self.answer_json(
                503, {"message": "the neighbours (S3, SQS and the rest) are switched off in this sandbox"}
            )
            return
        try:
            if service == b"logs" and endpoint.log_copies is not None:
                await endpoint.log_copies.flush()
            given = [pair for pair in request.headers if pair[0] != ACCOUNT_HEADER]
            if request.principal is not None:
                given.append((ACCOUNT_HEADER, request.principal.account_id.encode()))
            status, headers, body = await endpoint.neighbours.forward(
                request.method.decode(), request.target.decode("latin-1"), given, request.body, *self.cause()
            )
            if endpoint.gate is not None:
                endpoint.gate.forwarded(service)
            if service == b"logs" and endpoint.log_copies is not None and status == 200:
                access_key, region, _ = credential_of(request)
                caller = self._caller(access_key, region)
                target = request.header(b"x-amz-target").decode("latin-1")
                endpoint.log_copies.forwarded(target, request.body, caller.account_id, caller.region)
            if service in STREAM_WRITERS:
                endpoint.on_stream_write()
            if service in SCHEDULERS and not request.header(b"x-amz-target").endswith(b".PutEvents"):
                endpoint.on_schedule_change()
            if endpoint.front_doors is not None:
                endpoint.front_doors.forwarded(service)
        except Exception as fault:
            self._fault(fault)
            return
        lines = [
            pair for pair in headers if request.method == b"HEAD" or pair[0].lower() != b"content-length"
        ]
        self.answer(status, lines, body)

    def _observed(self, request: Request, service: bytes) -> Answer | None:
        """Answer what asks for metrics, alarms and traces: those the sandbox knows itself."""
        if service not in (b"monitoring", b"xray"):
            return None
        access_key, region, _ = credential_of(request)
        caller = self._caller(access_key, region)
        account_id = request.principal.account_id if request.principal is not None else caller.account_id
        fields = dict(request.headers)
        driver = self._endpoint.driver
        try:
            if service == b"xray":
                target = request.target.decode("latin-1")
                return driver.xray.answer(
                    request.method.decode(), target, fields, request.body, account_id, caller.region
                )
            return driver.cloudwatch.answer(request.target, fields, request.body, account_id, caller.region)
        except Exception as fault:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "request failed", "exception": fault}
            )
            return 500, [], f"the sandbox failed ({type(fault).__name__}: {fault}); please report it".encode()

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

    def _refuse_foreign(self, request: Request, host: bytes) -> str:
        """DNS rebinding and cross-site requests: only local names, and no other origin's pages."""
        if not _LOCAL_HOST.fullmatch(host):
            return f"the sandbox answers to local names only, not to Host {host.decode('latin-1')!r}"
        origin = request.header(b"origin")
        if origin and origin.lower() not in (b"http://" + host.lower(), b"https://" + host.lower()):
            return "the sandbox takes no browser requests from another origin"
        return ""

    def _answer_error(self, error: errors.ApiError, request_id: str = "") -> None:
        answer = self._endpoint.gateway.serialize_error(error, request_id or str(uuid.uuid4()))
        head = "".join(f"{key}: {value}\r\n" for key, value in _pairs(answer.headers))
        self.answer(answer.status, head.encode("latin-1", "replace"), answer.body)

    def _fault(self, fault: Exception) -> None:
        """A defect of ours: say so in one sentence, keep the traceback for the server's own stderr."""
        asyncio.get_running_loop().call_exception_handler({"message": "request failed", "exception": fault})
        self._answer_error(
            errors.ServiceException(f"the sandbox failed ({type(fault).__name__}: {fault}); please report it")
        )


def account_of(config: Config, access_key: bytes, region: bytes) -> Caller:
    """Return whom an access key belongs to, in the Region of its credential scope."""
    key = access_key.decode("latin-1")
    account = key if len(key) == 12 and key.isdigit() else config.account_id
    return Caller(account, region.decode("latin-1") or config.region, key)


def credential_of(request: Request) -> tuple[bytes, bytes, bytes]:
    found = _CREDENTIAL.search(request.header(b"authorization"))
    if found is None and b"X-Amz-Credential=" in request.target:
        query = parse_qs(urlsplit(request.target.decode("latin-1")).query)
        found = _CREDENTIAL.search(b"Credential=" + query.get("X-Amz-Credential", [""])[0].encode())
    return (found[1], found[2], found[3]) if found else (b"", b"", b"")


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers)
