"""What all connections to the sandbox's one address share: the rooms that answer, and where names lead.

Where an invocation by a name goes is remembered until functions change. Every other Lambda operation goes through gateway
and control plane in one worker thread, so that a slow upload never holds up an invocation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lambda_sandbox import errors
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.drivers.callers import account_of, credential_of
from lambda_sandbox.drivers.endpoint_needs import Gateway, LogCopies, Model, Neighbours, Plane
from lambda_sandbox.drivers.front_doors import FrontDoors
from lambda_sandbox.drivers.function_urls import FunctionUrls
from lambda_sandbox.drivers.gate import Gate
from lambda_sandbox.drivers.own_routes import OwnRoutes
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import Caller, FunctionUrl

RouteKey = tuple[bytes, bytes, bytes, str]  # name, query, signer, account


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
    _routes: dict[RouteKey, Route] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.function_urls = FunctionUrls(self.driver, self.plane, self._signer)

    def _signer(self, request: Request, url: FunctionUrl) -> Caller:
        """Return who signed a request to a function URL. Raises ``AccessDeniedException`` when nobody did.

        DIFFERS: a function URL with ``AuthType=AWS_IAM`` refuses who has not signed, and takes any key and any signature unless the
        sandbox was started with ``--enforce-iam``.
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

    def route(self, key: RouteKey, request: Request) -> Route:
        """Return where invocations by this key go, from memory if it was asked for since the last change."""
        return self._routes.get(key) or self._find_route(key, request)

    def _find_route(self, key: RouteKey, request: Request) -> Route:
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

    def operate(
        self, request: Request, operation: tuple[str, dict[str, str]], caller: Caller, request_id: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Run in the worker thread: parse, call, serialize."""
        name, path_params = operation
        query = parse_qs(urlsplit(request.target.decode("latin-1")).query, keep_blank_values=True)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in request.headers}
        params = self.gateway.parse(name, path_params, query, headers, request.body)
        caller = replace(caller, host=headers.get("host", ""))
        answer = self.gateway.serialize(name, self.plane.call(name, params, caller), request_id)
        return answer.status, _pairs(answer.headers), answer.body

    def error(self, error: errors.ApiError, request_id: str) -> tuple[int, list[tuple[str, str]], bytes]:
        answer = self.gateway.serialize_error(error, request_id)
        return answer.status, _pairs(answer.headers), answer.body

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the loop and keep a reference until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def route_key(name: bytes, query: bytes, fields: dict[bytes, bytes], admitted: str) -> RouteKey:
    """``admitted`` is the account that the request was let in for where IAM is enforced, else empty."""
    authorization = fields.get(b"authorization", b"")
    signer = authorization[: authorization.find(b",")]  # what comes behind it changes with every request
    return name, query, signer, admitted


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers)
