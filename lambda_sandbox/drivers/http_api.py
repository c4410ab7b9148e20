"""HTTP APIs served: from a request through CORS, route, authorizer and integration to the response.

Source: API Gateway Developer Guide, "API Gateway HTTP APIs", read 2026-11.

DIFFERS: an HTTP API integrates Lambda functions only. Parameter mapping, and integrations of HTTP servers, VPC links and other AWS
services, are refused by name when they are made.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from lambda_sandbox.drivers import api_visits
from lambda_sandbox.drivers.api_visits import Definition, Surroundings
from lambda_sandbox.drivers.authorizing import SERVICE, NotIdentified
from lambda_sandbox.drivers.front_doors import Asking
from lambda_sandbox.drivers.signers import NotSigned
from lambda_sandbox.errors import ApiError
from lambda_sandbox.front_doors import (
    authorizer as rules,
)
from lambda_sandbox.front_doors import (
    http_api_answer,
    http_api_event,
    http_cors,
    integration_uri,
    jwt,
    limits,
    routes,
    throttle_limits,
)
from lambda_sandbox.front_doors.authorizer import AuthorizerFault
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.front_doors.rest_answer import MalformedResponse
from lambda_sandbox.front_doors.visit import Visit

DEFAULT_STAGE = "$default"
_NOT_EMULATED = ("requestParameters", "responseParameters", "tlsConfig")


class Refused(Exception):
    """The API itself answers; ``sentence`` is for the history. ``headers`` go with the answer."""

    def __init__(
        self, status: int, message: str, sentence: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(sentence or message)
        self.status = status
        self.message = message
        self.sentence = sentence
        self.headers = headers


class HttpApi:
    """Serves every HTTP API there is."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def answer(self, definition: Definition, request: HttpRequest) -> HttpResponse:
        """Answer a request. A stage is named by the first segment of the path; ``$default`` takes what names none."""
        stage, path = self._stage(definition, request)
        visit = api_visits.begin(self._around, definition, request, stage, path)
        cors = definition["api"].get("corsConfiguration")
        response = http_cors.preflight(cors, request)
        if response is None:
            try:
                response = await self._serve(visit, definition)
            except Refused as refused:
                response = self._refused(visit, refused)
            response = http_cors.applied(cors, request, response)
        own = ("apigw-requestid", visit.extended_request_id)
        return HttpResponse(response.status, (*response.headers, own), response.body)

    def _stage(self, definition: Definition, request: HttpRequest) -> tuple[str, str]:
        name, path = api_visits.staged(request)
        if name in definition["stages"] and name != DEFAULT_STAGE:
            return name, path
        return DEFAULT_STAGE, request.path

    async def _serve(self, visit: Visit, definition: Definition) -> HttpResponse:
        stage = definition["stages"].get(visit.stage)
        if stage is None or stage["definition"] is None:
            names = ", ".join(definition["stages"]) or "none"
            raise Refused(
                404, "Not Found", f"no stage with a deployment serves it; the API's stages: {names}"
            )
        visit.stage_variables = stage.get("stageVariables") or {}
        deployed = stage["definition"]
        found = routes.http_route(deployed["routes"], visit.request.method, visit.path)
        if found is None:
            raise Refused(404, "Not Found", "no route matches")
        route, visit.path_parameters = found
        visit.route = route["routeKey"]
        if len(visit.request.body) > limits.PAYLOAD_BYTES:
            raise Refused(413, "Request Entity Too Large")
        await self._authorize(visit, route, deployed)
        limits_of_route = throttle_limits.of_route((visit.api_id, visit.stage), stage, visit.route)
        over = self._around.throttle.refusal(limits_of_route, visit.now)
        if over is not None:
            raise Refused(429, "Too Many Requests", str(over))
        target = (route.get("target") or "").removeprefix("integrations/")
        integration = deployed["integrations"].get(target)
        if integration is None:
            raise Refused(500, "Internal Server Error", f"the route {visit.route} has no integration")
        return await self._integrate(visit, integration)

    # --- who may -------------------------------------------------------------------------------------

    async def _authorize(self, visit: Visit, route: dict[str, Any], deployed: dict[str, Any]) -> None:
        kind = (route.get("authorizationType") or "NONE").upper()
        authorizer = deployed["authorizers"].get(route.get("authorizerId")) or {}
        if kind == "JWT":
            await self._verify(visit, authorizer, route.get("authorizationScopes") or [])
        elif kind == "CUSTOM":
            await self._ask(visit, authorizer)
        elif kind == "AWS_IAM":
            await self._identify(visit)
        elif kind != "NONE":
            raise Refused(500, "Internal Server Error", f"authorizers of type {kind} are not emulated")

    async def _verify(self, visit: Visit, authorizer: dict[str, Any], scopes: list[str]) -> None:
        configured = authorizer.get("jwtConfiguration") or {}
        issuer = configured.get("issuer") or ""
        source = rules.identity(visit, list(authorizer.get("identitySource") or []))
        if source is None:
            raise _unauthorized("the request has no token", "Bearer")
        keys = await self._around.issuers.keys(issuer)
        if keys is None:
            sentence = f"the sandbox has no keys of {issuer!r}: give them with PUT /_sandbox/jwks?issuer=URL"
            raise Refused(500, "Internal Server Error", sentence)
        audience, now = list(configured.get("audience") or []), visit.now
        try:
            claims = jwt.verified(jwt.token_of(source[0]), keys, issuer, audience, scopes, now)
        except jwt.TokenRefused as reason:
            detail = 'error="invalid_token" error_description="the token was not accepted"'
            raise _unauthorized(str(reason), f'Bearer scope="{" ".join(scopes)}" {detail}') from None
        except jwt.ScopeMissing as reason:
            raise Refused(403, "Forbidden", str(reason)) from None
        visit.authorizer = claims.to_context()

    async def _ask(self, visit: Visit, authorizer: dict[str, Any]) -> None:
        try:
            if not authorizer:
                raise AuthorizerFault("the route's authorizer does not exist")
            verdict = await self._around.authorizers.http(visit, authorizer)
        except NotIdentified as reason:
            raise Refused(401, "Unauthorized", str(reason)) from None
        except AuthorizerFault as fault:
            raise Refused(500, "Internal Server Error", str(fault)) from None
        if verdict.decision(visit.method_arn) != "allow":
            raise Refused(403, "Forbidden", f"the authorizer does not allow {visit.method_arn}")
        named = {"principalId": verdict.principal_id} if verdict.principal_id else {}
        visit.authorizer = {"lambda": {**verdict.context, **named}}

    async def _identify(self, visit: Visit) -> None:
        try:
            who = await self._around.signers.identity(visit.request, visit.method_arn)
        except NotSigned as refused:
            raise Refused(403, "Forbidden", refused.message) from None
        visit.authorizer = {
            "iam": {
                "accessKey": who["accessKey"],
                "accountId": who["accountId"],
                "callerId": who["caller"],
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": who["userArn"],
                "userId": who["user"],
            }
        }

    # --- integration ---------------------------------------------------------------------------------

    async def _integrate(self, visit: Visit, integration: dict[str, Any]) -> HttpResponse:
        self._check(integration)
        function = integration_uri.function_arn(
            integration.get("integrationUri") or "", visit.stage_variables
        )
        if function is None:
            uri = integration.get("integrationUri")
            raise Refused(500, "Internal Server Error", f"the integration's URI {uri!r} names no function")
        version = integration.get("payloadFormatVersion") or "1.0"
        make = http_api_event.event_2_0 if version == "2.0" else http_api_event.event_1_0
        text = json.dumps(make(visit), separators=(",", ":"), ensure_ascii=False)
        payload = await self._invoke(visit, integration, function, text.encode("utf-8", "surrogatepass"))
        try:
            return http_api_answer.response(payload, version)
        except MalformedResponse as reason:
            raise Refused(500, "Internal Server Error", f"malformed Lambda response: {reason}") from None

    def _check(self, integration: dict[str, Any]) -> None:
        kind = integration.get("integrationType")
        if kind != "AWS_PROXY" or integration.get("integrationSubtype"):
            shown = integration.get("integrationSubtype") or kind
            raise Refused(501, "Not Implemented", f"integrations of type {shown} are not emulated")
        asked = [name for name in _NOT_EMULATED if integration.get(name)]
        if asked:
            raise Refused(501, "Not Implemented", f"{asked[0]} of an integration is not emulated")

    async def _invoke(
        self, visit: Visit, integration: dict[str, Any], function: str, payload: bytes
    ) -> bytes:
        method, _, path = visit.route.partition(" ")
        # AWS: a route that takes any method has a star for it in the ARN.
        method = "*" if method == routes.ANY else method
        source = visit.source_arn(method, path)
        asking = Asking(SERVICE, source, visit.account_id, integration.get("credentialsArn") or "")
        seconds = limits.timeout_s(integration.get("timeoutInMillis"), limits.HTTP_TIMEOUT_S)
        try:
            asked = self._around.functions.invoke(function, payload, asking, visit.trace)
            result = await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            raise Refused(503, "Service Unavailable", f"no answer within {seconds:g} s") from None
        except ApiError as error:
            raise _not_invoked(error) from None
        if result.function_error:
            raise Refused(500, "Internal Server Error", "the function failed")
        return result.payload

    def _refused(self, visit: Visit, refused: Refused) -> HttpResponse:
        if refused.sentence:
            place = f"{visit.request.method} {visit.path} of HTTP API {visit.api_id}"
            self._around.note(f"{place} was answered with {refused.status}: {refused.sentence}")
        told = {"message": refused.sentence if refused.status == 501 else refused.message}
        body = json.dumps(told, separators=(",", ":")).encode()
        return HttpResponse(refused.status, (("content-type", "application/json"), *refused.headers), body)


def _unauthorized(why: str, challenge: str) -> Refused:
    return Refused(401, "Unauthorized", why, (("www-authenticate", challenge),))


def _not_invoked(error: ApiError) -> Refused:
    sentence = f"{error.code}: {error.message}"
    if error.status == 413:
        return Refused(413, "Request Entity Too Large", sentence)
    if error.status == 429:
        return Refused(503, "Service Unavailable", sentence)  # UNCONFIRMED: the status
    return Refused(500, "Internal Server Error", sentence)
