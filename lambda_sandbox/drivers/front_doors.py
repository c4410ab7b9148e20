"""Front doors served on the sandbox's own port: ``http://<name>.<kind>.<region>.localhost:<port>/``.

Where ``*.localhost`` does not resolve, a path names the same host: ``http://127.0.0.1:<port>/_sandbox/door/<host>/<path>``,
with or without the ending ``.localhost``.

DIFFERS: APIs, load balancers and distributions are reached over plain HTTP at names that end in ``.localhost``. Where a machine
does not resolve these, use the path ``/_sandbox/door/<host>/<path>`` on the sandbox's own address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from lambda_sandbox.drivers.cloudwatch import Answer
from lambda_sandbox.drivers.web_sockets import SocketConnection, SocketSession
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.http_server import Request
from lambda_sandbox.invocation.messages import InvocationResult

PATH_FORM = b"/_sandbox/door/"
CONNECTIONS = b"/@connections/"
_ENDING = b".localhost"
# Calls of these services may change an API: through its own operations, or as a resource of a stack.
CHANGING = frozenset({b"apigateway", b"cloudformation"})


@dataclass(frozen=True, slots=True)
class Asking:
    """The service that invokes, and for which of its resources: what a function's policy is asked about.

    With ``role_arn`` the service acts with that role's permissions in place of its own.
    """

    service: str  # apigateway.amazonaws.com
    source_arn: str
    account_id: str
    role_arn: str = ""


# ``await invoke(function_arn, payload, asking, trace_header)``; the ARN may be qualified. Raises ``ApiError``: not found,
# throttled, or ``AccessDeniedException`` where the function's own policy does not let the service in.
Invoke = Callable[[str, bytes, Asking, str], Awaitable[InvocationResult]]


class Door(Protocol):
    """One kind of front door."""

    def takes(self, host: str) -> bool:
        """Whether ``host`` (lower case, no port, ending in ``.localhost``) is an address of this kind."""
        ...

    async def answer(self, request: HttpRequest) -> HttpResponse: ...


@runtime_checkable
class SocketDoor(Protocol):
    """A door that also takes WebSocket handshakes: it returns the session, or the response that refuses it."""

    async def open(self, request: HttpRequest) -> SocketSession | HttpResponse: ...


class Definitions(Protocol):
    def forget(self) -> None: ...


class TrustedIssuers(Protocol):
    def give(self, issuer: str, document: bytes) -> None: ...


class Usage(Protocol):
    """What the front doors have counted of usage plans, as API Gateway's API tells it: status, headers and body."""

    def takes(self, method: bytes, target: bytes) -> bool: ...

    async def answer(self, target: bytes, account_id: str, region: str) -> Answer: ...


class ConnectionsDoor(Protocol):
    """API Gateway's door, as far as the management API needs it."""

    async def manage(self, request: HttpRequest) -> HttpResponse: ...

    def forget(self) -> None: ...

    def close(self) -> None: ...


class FrontDoors:
    """The doors there are. ``spawn`` runs a coroutine on the loop and keeps it alive."""

    def __init__(
        self,
        doors: Sequence[Door],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        definitions: Definitions,
        issuers: TrustedIssuers,
        api_gateway: ConnectionsDoor,
        usage: Usage,
    ) -> None:
        self.usage = usage
        self._doors = list(doors)
        self._spawn = spawn
        self._definitions = definitions
        self._api_gateway = api_gateway
        self.trust = issuers.give

    def forwarded(self, service: bytes) -> None:
        """A request for a neighbour was answered: what is kept of APIs may be old now."""
        if service in CHANGING:
            self._definitions.forget()

    def forget(self) -> None:
        """The sandbox was reset."""
        self._api_gateway.forget()

    def close(self) -> None:
        """The sandbox stops: open WebSockets are told."""
        self._api_gateway.close()

    def manage(self, connection: SocketConnection, request: Request) -> None:
        """Answer ``/@connections/{id}`` asked of the sandbox's own address, where no API is named."""
        made = http_request(connection, request, request.header(b"host"), request.target)
        self._spawn(self._manage(connection, made))

    async def _manage(self, connection: SocketConnection, request: HttpRequest) -> None:
        try:
            response = await self._api_gateway.manage(request)
        except Exception as fault:
            response = _fault(fault)
        _write(connection, response)

    def takes(self, request: Request, host: bytes) -> bool:
        """Whether a request is for a front door, by its ``Host`` or by the path form."""
        if request.target.startswith(PATH_FORM):
            return True
        return self._door(_name(host)) is not None if _ENDING in host.lower() else False

    def handle(self, connection: SocketConnection, request: Request, host: bytes) -> None:
        """Take the request and answer it later. ``takes`` must have said yes; for the path form ``host`` is a local name."""
        virtual, target = _virtual(request, host)
        door = self._door(_name(virtual))
        if door is None:
            name = _name(virtual).removesuffix(".localhost")
            connection.answer_json(404, {"message": f"there is no front door at {name!r}"})
            return
        made = http_request(connection, request, virtual, target)
        if request.header(b"upgrade").lower() == b"websocket":
            self._spawn(self._open(connection, door, made))
        else:
            self._spawn(self._answer(connection, door, made))

    def _door(self, host: str) -> Door | None:
        return next((door for door in self._doors if door.takes(host)), None)

    async def _answer(self, connection: SocketConnection, door: Door, request: HttpRequest) -> None:
        try:
            response = await door.answer(request)
        except Exception as fault:
            response = _fault(fault)
        _write(connection, response)

    async def _open(self, connection: SocketConnection, door: Door, request: HttpRequest) -> None:
        if not isinstance(door, SocketDoor):
            connection.refuse_upgrade(HttpResponse(400, body=b'{"message":"Bad Request"}'))
            return
        try:
            session = await door.open(request)
        except Exception as fault:
            session = _fault(fault)
        if isinstance(session, HttpResponse):
            connection.refuse_upgrade(session)
        else:
            connection.upgrade(request, session, self._spawn)


def http_request(connection: SocketConnection, request: Request, host: bytes, target: bytes) -> HttpRequest:
    """Return the request as doors see it, with ``host`` for its ``Host`` and ``target`` for its path and query."""
    source_ip, port = connection.addresses()
    path, _, query = target.decode("latin-1").partition("?")
    headers = []
    names = request.names or [key for key, _ in request.headers]
    for name, (key, value) in zip(names, request.headers, strict=True):
        headers.append((name.decode("latin-1"), (host if key == b"host" else value).decode("latin-1")))
    made = HttpRequest(
        request.method.decode(), path or "/", query, tuple(headers), request.body, source_ip, port
    )
    if target == request.target:
        return made
    sent_host = request.header(b"host").decode("latin-1")
    return replace(made, sent_host=sent_host, sent_target=request.target.decode("latin-1"))


def _virtual(request: Request, host: bytes) -> tuple[bytes, bytes]:
    """Return the host that is meant, with the port, and the target at that host."""
    if not request.target.startswith(PATH_FORM):
        return host, request.target
    named, slash, rest = request.target.removeprefix(PATH_FORM).partition(b"/")
    name, mark, query = named.partition(b"?")
    target = b"/" + (rest if slash else mark + query)
    _, colon, port = host.rpartition(b":")
    ending = b"" if name.lower().endswith(_ENDING) else _ENDING
    return name + ending + (colon + port if colon and port.isdigit() else b""), target


def _name(host: bytes) -> str:
    name, colon, port = host.rpartition(b":")
    return (name if colon and port.isdigit() else host).decode("latin-1").lower()


def _write(connection: SocketConnection, response: HttpResponse) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in response.headers).encode("latin-1", "replace")
    if response.stream is None:
        connection.answer(response.status, lines, response.body, response.reason)
    else:
        connection.begin_stream(response.status, lines, response.stream.hold)
        response.stream.send_to(connection)


def _fault(fault: Exception) -> HttpResponse:
    """A defect of ours: say so in one sentence, keep the traceback for the server's own stderr."""
    asyncio.get_running_loop().call_exception_handler({"message": "request failed", "exception": fault})
    sentence = f"the sandbox failed ({type(fault).__name__}: {fault}); please report it"
    body = b'{"message":"%s"}' % sentence.replace("\\", "/").replace('"', "'").encode()
    return HttpResponse(500, (("Content-Type", "application/json"),), body)
