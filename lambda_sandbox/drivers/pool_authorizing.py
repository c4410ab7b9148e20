"""``COGNITO_USER_POOLS`` authorizers: the request's token, checked with the keys of the pools that the authorizer names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.drivers.issuers import Issuers
from lambda_sandbox.front_doors import authorizer as rules
from lambda_sandbox.front_doors import jwt, user_pools
from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.jwt import TokenRefused
from lambda_sandbox.front_doors.visit import Visit

_SOURCE = "method.request.header.Authorization"
_EXPIRED = "The incoming token has expired"


async def context(
    issuers: Issuers, visit: Visit, authorizer: Mapping[str, Any], scopes: list[str]
) -> dict[str, Any]:
    """Return ``requestContext.authorizer`` for a request that may pass. Raises ``GatewayError``."""
    identity = rules.identity(visit, [authorizer.get("identitySource") or _SOURCE])
    if identity is None:
        raise GatewayError("UNAUTHORIZED", "the request has no token")
    token, reasons = jwt.token_of(identity[0]), []
    named = [_filled(arn, visit.stage_variables) for arn in authorizer.get("providerARNs") or []]
    for issuer in user_pools.issuers(named):
        keys = await issuers.keys(issuer)
        if keys is None:
            reasons.append(f"the sandbox has no user pool with the issuer {issuer}")
            continue
        validation = authorizer.get("identityValidationExpression")
        try:
            return user_pools.verified(token, keys, issuer, scopes, visit.now, validation)
        except user_pools.TokenExpired as reason:
            raise GatewayError("UNAUTHORIZED", str(reason), _EXPIRED) from None
        except TokenRefused as reason:
            reasons.append(str(reason))
    raise GatewayError("UNAUTHORIZED", "; ".join(reasons) or "the authorizer names no user pool")


def _filled(arn: str, variables: Mapping[str, str]) -> str:
    """AWS: a stage variable may stand for the pool."""
    for name, value in variables.items():
        arn = arn.replace(f"${{stageVariables.{name}}}", value)
    return arn
