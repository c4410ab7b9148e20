"""REST APIs that let in who has signed in to a Cognito user pool of the sandbox."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import Server
from tests.contract.http_api_stage import Answer
from tests.contract.rest_api_stage import ECHO, Api, refusal

ACCOUNT = "000000000000"


class Shop:
    """A pool with one user who has signed in, and an API with a method for each kind of token."""

    def __init__(self, server: Server) -> None:
        pools = server.client("cognito-idp")
        pool = pools.create_user_pool(PoolName="shop")["UserPool"]["Id"]
        flows = ["ALLOW_USER_PASSWORD_AUTH"]
        client = pools.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
        self.client_id = client["UserPoolClient"]["ClientId"]
        pools.admin_create_user(UserPoolId=pool, Username="ada")
        pools.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Secret-1234", Permanent=True)
        for group in ("admins", "buyers"):
            pools.create_group(UserPoolId=pool, GroupName=group)
            pools.admin_add_user_to_group(UserPoolId=pool, Username="ada", GroupName=group)
        given = {"USERNAME": "ada", "PASSWORD": "Secret-1234"}
        self.tokens = pools.initiate_auth(
            ClientId=self.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
        )["AuthenticationResult"]
        self.api = Api(server, "shop")
        self.function = server.deploy("shop-echo", ECHO, invoked_by="apigateway")
        self.pool_arn = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{pool}"
        self.add("/me")
        self.add("/admin", ["aws.cognito.signin.user.admin"])
        self.add("/other", ["shop/write"])
        self.add("/strangers", identityValidationExpression="someone-else")
        self.api.deploy("v1")

    def add(self, path: str, scopes: list[str] | None = None, **options: Any) -> None:
        authorizer = self.api.client.create_authorizer(
            restApiId=self.api.id,
            name=path.strip("/"),
            type="COGNITO_USER_POOLS",
            providerARNs=[self.pool_arn],
            identitySource="method.request.header.Authorization",
            **options,
        )["id"]
        wanted = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": authorizer}
        self.api.proxy(path, "GET", self.function, **wanted, authorizationScopes=scopes or [])

    def get(self, path: str, token: str | None) -> Answer:
        return self.api.call("GET", f"/v1{path}", **({} if token is None else {"Authorization": token}))


@pytest.fixture(scope="module")
def shop(server: Server) -> Shop:
    return Shop(server)


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/me", "IdToken", 200),
        ("/me", "AccessToken", 401),
        ("/me", None, 401),
        ("/me", "forged", 401),
        ("/admin", "AccessToken", 200),
        ("/admin", "IdToken", 401),
        ("/other", "AccessToken", 401),
        ("/strangers", "IdToken", 401),
    ],
    ids=[
        "an identity token where no scope is asked for",
        "an access token where no scope is asked for",
        "no token",
        "a token with another signature",
        "an access token with the scope",
        "an identity token where a scope is asked for",
        "an access token without the scope",
        "an identity token of another audience",
    ],
)
def test_method_takes_or_refuses(shop: Shop, path: str, token: str | None, status: int) -> None:
    forged = shop.tokens["IdToken"].rpartition(".")[0] + "." + shop.tokens["AccessToken"].rpartition(".")[2]
    given = (shop.tokens | {"forged": forged})[token] if token else None
    answer = shop.get(path, given)
    assert answer[0].status == status
    if status == 401:
        assert refusal(answer) == (401, {"message": "Unauthorized"})
        assert answer[0].headers["x-amzn-errortype"] == "UnauthorizedException"


def test_function_sees_the_claims_as_texts(shop: Shop) -> None:
    event = json.loads(shop.get("/me", f"Bearer {shop.tokens['IdToken']}")[1])
    claims = event["requestContext"]["authorizer"]["claims"]
    assert (claims["cognito:username"], claims["aud"], claims["token_use"]) == ("ada", shop.client_id, "id")
    assert sorted(claims["cognito:groups"].split(",")) == ["admins", "buyers"]
    assert " UTC 20" in claims["exp"]
