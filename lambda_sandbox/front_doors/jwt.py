"""JWT authorizers of HTTP APIs: a token's signature, issuer, audience, times and scopes.

Source: API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers", read 2026-11.

DIFFERS: a JWT authorizer fetches no keys over the network. They are those of a Cognito user pool in the sandbox, or you give
it an issuer's keys: ``PUT /_sandbox/jwks?issuer=URL``, with the key set (JWKS) as the body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ALGORITHMS = ["RS256", "RS384", "RS512"]  # AWS: only RSA
_BEARER = "bearer "


class TokenRefused(ValueError):
    """The token is not accepted (401); the text says why, for the sandbox's history."""


class ScopeMissing(ValueError):
    """The token is good, but has none of the route's scopes (403)."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What ``requestContext.authorizer.jwt`` shows: every claim as text, and the route's scopes that the token has."""

    claims: dict[str, str]
    scopes: list[str] | None

    def to_context(self) -> dict[str, Any]:
        return {"jwt": {"claims": self.claims, "scopes": self.scopes}}


def token_of(value: str) -> str:
    """Return the token of a header or parameter, with or without ``Bearer`` before it."""
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value.strip()


def verified(
    token: str, keys: Mapping[str, Any], issuer: str, audience: list[str], scopes: list[str], now: float
) -> Claims:
    """Return the claims of a good token. ``keys`` is a JWKS; ``now`` is seconds since the epoch.

    Raises ``TokenRefused`` and ``ScopeMissing``.
    """
    claims = signed_claims(token, keys)
    _check(claims, issuer, audience, now)
    held = scopes_of(claims)
    if scopes and not set(scopes) & set(held):
        raise ScopeMissing(f"the token has none of the scopes {', '.join(scopes)}")
    shown = {name: claim_text(value) for name, value in claims.items()}
    return Claims(shown, [each for each in scopes if each in held] or None)


def signed_claims(token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a token says, whose signature one of the keys of a JWKS has made. Raises ``TokenRefused``."""
    # Only here: their import would be a tenth of the server's start, and few APIs have such an authorizer.
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        known = KeySet.import_key_set({"keys": list(keys["keys"])})
        payload = jws.deserialize_compact(token, known, algorithms=_ALGORITHMS).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, KeyError, TypeError) as reason:
        raise TokenRefused(f"the token's signature was not verified: {reason}") from None
    if not isinstance(claims, dict):
        raise TokenRefused("the token holds no claims")
    return claims


def _check(claims: Mapping[str, Any], issuer: str, audience: list[str], now: float) -> None:
    if claims.get("iss") != issuer:
        raise TokenRefused(f"the token's issuer is {claims.get('iss')!r}, not {issuer!r}")
    given = claims.get("aud", claims.get("client_id"))  # AWS: client_id counts where there is no aud
    named = given if isinstance(given, list) else [given]
    if not set(map(str, named)) & set(audience):
        raise TokenRefused(f"the token's audience {given!r} is none of {', '.join(audience)}")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
        raise TokenRefused("the token has expired, or has no exp")
    for name in ("nbf", "iat"):
        if name in claims and (not isinstance(claims[name], int | float) or claims[name] > now):
            raise TokenRefused(f"the token's {name} lies in the future")


def scopes_of(claims: Mapping[str, Any]) -> list[str]:
    """Return the scopes that a token holds."""
    given = claims.get("scope", claims.get("scp")) or []
    return given.split() if isinstance(given, str) else [str(each) for each in given]


def claim_text(value: Any) -> str:
    """Return a claim as an HTTP API shows it. AWS: a list becomes ``[a b]``, an object its JSON."""
    if isinstance(value, list):
        return "[" + " ".join(map(claim_text, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict) else str(value)
