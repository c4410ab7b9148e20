"""Events of a WebSocket API, and which route a message takes.

Source: API Gateway Developer Guide, "Working with routes for WebSocket APIs" and "Set up a WebSocket API integration
request", read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors import rest_event
from lambda_sandbox.front_doors.template_objects import json_path
from lambda_sandbox.front_doors.template_syntax import TemplateFault
from lambda_sandbox.front_doors.visit import Visit, grouped

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
MESSAGE_BYTES = 128 * 1024  # Source: "Amazon API Gateway quotas" for WebSocket APIs, read 2026-11
FRAME_BYTES = 32 * 1024  # ditto
IDLE_S = 600.0  # ditto
LIFETIME_S = 7_200.0  # ditto
_EXPRESSION = re.compile(r"\$\{request\.body((?:\.|\[)[^}]+)\}|\$request\.body((?:\.|\[).+)")


def connect_event(visit: Visit, connection_id: str) -> dict[str, Any]:
    """Return the event of ``$connect``, the one that has the handshake's headers and parameters."""
    return {
        **handshake(visit),
        "requestContext": _context(visit, connection_id, CONNECT),
        "isBase64Encoded": False,
    }


def authorizer_event(visit: Visit, connection_id: str) -> dict[str, Any]:
    """Return what the REQUEST authorizer of ``$connect`` receives."""
    part = {name: value for name, value in handshake(visit).items() if value is not None}
    return {
        "type": "REQUEST",
        "methodArn": method_arn(visit),
        **part,
        "stageVariables": dict(visit.stage_variables),
        "requestContext": _context(visit, connection_id, CONNECT),
    }


def message_event(visit: Visit, connection_id: str, route: str, message_id: str, body: str) -> dict[str, Any]:
    """Return the event of a message. ``visit`` keeps the handshake's request and the message's time."""
    context = _context(visit, connection_id, route) | {"messageId": message_id}
    return _with_variables(visit, {"requestContext": context, "body": body, "isBase64Encoded": False})


def disconnect_event(visit: Visit, connection_id: str, status: int, reason: str) -> dict[str, Any]:
    """Return the event of ``$disconnect``; ``status`` is the code of the closing frame."""
    context = _context(visit, connection_id, DISCONNECT)
    context |= {"disconnectStatusCode": status, "disconnectReason": reason}
    # AWS: of the handshake's headers nothing is left but the names that API Gateway itself sets.
    headers = {"Host": visit.request.header("host"), "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    many = {name: [value] for name, value in headers.items()}
    part = {"headers": headers, "multiValueHeaders": many, "requestContext": context}
    return _with_variables(visit, {**part, "isBase64Encoded": False})


def handshake(visit: Visit) -> dict[str, Any]:
    headers = grouped(rest_event.header_pairs(visit))
    query = grouped(visit.request.parameters())
    made: dict[str, Any] = {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
    }
    if query:
        made["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
        made["multiValueQueryStringParameters"] = query
    return _with_variables(visit, made)


def method_arn(visit: Visit) -> str:
    return f"{visit.execute_arn}/{visit.stage}/{CONNECT}"


def selected(expression: str, body: str) -> str:
    """Return the route key that a message selects, ``$default`` where it selects none.

    Raises ``TemplateFault`` for an expression that is not emulated.
    """
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise TemplateFault(
            f"the route selection expression {expression!r} is not emulated: use $request.body.NAME"
        )
    try:
        value = json.loads(body)
    except ValueError:
        return DEFAULT
    chosen = json_path(value, "$" + (found[1] or found[2]))
    return chosen if isinstance(chosen, str) and chosen else DEFAULT


def error_message(sentence: str, connection_id: str, request_id: str) -> str:
    """Return what the client is sent when a message found no route, or its integration failed."""
    members: Mapping[str, str] = {"message": sentence, "connectionId": connection_id, "requestId": request_id}
    return json.dumps(members)


def _with_variables(visit: Visit, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "stageVariables": dict(visit.stage_variables)} if visit.stage_variables else made


def _context(visit: Visit, connection_id: str, route: str) -> dict[str, Any]:
    """DIFFERS: ``requestContext.domainName`` of a WebSocket API ends in the sandbox's port, so that a function can make the address of
    the connection (``http://{domainName}/{stage}``) of it."""
    request = visit.request
    kind = {CONNECT: "CONNECT", DISCONNECT: "DISCONNECT"}.get(route, "MESSAGE")
    made: dict[str, Any] = {
        "routeKey": route,
        "eventType": kind,
        "extendedRequestId": visit.extended_request_id,
        "requestTime": visit.request_time,
        "messageDirection": "IN",
        "stage": visit.stage,
        "connectedAt": visit.identity.get("connectedAt", visit.epoch_ms),
        "requestTimeEpoch": visit.epoch_ms,
        "identity": {"sourceIp": request.source_ip},
        "requestId": visit.request_id,
        "domainName": request.header("host") or request.host,
        "connectionId": connection_id,
        "apiId": visit.api_id,
    }
    if request.header("user-agent"):
        made["identity"]["userAgent"] = request.header("user-agent")
    if visit.authorizer is not None:
        made["authorizer"] = visit.authorizer
    return made
