"""Authorizers of HTTP APIs over real HTTP: JWT, Lambda with both formats, and IAM."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.contract.conftest import Server
from tests.contract.http_api_stage import Api, call
from tests.contract.http_api_stage import function as function

SIMPLE = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    token = event["headers"].get("authorization", "")
    if token == "raise":
        raise ValueError("no")
    if token == "nonsense":
        return "yes"
    return {"isAuthorized": token == "let me in", "context": {"shop": "north", "calls": calls, "version": event["version"]}}
"""
POLICY = """
def handler(event, context):
    assert event["version"] == "1.0" and event["type"] == "REQUEST"
    allowed = event["authorizationToken"] == "let me in"
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if allowed else "Deny", "Resource": event["methodArn"]}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": {"plan": "gold"}}
"""
ISSUER = "https://shop.example/"


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def signed_in(server: Server, function: str, key: RSAKey) -> Api:
    api = Api(server, "jwt")
    target = api.integrate(function)
    authorizer = api.client.create_authorizer(
        ApiId=api.id,
        AuthorizerType="JWT",
        Name="shop",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["web"], "Issuer": ISSUER},
    )["AuthorizerId"]
    api.route("GET /me", target, AuthorizationType="JWT", AuthorizerId=authorizer)
    api.route(
        "GET /admin", target, AuthorizationType="JWT", AuthorizerId=authorizer, AuthorizationScopes=["admin"]
    )
    api.stage()
    document = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    answer, body = call(server, "localhost", "PUT", f"/_sandbox/jwks?issuer={ISSUER}", document, {})
    assert answer.status == 200, body
    return api


def token(key: RSAKey, **claims: Any) -> str:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": "web", "sub": "ada", "iat": now - 5, "exp": now + 600, "groups": ["a", "b"]}
    return jwt.encode({"alg": "RS256", "kid": "one"}, good | claims, key)


def test_a_good_token_brings_its_claims_as_text(signed_in: Api, key: RSAKey) -> None:
    event = signed_in.event("GET", "/me", Authorization=f"Bearer {token(key)}")
    shown = event["requestContext"]["authorizer"]["jwt"]
    assert shown["claims"]["sub"] == "ada"
    assert shown["claims"]["groups"] == "[a b]"
    assert shown["claims"]["exp"].isdigit()
    assert shown["scopes"] is None


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://other.example"}, {"aud": "phone"}, {"exp": 1}, {"nbf": 9_999_999_999}],
    ids=["other issuer", "other audience", "expired", "not yet valid"],
)
def test_a_token_that_is_not_good_is_401(signed_in: Api, key: RSAKey, claims: dict[str, Any]) -> None:
    answer, body = signed_in.call("GET", "/me", Authorization=token(key, **claims))
    assert (answer.status, json.loads(body)) == (401, {"message": "Unauthorized"})
    assert (answer.getheader("www-authenticate") or "").startswith("Bearer")


def test_a_token_of_another_key_and_no_token_are_401(signed_in: Api) -> None:
    forged = token(RSAKey.generate_key(2048, {"kid": "one"}))
    assert signed_in.call("GET", "/me", Authorization=forged)[0].status == 401
    assert signed_in.call("GET", "/me")[0].status == 401


def test_a_route_with_scopes_wants_one_of_them(signed_in: Api, key: RSAKey) -> None:
    answer, body = signed_in.call("GET", "/admin", Authorization=token(key, scope="read write"))
    assert (answer.status, json.loads(body)) == (403, {"message": "Forbidden"})
    event = signed_in.event("GET", "/admin", Authorization=token(key, scope="read admin"))
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] == ["admin"]


def test_tokens_of_a_local_user_pool_need_no_keys_to_be_given(server: Server, function: str) -> None:
    pools = server.client("cognito-idp")
    pool = pools.create_user_pool(PoolName="shop")["UserPool"]["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = pools.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
    client_id = client["UserPoolClient"]["ClientId"]
    pools.admin_create_user(UserPoolId=pool, Username="ada")
    pools.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Secret-1234", Permanent=True)
    signed = pools.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Secret-1234"},
    )["AuthenticationResult"]
    api = Api(server, "pool")
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    authorizer = api.client.create_authorizer(
        ApiId=api.id,
        AuthorizerType="JWT",
        Name="pool",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": [client_id], "Issuer": issuer},
    )["AuthorizerId"]
    api.route("GET /", api.integrate(function), AuthorizationType="JWT", AuthorizerId=authorizer)
    api.stage()
    event = api.event("GET", "/", Authorization=f"Bearer {signed['IdToken']}")
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:username"] == "ada"


def guarded(server: Server, function: str, authorizer: str, name: str, **options: Any) -> Api:
    api = Api(server, name)
    made = api.client.create_authorizer(
        ApiId=api.id,
        AuthorizerType="REQUEST",
        Name=name,
        AuthorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{authorizer}/invocations",
        IdentitySource=["$request.header.Authorization"],
        **options,
    )["AuthorizerId"]
    api.route("GET /items/{id}", api.integrate(function), AuthorizationType="CUSTOM", AuthorizerId=made)
    api.stage()
    return api


def test_a_lambda_authorizer_answers_simply(server: Server, function: str) -> None:
    simple = server.deploy("simple", SIMPLE, invoked_by="apigateway")
    api = guarded(
        server, function, simple, "simple", AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True
    )
    event = api.event("GET", "/items/1", Authorization="let me in")
    assert event["requestContext"]["authorizer"]["lambda"] == {"shop": "north", "calls": 1, "version": "2.0"}
    answer, body = api.call("GET", "/items/1", Authorization="guess")
    assert (answer.status, json.loads(body)) == (403, {"message": "Forbidden"})
    assert api.call("GET", "/items/1")[0].status == 401
    for broken in ("raise", "nonsense"):
        answer, body = api.call("GET", "/items/1", Authorization=broken)
        assert (answer.status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def test_a_verdict_is_kept_for_its_time_to_live(server: Server, function: str) -> None:
    simple = server.deploy("kept", SIMPLE, invoked_by="apigateway")
    api = guarded(
        server,
        function,
        simple,
        "kept",
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        AuthorizerResultTtlInSeconds=300,
    )
    calls = [
        api.event("GET", f"/items/{number}", Authorization="let me in")["requestContext"]["authorizer"][
            "lambda"
        ]
        for number in range(3)
    ]
    assert [each["calls"] for each in calls] == [1, 1, 1]


def test_a_lambda_authorizer_answers_with_a_policy(server: Server, function: str) -> None:
    policy = server.deploy("policy", POLICY, invoked_by="apigateway")
    api = guarded(server, function, policy, "policy", AuthorizerPayloadFormatVersion="1.0")
    event = api.event("GET", "/items/1", Authorization="let me in")
    assert event["requestContext"]["authorizer"]["lambda"] == {"plan": "gold", "principalId": "ada"}
    assert api.call("GET", "/items/1", Authorization="guess")[0].status == 403


def test_a_signed_request_has_its_signer_in_the_event(server: Server, function: str) -> None:
    api = Api(server, "iam")
    api.route("GET /", api.integrate(function), AuthorizationType="AWS_IAM")
    api.stage()
    assert api.call("GET", "/")[0].status == 403
    scope = "Credential=123456789012/20260101/us-east-1/execute-api/aws4_request"
    event = api.event("GET", "/", Authorization=f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0")
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == "123456789012"
