"""Lambda authorizers asked, and their verdicts kept for as long as they may be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lambda_sandbox.drivers.front_doors import Asking, Invoke
from lambda_sandbox.errors import ApiError
from lambda_sandbox.front_doors import authorizer as rules
from lambda_sandbox.front_doors import http_api_event, integration_uri, rest_event
from lambda_sandbox.front_doors.authorizer import AuthorizerFault, Verdict
from lambda_sandbox.front_doors.visit import Visit

SERVICE = "apigateway.amazonaws.com"
_KEPT = 10_000


class NotIdentified(Exception):
    """The request lacks what identifies its caller, or the authorizer said so: 401."""


class LambdaAuthorizers:
    """``now()`` is seconds; ``forget`` drops every kept verdict."""

    def __init__(self, invoke: Invoke, now: Callable[[], float]) -> None:
        self._invoke = invoke
        self._now = now
        self._kept: dict[tuple[Any, ...], tuple[float, Verdict]] = {}

    def forget(self) -> None:
        self._kept.clear()

    async def rest(
        self, visit: Visit, authorizer: Mapping[str, Any], event: dict[str, Any] | None = None
    ) -> Verdict:
        """Ask an authorizer of a REST or WebSocket API; ``event`` takes the place of a REQUEST authorizer's usual one.

        Raises ``NotIdentified`` and ``AuthorizerFault``.
        """
        ttl_s = rules.ttl_s(authorizer)
        token = authorizer["type"] == "TOKEN"
        default = "method.request.header.Authorization" if token else ""
        sources = [each for each in (authorizer.get("identitySource") or default).split(",") if each.strip()]
        # AWS: a REQUEST authorizer whose answers are not kept looks at no identity source.
        identity = rules.identity(visit, sources) if token or ttl_s or event is not None else []
        if identity is None:
            raise NotIdentified("an identity source is missing")
        if token:
            expression = authorizer.get("identityValidationExpression")
            if expression and re.fullmatch(expression, identity[0]) is None:
                raise NotIdentified("the token does not match the identity validation expression")
            asked: dict[str, Any] = {
                "type": "TOKEN",
                "methodArn": visit.method_arn,
                "authorizationToken": identity[0],
            }
        else:
            asked = event or rest_event.authorizer_event(visit)
        key = (visit.api_id, visit.stage, authorizer["id"], *identity)
        role = authorizer.get("authorizerCredentials") or ""
        uri, own_id = authorizer["authorizerUri"], authorizer["id"]
        keeps = ttl_s if sources else 0
        return await self._verdict(visit, key, keeps, uri, own_id, role, asked, simple=False)

    async def http(self, visit: Visit, authorizer: Mapping[str, Any]) -> Verdict:
        """Ask a REQUEST authorizer of an HTTP API. Raises ``NotIdentified`` and ``AuthorizerFault``."""
        sources = list(authorizer.get("identitySource") or [])
        identity = rules.identity(visit, sources)
        if identity is None:
            raise NotIdentified("an identity source is missing")
        two = authorizer.get("authorizerPayloadFormatVersion") == "2.0"
        make = http_api_event.authorizer_event_2_0 if two else http_api_event.authorizer_event_1_0
        # AWS: HTTP APIs keep no verdict unless they are told to.
        # POLICY: what an authorizer of an HTTP API answered is kept for all routes together: a cached yes for one route counts for
        # the others. Name ``$context.routeKey`` as an identity source where routes differ.
        ttl_s = rules.ttl_s(authorizer, 0) if sources else 0
        own_id = authorizer["authorizerId"]
        key = (visit.api_id, visit.stage, own_id, *identity)
        role = authorizer.get("authorizerCredentialsArn") or ""
        simple = two and bool(authorizer.get("enableSimpleResponses"))
        uri = authorizer["authorizerUri"]
        return await self._verdict(visit, key, ttl_s, uri, own_id, role, make(visit, identity), simple=simple)

    async def _verdict(
        self,
        visit: Visit,
        key: tuple[Any, ...],
        ttl_s: int,
        uri: str,
        authorizer_id: str,
        role_arn: str,
        event: dict[str, Any],
        *,
        simple: bool,
    ) -> Verdict:
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        function = integration_uri.function_arn(uri, visit.stage_variables)
        if function is None:
            raise AuthorizerFault(f"the authorizer's URI {uri!r} names no function")
        source = f"{visit.execute_arn}/authorizers/{authorizer_id}"
        payload = json.dumps(event, separators=(",", ":")).encode()
        try:
            asking = Asking(SERVICE, source, visit.account_id, role_arn)
            result = await self._invoke(function, payload, asking, visit.trace)
        except ApiError as error:
            raise AuthorizerFault(f"the authorizer was not invoked: {error.message}") from None
        if result.function_error:
            raise _failed(result.payload)
        verdict = rules.of_simple(result.payload) if simple else rules.of_policy(result.payload)
        if ttl_s:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = (self._now() + ttl_s, verdict)
        return verdict


def _failed(payload: bytes) -> Exception:
    """AWS: an error whose message is exactly "Unauthorized" is the way to say 401."""
    try:
        message = json.loads(payload).get("errorMessage")
    except (ValueError, AttributeError):
        message = None
    if message == "Unauthorized":
        return NotIdentified("the authorizer raised Unauthorized")
    return AuthorizerFault(f"the authorizer failed: {message}")
