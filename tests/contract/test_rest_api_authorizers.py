"""Authorizers of REST APIs over real HTTP: TOKEN, REQUEST and IAM."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.rest_api_stage import Api, refusal, uri
from tests.contract.rest_api_stage import function as function

TOKEN = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    token = event["authorizationToken"]
    if token == "unauthorized":
        raise Exception("Unauthorized")
    if token == "raise":
        raise ValueError("no")
    if token == "malformed":
        return {"principalId": "ada"}
    if token == "silent":
        statements = [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn:aws:execute-api:*:*:*/none"}]
    else:
        effect = "Deny" if token == "deny" else "Allow"
        resource = event["methodArn"] if token == "this only" else "*"
        statements = [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]
    return {
        "principalId": "ada", "context": {"number": 7, "flag": True, "calls": calls},
        "policyDocument": {"Version": "2012-10-17", "Statement": statements},
        "usageIdentifierKey": "k" * 20,
    }
"""
REQUEST = """
import json

def handler(event, context):
    assert event["type"] == "REQUEST"
    assert "body" not in event
    allowed = event["headers"]["X-Token"] == "yes" and event["queryStringParameters"]["shop"] == "north"
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if allowed else "Deny", "Resource": event["methodArn"]}
    context = {"seen": json.dumps([event["resource"], event["path"], event["pathParameters"], event["stageVariables"]])}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": context}
"""


def authorized(
    server: Server, function: str, name: str, kind: str, source: str, authorizer_source: str, **options: Any
) -> Api:
    authorizer = server.deploy(f"authorizer-{name}", authorizer_source, invoked_by="apigateway")
    api = Api(server, name)
    made = api.client.create_authorizer(
        restApiId=api.id,
        name=name,
        type=kind,
        authorizerUri=uri(authorizer),
        identitySource=source,
        **options,
    )["id"]
    api.proxy("/items/{id}", "GET", function, authorizationType="CUSTOM", authorizerId=made)
    api.deploy(variables={"currency": "EUR"})
    return api


HEADER = "method.request.header.Authorization"


@pytest.fixture(scope="module")
def token_api(server: Server, function: str) -> Api:
    options = {"authorizerResultTtlInSeconds": 0, "identityValidationExpression": "[a-z ]+"}
    return authorized(server, function, "token", "TOKEN", HEADER, TOKEN, **options)


def test_a_token_authorizer_lets_in_and_adds_its_context(token_api: Api) -> None:
    shown = token_api.event("GET", "/prod/items/1", Authorization="allow")["requestContext"]["authorizer"]
    assert shown["principalId"] == "ada"
    assert (shown["number"], shown["flag"]) == ("7", "true")


@pytest.mark.parametrize(
    ("token", "status", "body"),
    [
        ("deny", 403, {"Message": "User is not authorized to access this resource with an explicit deny"}),
        ("silent", 403, {"Message": "User is not authorized to access this resource"}),
        ("unauthorized", 401, {"message": "Unauthorized"}),
        ("UPPER", 401, {"message": "Unauthorized"}),
        ("raise", 500, {"message": None}),
        ("malformed", 500, {"message": None}),
    ],
)
def test_a_token_authorizer_refuses(token_api: Api, token: str, status: int, body: Any) -> None:
    assert refusal(token_api.call("GET", "/prod/items/1", Authorization=token)) == (status, body)


def test_without_its_token_a_request_is_unauthorized(token_api: Api) -> None:
    assert refusal(token_api.call("GET", "/prod/items/1")) == (401, {"message": "Unauthorized"})


def test_a_kept_policy_is_asked_again_for_each_method(server: Server, function: str) -> None:
    api = authorized(server, function, "kept", "TOKEN", HEADER, TOKEN)
    first, second = (
        api.event("GET", f"/prod/items/{number}", Authorization="allow")["requestContext"]["authorizer"]
        for number in (1, 2)
    )
    assert first["calls"] == second["calls"]
    assert api.call("GET", "/prod/items/1", Authorization="this only")[0].status == 200
    # The policy that was kept allows the first path only: the trap of every learner.
    assert api.call("GET", "/prod/items/2", Authorization="this only")[0].status == 403


def test_a_request_authorizer_sees_the_request_without_its_body(server: Server, function: str) -> None:
    source = "method.request.header.X-Token, method.request.querystring.shop"
    api = authorized(server, function, "request", "REQUEST", source, REQUEST)
    event = api.event("GET", "/prod/items/1?shop=north", X_Token="yes")
    seen = json.loads(event["requestContext"]["authorizer"]["seen"])
    assert seen == ["/items/{id}", "/items/1", {"id": "1"}, {"currency": "EUR"}]
    assert api.call("GET", "/prod/items/1?shop=south", X_Token="yes")[0].status == 403
    assert api.call("GET", "/prod/items/1", X_Token="yes")[0].status == 401


def test_a_signed_request_has_its_signer_in_the_event(server: Server, function: str) -> None:
    api = Api(server, "iam")
    api.proxy("/", "GET", function, authorizationType="AWS_IAM")
    api.deploy()
    assert refusal(api.call("GET", "/prod/")) == (403, {"message": "Missing Authentication Token"})
    scope = "Credential=123456789012/20260101/us-east-1/execute-api/aws4_request"
    event = api.event(
        "GET", "/prod/", Authorization=f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
    )
    assert event["requestContext"]["identity"]["accountId"] == "123456789012"
