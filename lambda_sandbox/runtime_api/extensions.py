"""The Extensions API 2020-01-01: what an extension asks for, checked, and what it is answered.

Source: AWS Lambda Developer Guide, "Using the Lambda Extensions API to create extensions", read 2026-11.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, Protocol

from lambda_sandbox.http_server import HttpConnection, Request
from lambda_sandbox.invocation.extension import EXIT_ERROR, INIT_ERROR, INVOKE, SHUTDOWN
from lambda_sandbox.invocation.messages import Invocation, RefuseRuntime
from lambda_sandbox.resources import FunctionConfiguration

PREFIX = b"/2020-01-01/extension/"
_IDENTIFIER = b"lambda-extension-identifier"


class ExtensionsHost(Protocol):
    """What the protocol needs of the driver."""

    def register_extension(
        self, environment_id: str, name: str, events: frozenset[str]
    ) -> tuple[str, FunctionConfiguration] | RefuseRuntime:
        """Return the new extension's id and the function that it serves."""
        ...

    def extension_next(
        self, environment_id: str, extension_id: str, connection: HttpConnection
    ) -> RefuseRuntime | None: ...

    def extension_error(
        self, environment_id: str, extension_id: str, state: str, error_type: str
    ) -> RefuseRuntime | None: ...


def handle(host: ExtensionsHost, environment_id: str, connection: HttpConnection, request: Request) -> None:
    """Answer a request below ``/2020-01-01/extension/``; that for the next event is answered later."""
    route = request.method, request.target[len(PREFIX) :].partition(b"?")[0]
    if route == (b"POST", b"register"):
        _register(host, environment_id, connection, request)
    elif route == (b"GET", b"event/next"):
        found = identifier(request)
        if isinstance(found, str):
            refusal = host.extension_next(environment_id, found, connection)
            if refusal is not None:
                refuse(connection, refusal)
        else:
            refuse(connection, found)
    elif route in ((b"POST", b"init/error"), (b"POST", b"exit/error")):
        state = INIT_ERROR if route[1] == b"init/error" else EXIT_ERROR
        refusal = _error(host, environment_id, request, state)
        if refusal is not None:
            refuse(connection, refusal)
        else:
            connection.answer_json(202, {"status": "OK"})
    else:
        refuse(connection, RefuseRuntime(404, "NotFound", "no such Extensions API path"))


def invoke_event(invocation: Invocation, deadline_ms: int) -> dict[str, Any]:
    return {
        "eventType": INVOKE,
        "deadlineMs": deadline_ms,
        "requestId": invocation.request_id,
        "invokedFunctionArn": invocation.invoked_arn or invocation.function.arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_header},
    }


def shutdown_event(reason: str, deadline_ms: int) -> dict[str, Any]:
    return {"eventType": SHUTDOWN, "shutdownReason": reason, "deadlineMs": deadline_ms}


def deliver(connection: HttpConnection, extension_id: str, event: dict[str, Any]) -> None:
    """Answer the waiting ``GET /event/next``."""
    lines = f"Lambda-Extension-Event-Identifier: {uuid.uuid4()}\r\nLambda-Extension-Identifier: {extension_id}\r\n"
    connection.answer_json(200, event, lines.encode())


def refuse(connection: HttpConnection, refusal: RefuseRuntime) -> None:
    body = {"errorType": refusal.error_type, "errorMessage": refusal.message}
    connection.answer_json(refusal.status, body)


def _register(
    host: ExtensionsHost, environment_id: str, connection: HttpConnection, request: Request
) -> None:
    name = request.header(b"lambda-extension-name").decode("latin-1")
    events = _events(request.body)
    if not name:
        events = RefuseRuntime(403, "Extension.InvalidExtensionName", "Lambda-Extension-Name is missing")
    if isinstance(events, RefuseRuntime):
        refuse(connection, events)
        return
    registered = host.register_extension(environment_id, name, events)
    if isinstance(registered, RefuseRuntime):
        refuse(connection, registered)
        return
    identifier, function = registered
    body = {
        "functionName": function.function_name,
        "functionVersion": function.version,
        "handler": function.handler,
    }
    features = request.header(b"lambda-extension-accept-feature").decode("latin-1").split(",")
    if "accountId" in [feature.strip() for feature in features]:
        body["accountId"] = function.account_id
    connection.answer_json(200, body, f"Lambda-Extension-Identifier: {identifier}\r\n".encode())


def _events(body: bytes) -> frozenset[str] | RefuseRuntime:
    try:
        events = json.loads(body or b"{}").get("events", [])
    except (ValueError, AttributeError):
        return RefuseRuntime(400, "InvalidRequestFormat", "the body is not a JSON object")
    if not isinstance(events, list):
        return RefuseRuntime(400, "InvalidRequestFormat", "events is not a list")
    for event in events:
        if event not in (INVOKE, SHUTDOWN):
            return RefuseRuntime(403, "Extension.InvalidEventType", f"{event} is no event of an extension")
    return frozenset(events)


def identifier(request: Request) -> str | RefuseRuntime:
    """Return the id in a request's ``Lambda-Extension-Identifier``, or what is wrong with it."""
    value = request.header(_IDENTIFIER).decode("latin-1")
    if not value:
        return RefuseRuntime(
            403, "Extension.MissingExtensionIdentifier", "Lambda-Extension-Identifier is missing"
        )
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return RefuseRuntime(403, "Extension.InvalidExtensionIdentifier", f"{value} is not a UUID")


def _error(host: ExtensionsHost, environment_id: str, request: Request, state: str) -> RefuseRuntime | None:
    found = identifier(request)
    if isinstance(found, RefuseRuntime):
        return found
    error_type = request.header(b"lambda-extension-function-error-type").decode("latin-1")
    if not error_type:
        message = "Lambda-Extension-Function-Error-Type is missing"
        return RefuseRuntime(403, "Extension.MissingHeader", message)
    return host.extension_error(environment_id, found, state, error_type)
