"""WebSocket APIs served: handshakes, messages and the connections that functions write to.

Source: API Gateway Developer Guide, "API Gateway WebSocket APIs", read 2026-11.

DIFFERS: a WebSocket API has Lambda proxy and MOCK integrations only; templates, parameter mapping and models are refused by name.
Connections end with the sandbox's process.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambda_sandbox.drivers import api_visits
from lambda_sandbox.drivers.api_definitions import ApiDefinitions
from lambda_sandbox.drivers.api_visits import Definition, Surroundings
from lambda_sandbox.drivers.authorizing import SERVICE, NotIdentified
from lambda_sandbox.drivers.connections import Connection, Connections
from lambda_sandbox.drivers.front_doors import Asking
from lambda_sandbox.drivers.signers import NotSigned
from lambda_sandbox.drivers.web_sockets import WebSocket
from lambda_sandbox.errors import ApiError
from lambda_sandbox.front_doors import integration_uri, limits, throttle_limits
from lambda_sandbox.front_doors import websocket_event as events
from lambda_sandbox.front_doors.authorizer import AuthorizerFault
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.front_doors.template_syntax import TemplateFault
from lambda_sandbox.front_doors.visit import Visit

_INTERNAL = "Internal server error"
_EXPRESSION = "$request.body.action"
_RESPONDS = "$default"
_NOT_EMULATED = ("requestParameters", "tlsConfig")


class Refused(Exception):
    """The handshake or a message is refused; ``sentence`` is for the history."""

    def __init__(self, status: int, message: str, sentence: str = "") -> None:
        super().__init__(sentence or message)
        self.status = status
        self.message = message
        self.sentence = sentence


class WebSocketApi:
    """Takes the handshakes of every WebSocket API there is."""

    def __init__(self, around: Surroundings, definitions: ApiDefinitions, connections: Connections) -> None:
        self.around = around
        self.definitions = definitions
        self.connections = connections

    async def open(self, definition: Definition, request: HttpRequest) -> Session | HttpResponse:
        """Run ``$connect`` and return the session that it lets in, or the response that refuses."""
        stage, _ = api_visits.staged(request)
        visit = api_visits.begin(self.around, definition, request, stage, "")
        visit.identity = {"connectedAt": visit.epoch_ms}
        connection_id = b64encode(secrets.token_bytes(11)).decode()
        try:
            answered = await self._connect(visit, definition, connection_id)
        except Refused as refused:
            self.note(visit, "$connect", refused)
            body = json.dumps(
                {"message": refused.message, "connectionId": connection_id, "requestId": visit.request_id}
            )
            return HttpResponse(refused.status, (("Content-Type", "application/json"),), body.encode())
        return Session(self, visit, connection_id, _subprotocol(request, answered))

    async def _connect(self, visit: Visit, definition: Definition, connection_id: str) -> dict[str, Any]:
        deployed = _deployed(visit, definition)
        route = _route(deployed, events.CONNECT)
        if route is None:
            return {}
        await self._authorize(visit, route, deployed, connection_id)
        self.admit(visit, definition, route)
        event = events.connect_event(visit, connection_id)
        answered = await self.integrate(visit, route, deployed, event)
        status = _status(answered)
        if not 200 <= status < 300:
            raise Refused(
                status, "Forbidden" if status == 403 else "Unauthorized" if status == 401 else _INTERNAL
            )
        return answered

    def admit(self, visit: Visit, definition: Definition, route: dict[str, Any]) -> None:
        """Let a handshake or message through the stage's limits for its route. Raises ``Refused``.

        POLICY: a WebSocket message over the stage's limits is answered with *Too Many Requests*, and the connection stays open;
        ``$disconnect`` is never held back.
        """
        stage = definition["stages"][visit.stage]
        limits_of_route = throttle_limits.of_route((visit.api_id, visit.stage), stage, route["routeKey"])
        over = self.around.throttle.refusal(limits_of_route, visit.now)
        if over is not None:
            raise Refused(429, "Too Many Requests", str(over))

    async def _authorize(
        self, visit: Visit, route: dict[str, Any], deployed: dict[str, Any], connection_id: str
    ) -> None:
        kind = (route.get("authorizationType") or "NONE").upper()
        arn = events.method_arn(visit)
        if kind == "AWS_IAM":
            try:
                await self.around.signers.identity(visit.request, arn)
            except NotSigned as refused:
                raise Refused(403, refused.message, refused.message) from None
        elif kind == "CUSTOM":
            given = deployed["authorizers"].get(route.get("authorizerId")) or {}
            sources = [
                each.replace("route.request.", "method.request.")
                for each in given.get("identitySource") or []
            ]
            authorizer = {
                "id": given.get("authorizerId", ""),
                "type": "REQUEST",
                "authorizerUri": given.get("authorizerUri", ""),
                "identitySource": ",".join(sources),
                "authorizerCredentials": given.get("authorizerCredentialsArn"),
                "authorizerResultTtlInSeconds": 0,  # AWS: WebSocket APIs keep no verdict
            }
            await self._ask(visit, authorizer, events.authorizer_event(visit, connection_id), arn)
        elif kind != "NONE":
            raise Refused(500, _INTERNAL, f"authorizers of type {kind} are not emulated")

    async def _ask(
        self, visit: Visit, authorizer: Mapping[str, Any], event: dict[str, Any], arn: str
    ) -> None:
        asked_at = self.around.now()
        try:
            verdict = await self.around.authorizers.rest(visit, authorizer, event)
        except NotIdentified as reason:
            raise Refused(401, "Unauthorized", str(reason)) from None
        except AuthorizerFault as fault:
            raise Refused(500, _INTERNAL, str(fault)) from None
        if verdict.decision(arn) != "allow":
            raise Refused(403, "Forbidden", f"the authorizer does not allow {arn}")
        latency_ms = round((self.around.now() - asked_at) * 1000)
        visit.authorizer = verdict.rest_context() | {"integrationLatency": latency_ms}

    async def integrate(
        self, visit: Visit, route: dict[str, Any], deployed: dict[str, Any], event: dict[str, Any]
    ) -> dict[str, Any]:
        """Run the route's integration and return its result, empty when it is no object. Raises ``Refused``."""
        target = (route.get("target") or "").removeprefix("integrations/")
        integration = deployed["integrations"].get(target)
        if integration is None:
            raise Refused(500, _INTERNAL, f"the route {route['routeKey']} has no integration")
        for member in _NOT_EMULATED:
            if integration.get(member):
                raise Refused(500, _INTERNAL, f"{member} of WebSocket integrations is not emulated")
        kind = integration.get("integrationType")
        if kind == "MOCK":
            return {"statusCode": 200}
        if kind != "AWS_PROXY":
            raise Refused(500, _INTERNAL, f"integrations of type {kind} are not emulated for WebSocket APIs")
        function = integration_uri.function_arn(
            integration.get("integrationUri") or "", visit.stage_variables
        )
        if function is None:
            raise Refused(
                500,
                _INTERNAL,
                f"the integration's URI {integration.get('integrationUri')!r} names no function",
            )
        source = f"{visit.execute_arn}/{visit.stage}/{route['routeKey']}"
        asking = Asking(SERVICE, source, visit.account_id, integration.get("credentialsArn") or "")
        seconds = limits.timeout_s(integration.get("timeoutInMillis"), limits.REST_TIMEOUT_S)
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        try:
            asked = self.around.functions.invoke(function, payload, asking, visit.trace)
            result = await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            raise Refused(504, "Endpoint request timed out", f"no answer within {seconds:g} s") from None
        except ApiError as error:
            raise Refused(500, _INTERNAL, f"{error.code}: {error.message}") from None
        if result.function_error:
            raise Refused(502, _INTERNAL, "the function failed")
        value = json.loads(result.payload or b"null")
        return value if isinstance(value, dict) else {}

    def note(self, visit: Visit, route: str, refused: Refused) -> None:
        if refused.sentence:
            place = f"{route} of WebSocket API {visit.api_id}"
            self.around.note(f"{place} was answered with {refused.status}: {refused.sentence}")


class Session:
    """One connection that was let in."""

    message_bytes = events.MESSAGE_BYTES
    frame_bytes = events.FRAME_BYTES
    idle_s = events.IDLE_S
    lifetime_s = events.LIFETIME_S

    def __init__(
        self, api: WebSocketApi, visit: Visit, connection_id: str, headers: tuple[tuple[str, str], ...]
    ) -> None:
        self.headers = headers
        self._api = api
        self._visit = visit
        self._connection_id = connection_id
        self._socket: WebSocket | None = None

    def opened(self, socket: WebSocket) -> None:
        self._socket = socket
        visit = self._visit
        made = Connection(
            visit.api_id,
            visit.stage,
            socket,
            visit.now,
            visit.request.source_ip,
            visit.request.header("user-agent"),
            visit.now,
        )
        self._api.connections.add(self._connection_id, made)

    async def received(self, message: str | bytes) -> None:
        visit = self._again()
        assert self._socket is not None
        if isinstance(message, bytes):  # AWS: binary frames are taken as text; UNCONFIRMED: the encoding
            message = message.decode("utf-8", "replace")
        try:
            answer = await self._serve(visit, message)
        except Refused as refused:
            self._api.note(visit, "a message", refused)
            answer = events.error_message(refused.message, self._connection_id, visit.request_id)
        if answer:
            self._socket.send(answer)

    async def closed(self, code: int, reason: str) -> None:
        self._api.connections.remove(self._connection_id)
        visit = self._again()
        try:
            deployed = await self._deployed(visit)
            route = _route(deployed, events.DISCONNECT)
            if route is not None:
                event = events.disconnect_event(visit, self._connection_id, code, reason)
                await self._api.integrate(visit, route, deployed, event)
        except Refused as refused:
            self._api.note(visit, "$disconnect", refused)

    async def _serve(self, visit: Visit, message: str) -> str:
        """Return what the client is sent back, empty for nothing. Raises ``Refused``."""
        definition = await self._api.definitions.find(visit.api_id) or {}
        deployed = await self._deployed(visit)
        expression = definition["api"].get("routeSelectionExpression") or _EXPRESSION
        try:
            key = events.selected(expression, message)
        except TemplateFault as fault:
            raise Refused(500, _INTERNAL, str(fault)) from None
        # AWS: the three routes with a dollar sign that the gateway itself calls cannot be asked for.
        named = None if key in (events.CONNECT, events.DISCONNECT) else _route(deployed, key)
        route = named or _route(deployed, events.DEFAULT)
        if route is None:
            raise Refused(403, "Forbidden", f"no route has the key {key!r}, and there is no $default")
        message_id = b64encode(secrets.token_bytes(11)).decode()
        self._api.admit(visit, definition, route)
        event = events.message_event(visit, self._connection_id, route["routeKey"], message_id, message)
        answered = await self._api.integrate(visit, route, deployed, event)
        responds = route.get("routeResponseSelectionExpression") and _RESPONDS in (
            route.get("routeResponses") or []
        )
        body = answered.get("body") if responds else None
        return "" if body is None else body if isinstance(body, str) else json.dumps(body)

    async def _deployed(self, visit: Visit) -> dict[str, Any]:
        definition = await self._api.definitions.find(visit.api_id)
        if definition is None:
            raise Refused(410, "Gone", "the API was deleted")
        return _deployed(visit, definition)

    def _again(self) -> Visit:
        """Return the handshake's visit with the time and the ids of now."""
        now = self._api.around.now()
        self._api.connections.touch(self._connection_id, now)
        fresh = b64encode(secrets.token_bytes(11)).decode()
        return replace(self._visit, now=now, request_id=str(uuid.uuid4()), extended_request_id=fresh)


def _deployed(visit: Visit, definition: Definition) -> dict[str, Any]:
    stage = definition["stages"].get(visit.stage)
    if stage is None or stage["definition"] is None:
        names = ", ".join(definition["stages"]) or "none"
        raise Refused(
            403, "Forbidden", f"no stage {visit.stage!r} with a deployment; the API's stages: {names}"
        )
    visit.stage_variables = stage.get("stageVariables") or {}
    deployed: dict[str, Any] = stage["definition"]
    return deployed


def _route(deployed: dict[str, Any], key: str) -> dict[str, Any] | None:
    return next((route for route in deployed["routes"] if route["routeKey"] == key), None)


def _status(answered: Mapping[str, Any]) -> int:
    try:
        return int(answered["statusCode"])
    except (KeyError, TypeError, ValueError):
        raise Refused(502, _INTERNAL, "the result of $connect has no statusCode") from None


def _subprotocol(request: HttpRequest, answered: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the header for the subprotocol that the function chose among those that the client offered."""
    name = "sec-websocket-protocol"
    offered = [each.strip() for value in request.header_values(name) for each in value.split(",")]
    headers = answered.get("headers") or {}
    chosen = next((str(value) for key, value in headers.items() if key.lower() == name), "")
    return (("Sec-WebSocket-Protocol", chosen),) if chosen and chosen in offered else ()
