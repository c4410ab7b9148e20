"""What a token of a user pool must say, beside what the contract tests show with real ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lambda_sandbox.front_doors import user_pools
from lambda_sandbox.front_doors.jwt import TokenRefused
from lambda_sandbox.front_doors.user_pools import TokenExpired

KEY = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = {"keys": [json.loads(json.dumps(KEY.as_dict(private=False)))]}
ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc"
NOW = 1_547_225_458


def token(**claims: Any) -> str:
    good = {"iss": ISSUER, "token_use": "id", "exp": NOW + 3600, "iat": NOW, "aud": "web"}
    return jwt.encode({"alg": "RS256", "kid": "one"}, good | claims, KEY)


def test_issuers_are_those_of_the_pools_that_are_named() -> None:
    arns = ["arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Abc", "arn:aws:s3:::photos"]
    assert user_pools.issuers(arns) == [ISSUER]


def test_times_are_shown_as_dates_and_the_time_of_signing_in_as_a_number() -> None:
    shown = user_pools.verified(token(auth_time=NOW), KEYS, ISSUER, [], NOW)["claims"]
    assert shown["iat"] == "Fri Jan 11 16:50:58 UTC 2019"
    assert shown["auth_time"] == str(NOW)


def test_token_that_was_good_once_is_told_apart() -> None:
    with pytest.raises(TokenExpired):
        user_pools.verified(token(), KEYS, ISSUER, [], NOW + 3600)


def test_token_of_another_pool_is_refused() -> None:
    with pytest.raises(TokenRefused, match="issuer"):
        user_pools.verified(token(iss=f"{ISSUER}d"), KEYS, ISSUER, [], NOW)
