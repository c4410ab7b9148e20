"""``COGNITO_USER_POOLS`` authorizers of REST APIs: whose token it is, and what the function is told of it.

Source: API Gateway Developer Guide, "Control access to REST APIs using Amazon Cognito user pools as an authorizer", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.front_doors import jwt
from lambda_sandbox.front_doors.jwt import TokenRefused

_ARN = re.compile(r"arn:aws[a-z-]*:cognito-idp:([a-z0-9-]+):\d{12}:userpool/([A-Za-z0-9_-]+)")
# AWS shows these two as dates, and auth_time as the number that it is in the token.
_DATES = ("exp", "iat")


class TokenExpired(TokenRefused):
    """The token was good once. AWS says so, with a sentence of its own."""


def issuers(provider_arns: Iterable[str]) -> list[str]:
    """Return the issuers of the tokens of some user pools; what is no ARN of one is left out."""
    found = (_ARN.fullmatch(arn) for arn in provider_arns)
    return [f"https://cognito-idp.{pool[1]}.amazonaws.com/{pool[2]}" for pool in found if pool]


def verified(
    token: str,
    keys: Mapping[str, Any],
    issuer: str,
    scopes: list[str],
    now: float,
    validation: str | None = None,
) -> dict[str, Any]:
    """Return ``requestContext.authorizer`` for a good token. ``keys`` is the pool's JWKS, ``now`` seconds since the epoch.

    A method without ``scopes`` wants an identity token, one with them an access token that has one of them; ``validation``
    is a pattern for the token's audience. Raises ``TokenRefused``.
    """
    claims = jwt.signed_claims(token, keys)
    wanted = "access" if scopes else "id"
    if claims.get("iss") != issuer:
        raise TokenRefused(f"the token's issuer is {claims.get('iss')!r}, not {issuer!r}")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
        raise TokenExpired("the token has expired, or has no exp")
    if claims.get("token_use") != wanted:
        because = "has scopes" if scopes else "has no scopes"
        raise TokenRefused(f"a method that {because} wants a token whose token_use is {wanted!r}")
    if scopes and not set(scopes) & set(jwt.scopes_of(claims)):
        raise TokenRefused(f"the token has none of the scopes {', '.join(scopes)}")
    if validation and re.fullmatch(validation, str(claims.get("aud", ""))) is None:
        raise TokenRefused(f"the token's audience does not match {validation!r}")
    return {"claims": {name: _text(name, value) for name, value in claims.items()}}


def _text(name: str, value: Any) -> str:
    if name in _DATES:
        return datetime.fromtimestamp(value, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    if isinstance(value, list):
        return ",".join(map(str, value))
    return jwt.claim_text(value)
