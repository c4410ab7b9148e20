"""REST APIs served: from a request through authorizer, validation and integration to the response.

Source: API Gateway Developer Guide, "API Gateway REST APIs", read 2026-11.

DIFFERS: caches, canary deployments, resource policies and access logs of a REST API are refused when they are asked for. An HTTP
integration is taken, and refused when a request meets it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from lambda_sandbox.drivers import api_visits, pool_authorizing
from lambda_sandbox.drivers.api_visits import Definition, Surroundings
from lambda_sandbox.drivers.authorizing import SERVICE, NotIdentified
from lambda_sandbox.drivers.front_doors import Asking
from lambda_sandbox.drivers.rest_admission import RestAdmission
from lambda_sandbox.drivers.rest_streams import StreamedReply
from lambda_sandbox.drivers.signers import NotSigned
from lambda_sandbox.errors import ApiError
from lambda_sandbox.front_doors import (
    gateway_responses,
    integration_uri,
    limits,
    rest_answer,
    rest_event,
    rest_integration,
    rest_validation,
    routes,
)
from lambda_sandbox.front_doors.authorizer import AuthorizerFault
from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.front_doors.visit import Visit
from lambda_sandbox.invocation.messages import InvocationResult

_ANY = "ANY"


class RestApi:
    """Serves every REST API there is."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._admission = RestAdmission(around)

    async def answer(self, definition: Definition, request: HttpRequest) -> HttpResponse:
        """Answer a request; the first segment of its path is the stage."""
        stage_name, path = api_visits.staged(request)
        visit = api_visits.begin(self._around, definition, request, stage_name, path)
        stage = definition["stages"].get(stage_name)
        if stage is None or stage["definition"] is None:
            names = ", ".join(definition["stages"]) or "none"
            error = GatewayError("FORBIDDEN", f"there is no stage {stage_name!r}; the API has {names}")
            return self._refused(visit, error, {})
        deployed = stage["definition"]
        visit.stage_variables = stage.get("variables") or {}
        visit.deployment_id = stage.get("deploymentId") or ""
        try:
            response = await self._serve(visit, definition, deployed)
        except GatewayError as error:
            return self._refused(visit, error, deployed["gatewayResponses"])
        return _signed(visit, response)

    async def _serve(self, visit: Visit, definition: Definition, deployed: dict[str, Any]) -> HttpResponse:
        method, name = self._method(visit, deployed)
        if len(visit.request.body) > limits.PAYLOAD_BYTES:
            raise GatewayError("REQUEST_TOO_LARGE")
        key = await self._authorize(visit, method, deployed)
        self._admission.check(visit, definition, method, name, key)
        rest_validation.check(visit, method, deployed)
        integration = method.get("methodIntegration")
        if not integration:
            raise GatewayError("API_CONFIGURATION_ERROR", f"{name} {visit.route} has no integration")
        kind = integration["type"]
        if kind == "AWS_PROXY" and integration.get("responseTransferMode") == "STREAM":
            endpoint = definition["api"].get("endpointConfiguration") or {}
            idle_s = limits.stream_idle_s(endpoint.get("types") or ("EDGE",))
            return await self._stream(visit, integration, name, deployed["binaryMediaTypes"], idle_s)
        if kind == "AWS_PROXY":
            return await self._proxy(visit, integration, name, deployed["binaryMediaTypes"])
        if kind == "AWS":
            return await self._custom(visit, integration, name, deployed["binaryMediaTypes"])
        if kind == "MOCK":
            return self._mock(visit, integration, deployed["binaryMediaTypes"])
        raise GatewayError(
            "API_CONFIGURATION_ERROR", f"integrations of type {kind} are not emulated: no call leaves here"
        )

    def _method(self, visit: Visit, deployed: dict[str, Any]) -> tuple[dict[str, Any], str]:
        found = routes.rest_resource(deployed["resources"], visit.path)
        if found is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN", f"no resource has the path {visit.path}")
        resource, visit.path_parameters = found
        visit.route, visit.resource_id = resource["path"], resource["id"]
        for name in (visit.request.method, _ANY):
            if name in resource["methods"]:
                return resource["methods"][name], name
        sentence = f"the resource {visit.route} has no method {visit.request.method}"
        raise GatewayError("MISSING_AUTHENTICATION_TOKEN", sentence)

    # --- who may -------------------------------------------------------------------------------------

    async def _authorize(self, visit: Visit, method: dict[str, Any], deployed: dict[str, Any]) -> str:
        """Let the request in, and return the API key that an authorizer has named for it."""
        kind = (method.get("authorizationType") or "NONE").upper()
        if kind == "AWS_IAM":
            try:
                visit.identity = await self._around.signers.identity(visit.request, visit.method_arn)
            except NotSigned as refused:
                which = "ACCESS_DENIED" if refused.denied else "MISSING_AUTHENTICATION_TOKEN"
                raise GatewayError(which, refused.message, refused.message) from None
        elif kind == "CUSTOM":
            return await self._ask(visit, _authorizer(method, deployed))
        elif kind == "COGNITO_USER_POOLS":
            scopes = method.get("authorizationScopes") or []
            visit.authorizer = await pool_authorizing.context(
                self._around.issuers, visit, _authorizer(method, deployed), scopes
            )
        elif kind != "NONE":
            raise GatewayError(
                "API_CONFIGURATION_ERROR", f"authorizers of type {kind} are not emulated for REST APIs"
            )
        return ""

    async def _ask(self, visit: Visit, authorizer: dict[str, Any]) -> str:
        asked_at = self._around.now()
        try:
            verdict = await self._around.authorizers.rest(visit, authorizer)
        except NotIdentified as reason:
            raise GatewayError("UNAUTHORIZED", str(reason)) from None
        except AuthorizerFault as fault:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", str(fault)) from None
        decision = verdict.decision(visit.method_arn)
        if decision != "allow":
            unsaid = None if decision == "deny" else "User is not authorized to access this resource"
            raise GatewayError("ACCESS_DENIED", f"the authorizer does not allow {visit.method_arn}", unsaid)
        latency_ms = round((self._around.now() - asked_at) * 1000)
        visit.authorizer = verdict.rest_context() | {"integrationLatency": latency_ms}
        return verdict.usage_key

    # --- integrations --------------------------------------------------------------------------------

    async def _proxy(
        self, visit: Visit, integration: dict[str, Any], method: str, binary: list[str]
    ) -> HttpResponse:
        result = await self._invoke(visit, integration, method, _payload(visit, binary))
        if result.function_error:
            raise GatewayError("DEFAULT_5XX", "the function failed")
        try:
            return rest_answer.response(result.payload, visit.request, binary)
        except rest_answer.MalformedResponse as reason:
            raise GatewayError("DEFAULT_5XX", f"malformed Lambda proxy response: {reason}") from None

    async def _stream(
        self, visit: Visit, integration: dict[str, Any], method: str, binary: list[str], idle_s: float
    ) -> HttpResponse:
        """Answer as soon as the function has said its metadata; the body follows while it is made."""

        def told(sentence: str) -> None:
            self._around.note(f"{_place(visit)} {sentence}")

        function, asking = _streamed_target(visit, integration, method)
        reply = StreamedReply(limits.stream_timeout_s(integration.get("timeoutInMillis")), idle_s, told)
        try:
            await self._around.functions.stream(function, _payload(visit, binary), asking, reply, visit.trace)
            metadata = await reply.metadata()
        except ApiError as error:
            raise _not_invoked(error) from None
        try:
            head = rest_answer.streamed_head(metadata)
        except rest_answer.MalformedResponse as reason:
            reply.drop()
            raise GatewayError("DEFAULT_5XX", f"malformed streamed reply: {reason}") from None
        return replace(head, stream=reply)

    async def _custom(
        self, visit: Visit, integration: dict[str, Any], method: str, binary: list[str]
    ) -> HttpResponse:
        body = rest_integration.request_body(visit, integration, binary) or "{}"
        try:
            json.loads(body)
        except ValueError:
            raise GatewayError("DEFAULT_5XX", "what the request template made is not JSON") from None
        headers = rest_integration.request_headers(visit, integration)
        if headers.get("x-amz-invocation-type") == "Event":
            await self._send(visit, integration, method, body.encode())
            return rest_integration.response(visit, integration, "", "")
        result = await self._invoke(visit, integration, method, body.encode())
        selector = _error_message(result.payload) if result.function_error else ""
        text = result.payload.decode("utf-8", "replace")
        return rest_integration.response(visit, integration, selector, text)

    def _mock(self, visit: Visit, integration: dict[str, Any], binary: list[str]) -> HttpResponse:
        request = rest_integration.request_body(visit, integration, binary)
        status = rest_integration.mock_status(request)
        return rest_integration.response(visit, integration, str(status), "")

    async def _invoke(
        self, visit: Visit, integration: dict[str, Any], method: str, payload: bytes
    ) -> InvocationResult:
        function, asking = _target(visit, integration, method)
        seconds = limits.timeout_s(integration.get("timeoutInMillis"), limits.REST_TIMEOUT_S)
        try:
            asked = self._around.functions.invoke(function, payload, asking, visit.trace)
            return await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            raise GatewayError("INTEGRATION_TIMEOUT", f"no answer within {seconds:g} s") from None
        except ApiError as error:
            raise _not_invoked(error) from None

    async def _send(self, visit: Visit, integration: dict[str, Any], method: str, payload: bytes) -> None:
        function, asking = _target(visit, integration, method)
        try:
            await self._around.functions.send(function, payload, asking, visit.trace)
        except ApiError as error:
            raise _not_invoked(error) from None

    # --- answers -------------------------------------------------------------------------------------

    def _refused(self, visit: Visit, error: GatewayError, defined: dict[str, Any]) -> HttpResponse:
        if error.sentence:
            self._around.note(f"{_place(visit)} was answered with {error.kind}: {error.sentence}")
        context = {
            "requestId": visit.request_id,
            "extendedRequestId": visit.extended_request_id,
            "httpMethod": visit.request.method,
            "path": f"/{visit.stage}{visit.path}",
            "stage": visit.stage,
        }
        return _signed(visit, gateway_responses.response(error, defined, context))


def _place(visit: Visit) -> str:
    return f"{visit.request.method} {visit.path} of REST API {visit.api_id}"


def _payload(visit: Visit, binary: list[str]) -> bytes:
    """The event of a proxy integration."""
    event = rest_event.event(visit, binary)
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _authorizer(method: dict[str, Any], deployed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = deployed["authorizers"].get(method.get("authorizerId"))
    if found is None:
        raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", "the method's authorizer does not exist")
    return found


def _target(visit: Visit, integration: dict[str, Any], method: str) -> tuple[str, Asking]:
    uri = integration.get("uri") or ""
    function = integration_uri.function_arn(uri, visit.stage_variables)
    if function is None and integration_uri.streamed_function_arn(uri, visit.stage_variables):
        sentence = "the integration's URI is for streamed answers, and its responseTransferMode is not STREAM"
        raise GatewayError("API_CONFIGURATION_ERROR", sentence)
    if function is None:
        sentence = f"the integration's URI {uri!r} names no function; other services are not emulated"
        raise GatewayError("API_CONFIGURATION_ERROR", sentence)
    return function, _asking(visit, integration, method)


def _streamed_target(visit: Visit, integration: dict[str, Any], method: str) -> tuple[str, Asking]:
    """UNCONFIRMED: what AWS does where responseTransferMode and URI do not agree."""
    uri = integration.get("uri") or ""
    function = integration_uri.streamed_function_arn(uri, visit.stage_variables)
    if function is None:
        sentence = (
            f"responseTransferMode is STREAM, and the integration's URI {uri!r} is not of the form "
            "arn:aws:apigateway:REGION:lambda:path/2021-11-15/functions/ARN/response-streaming-invocations"
        )
        raise GatewayError("API_CONFIGURATION_ERROR", sentence)
    return function, _asking(visit, integration, method)


def _asking(visit: Visit, integration: dict[str, Any], method: str) -> Asking:
    role = integration.get("credentials") or ""
    # AWS: ANY is a star in the ARN, and so is every parameter of the path.
    source = visit.source_arn("*" if method == _ANY else method, _starred(visit.route))
    return Asking(SERVICE, source, visit.account_id, role)


def _starred(path: str) -> str:
    return "/".join("*" if each.startswith("{") else each for each in path.split("/"))


def _not_invoked(error: ApiError) -> GatewayError:
    """AWS: whatever keeps Lambda from running the function is a configuration error to the caller."""
    if error.status == 413:
        return GatewayError("REQUEST_TOO_LARGE", error.message)  # UNCONFIRMED: 6 to 10 MB
    return GatewayError("API_CONFIGURATION_ERROR", f"{error.code}: {error.message}")


def _error_message(payload: bytes) -> str:
    try:
        return str(json.loads(payload).get("errorMessage") or "error")
    except (ValueError, AttributeError):
        return "error"


def _signed(visit: Visit, response: HttpResponse) -> HttpResponse:
    own = [
        ("x-amzn-RequestId", visit.request_id),
        ("x-amz-apigw-id", visit.extended_request_id),
        ("X-Amzn-Trace-Id", visit.trace),
    ]
    return replace(response, headers=(*response.headers, *own))
