"""API Gateway's front door: ``http://<api-id>.execute-api.<region>.localhost:<port>/`` for APIs of all three kinds."""

from __future__ import annotations

import re

from lambda_sandbox.drivers.api_definitions import ApiDefinitions
from lambda_sandbox.drivers.api_visits import Definition, Surroundings, staged
from lambda_sandbox.drivers.connections import MARK, Connections
from lambda_sandbox.drivers.door_meters import HTTP, REST, DoorMeters
from lambda_sandbox.drivers.http_api import HttpApi
from lambda_sandbox.drivers.rest_api import RestApi
from lambda_sandbox.drivers.signers import NotSigned
from lambda_sandbox.drivers.web_socket_api import WebSocketApi
from lambda_sandbox.drivers.web_sockets import SocketSession
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse

_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.([a-z0-9-]+)\.localhost")
_JSON = (("Content-Type", "application/json"),)
_FORBIDDEN = HttpResponse(403, _JSON, b'{"message":"Forbidden"}')


class ApiGateway:
    """A door of ``drivers.front_doors``."""

    def __init__(self, around: Surroundings, definitions: ApiDefinitions, meters: DoorMeters) -> None:
        self._around = around
        self._meters = meters
        self._definitions = definitions
        self._connections = Connections()
        self._rest = RestApi(around)
        self._http = HttpApi(around)
        self._web_socket = WebSocketApi(around, definitions, self._connections)

    def takes(self, host: str) -> bool:
        return _HOST.fullmatch(host) is not None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of HTTP; for a WebSocket API only the management API is one."""
        definition = await self._definition(request)
        if definition is None:
            return self._unknown(request)
        if definition["api"].get("disableExecuteApiEndpoint") is True:
            return _FORBIDDEN
        if definition["kind"] == "REST":
            return await self._meters.api(REST, request, self._rest.answer(definition, request))
        if definition["kind"] == "HTTP":
            return await self._meters.api(HTTP, request, self._http.answer(definition, request))
        if MARK in request.path:
            return await self._manage(definition, request)
        return HttpResponse(426, _JSON, b'{"message":"Upgrade Required"}')

    async def open(self, request: HttpRequest) -> SocketSession | HttpResponse:
        """Take a WebSocket handshake."""
        definition = await self._definition(request)
        if definition is None:
            return self._unknown(request)
        if definition["kind"] != "WEBSOCKET":
            return await self.answer(request)
        return await self._meters.handshake(self._web_socket.open(definition, request))

    def forget(self) -> None:
        """The sandbox was reset."""
        self._definitions.forget()
        self._around.authorizers.forget()
        self._around.issuers.forget()
        self._around.throttle.forget()
        self._around.quotas.forget()
        self._connections.close()

    def close(self) -> None:
        """The sandbox stops."""
        self._connections.close()

    async def manage(self, request: HttpRequest) -> HttpResponse:
        """Answer a call of the management API that names no API: the connection's id says which it is."""
        api_id, stage = self._connections.place(request)
        definition = await self._definitions.find(api_id) if api_id else None
        if definition is None:
            return self._connections.answer(request)
        return await self._permitted(definition, request, api_id, stage, request.path)

    async def _definition(self, request: HttpRequest) -> Definition | None:
        named = _HOST.fullmatch(request.host)
        found = await self._definitions.find(named[1]) if named is not None else None
        return found if found is not None and named is not None and found["region"] == named[2] else None

    def _unknown(self, request: HttpRequest) -> HttpResponse:
        self._around.note(f"{request.host} was answered with 403: there is no such API in this Region")
        return _FORBIDDEN

    async def _manage(self, definition: Definition, request: HttpRequest) -> HttpResponse:
        stage, path = staged(request)
        return await self._permitted(definition, request, definition["api"]["apiId"], stage, path)

    async def _permitted(
        self, definition: Definition, request: HttpRequest, api_id: str, stage: str, path: str
    ) -> HttpResponse:
        place = f"arn:aws:execute-api:{definition['region']}:{definition['accountId']}:{api_id}"
        arn = f"{place}/{stage}/{request.method}{path}"
        try:
            await self._around.signers.identity(request, arn, "ManageConnections")
        except NotSigned as refused:
            self._around.note(f"{request.method} {request.path} was answered with 403: {refused.message}")
            headers = (*_JSON, ("x-amzn-ErrorType", "ForbiddenException"))
            return HttpResponse(403, headers, b'{"message":"Forbidden"}')
        return self._connections.answer(request, api_id, stage)
