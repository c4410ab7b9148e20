"""HTTP APIs over real HTTP: made with boto3, called by plain clients."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lambda_sandbox import local_names
from lambda_sandbox.config import ROOT_SECRET
from lambda_sandbox.packaging import package
from tests.contract.conftest import Server

ECHO = """
import base64, json, time

def handler(event, context):
    path = event.get("rawPath") or event.get("path")
    what = path.rstrip("/").rsplit("/", 1)[-1]
    if what == "text":
        return "Hello"
    if what == "plain":
        return {"greeting": "hi"}
    if what == "made":
        return {"statusCode": 201, "body": "made", "cookies": ["a=1; Path=/", "b=2"], "headers": {"X-Shop": "Cloudberry"}}
    if what == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes(range(256))).decode()}
    if what == "bad":
        return {"statusCode": "fine", "body": ""}
    if what == "fail":
        raise ValueError("no")
    if what == "slow":
        time.sleep(5)
    if what == "own-cors":
        return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://mine.example"}, "body": ""}
    return {"statusCode": 200, "body": json.dumps(event)}
"""

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
Answer = tuple[http.client.HTTPResponse, bytes]


class Api:
    """One HTTP API and a client for it: the connection goes to the endpoint itself, with the API's name as ``Host``."""

    def __init__(self, server: Server, name: str, **options: Any) -> None:
        self.server = server
        self.client = server.client("apigatewayv2")
        made = self.client.create_api(Name=name, ProtocolType="HTTP", **options)
        self.id, self.endpoint = made["ApiId"], made["ApiEndpoint"]

    def integrate(self, function_arn: str, version: str = "2.0", **options: Any) -> str:
        made = self.client.create_integration(
            ApiId=self.id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function_arn,
            PayloadFormatVersion=version,
            **options,
        )
        return f"integrations/{made['IntegrationId']}"

    def route(self, key: str, target: str, **options: Any) -> None:
        self.client.create_route(ApiId=self.id, RouteKey=key, Target=target, **options)

    def stage(self, name: str = "$default", **options: Any) -> None:
        self.client.create_stage(ApiId=self.id, StageName=name, AutoDeploy=True, **options)

    def call(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        return call(self.server, urlsplit(self.endpoint).netloc, method, target, body, headers)

    def event(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Any:
        answer, data = self.call(method, target, body, **headers)
        assert answer.status == 200, data
        return json.loads(data)


def call(
    server: Server, host: str, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    address = urlsplit(server.endpoint)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, {"Host": host, **named})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


@pytest.fixture(scope="module")
def function(server: Server) -> str:
    return server.deploy("echo", ECHO, invoked_by="apigateway", Timeout=10)


@pytest.fixture(scope="module")
def api(server: Server, function: str) -> Api:
    made = Api(server, "shop")
    target = made.integrate(function)
    for key in (
        "GET /items",
        "POST /items",
        "GET /items/{id}",
        "GET /items/special",
        "ANY /items/{id}/{rest+}",
        "$default",
    ):
        made.route(key, target)
    made.stage(StageVariables={"currency": "EUR"})
    return made


def test_the_address_that_create_api_returns_is_one_that_works(api: Api) -> None:
    assert api.endpoint.startswith(f"http://{api.id}.execute-api.us-east-1.localhost:")
    local_names.install()
    try:
        with urlopen(f"{api.endpoint}/items") as answer:
            assert json.load(answer)["routeKey"] == "GET /items"
    finally:
        local_names.uninstall()
    assert api.client.get_api(ApiId=api.id)["ApiEndpoint"] == api.endpoint


def test_a_path_names_the_same_door_where_names_do_not_resolve(server: Server, api: Api) -> None:
    with urlopen(f"{server.endpoint}/_sandbox/door/{api.id}.execute-api.us-east-1/items?a=1") as answer:
        event = json.load(answer)
    assert event["rawPath"] == "/items"
    assert event["rawQueryString"] == "a=1"
    assert event["requestContext"]["domainPrefix"] == api.id


def test_the_event_of_format_2_0_has_everything_of_the_request(api: Api) -> None:
    event = api.event(
        "POST",
        "/items?tag=a&tag=b&q=caf%C3%A9",
        b'{"name": "jam"}',
        Content_Type="application/json",
        Cookie="s=1; t=2",
        X_Mixed_Case="Kept",
    )
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "POST /items"
    assert event["rawPath"] == "/items"
    assert event["rawQueryString"] == "tag=a&tag=b&q=caf%C3%A9"
    assert event["queryStringParameters"] == {"tag": "a,b", "q": "café"}
    assert event["cookies"] == ["s=1", "t=2"]
    assert event["headers"]["x-mixed-case"] == "Kept"
    assert "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"name": "jam"}', False)
    assert event["stageVariables"] == {"currency": "EUR"}
    assert "pathParameters" not in event
    assert context["http"]["method"] == "POST"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["stage"] == "$default"
    assert context["domainName"] == f"{api.id}.execute-api.us-east-1.localhost"
    assert "authorizer" not in context


def test_what_a_request_does_not_have_is_left_out_of_format_2_0(api: Api) -> None:
    event = api.event("GET", "/items")
    assert not {"cookies", "body", "queryStringParameters", "pathParameters"} & event.keys()


def test_a_body_that_is_no_text_arrives_as_base64_and_so_does_a_form(api: Api) -> None:
    for content_type, body in (
        ("image/png", bytes(range(200))),
        ("application/x-www-form-urlencoded", b"a=1"),
    ):
        event = api.event("POST", "/items", body, Content_Type=content_type)
        assert event["isBase64Encoded"] is True
        assert base64.b64decode(event["body"]) == body


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/items/special", "GET /items/special", None),
        ("GET", "/items/7%2F8", "GET /items/{id}", {"id": "7/8"}),
        ("DELETE", "/items/7/a/b", "ANY /items/{id}/{rest+}", {"id": "7", "rest": "a/b"}),
        ("DELETE", "/items/7", "$default", None),
        ("GET", "/", "$default", None),
        ("GET", "/elsewhere", "$default", None),
    ],
    ids=["fixed path", "one variable", "greedy variable", "other method", "root", "other path"],
)
def test_the_most_specific_route_serves_a_request(
    api: Api, method: str, path: str, key: str, parameters: dict[str, str] | None
) -> None:
    event = api.event(method, path)
    assert event["routeKey"] == key
    assert event.get("pathParameters") == parameters


def test_answers_are_inferred_in_format_2_0(api: Api) -> None:
    answer, body = api.call("GET", "/text")
    assert (answer.status, answer.getheader("content-type"), body) == (200, "application/json", b"Hello")
    answer, body = api.call("GET", "/plain")
    assert (answer.status, json.loads(body)) == (200, {"greeting": "hi"})


def test_an_explicit_answer_is_taken_at_its_word(api: Api) -> None:
    answer, body = api.call("GET", "/made")
    assert (answer.status, body) == (201, b"made")
    assert answer.headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.getheader("x-shop") == "Cloudberry"
    assert answer.getheader("apigw-requestid")
    assert api.call("GET", "/binary")[1] == bytes(range(256))


@pytest.mark.parametrize("path", ["/bad", "/fail"], ids=["malformed answer", "function error"])
def test_what_the_function_got_wrong_is_500(api: Api, path: str) -> None:
    answer, body = api.call("GET", path)
    assert (answer.status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def test_a_request_without_a_route_is_404(server: Server, function: str) -> None:
    api = Api(server, "narrow")
    api.route("GET /only", api.integrate(function))
    answer, body = api.call("GET", "/only")
    assert (answer.status, json.loads(body)) == (404, {"message": "Not Found"})  # there is no stage yet
    api.stage()
    assert api.call("GET", "/only")[0].status == 200
    assert api.call("POST", "/only")[0].status == 404
    assert api.call("GET", "/only/")[0].status == 404


def test_a_named_stage_is_part_of_the_path(server: Server, function: str) -> None:
    api = Api(server, "staged")
    api.route("GET /items", api.integrate(function))
    api.stage("test")
    event = api.event("GET", "/test/items")
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/test/items", "test")


def test_a_stage_without_auto_deploy_serves_what_was_deployed(server: Server, function: str) -> None:
    api = Api(server, "deployed")
    target = api.integrate(function)
    api.route("GET /old", target)
    deployment = api.client.create_deployment(ApiId=api.id)["DeploymentId"]
    api.client.create_stage(ApiId=api.id, StageName="$default", DeploymentId=deployment)
    api.route("GET /new", target)
    assert api.call("GET", "/old")[0].status == 200
    assert api.call("GET", "/new")[0].status == 404
    later = api.client.create_deployment(ApiId=api.id, StageName="$default")["DeploymentId"]
    assert api.call("GET", "/new")[0].status == 200
    api.client.update_stage(ApiId=api.id, StageName="$default", DeploymentId=deployment)
    assert api.call("GET", "/new")[0].status == 404
    listed = api.client.get_deployments(ApiId=api.id)["Items"]
    assert {each["DeploymentId"] for each in listed} == {deployment, later}


def test_quick_create_makes_an_api_that_answers_at_once(server: Server, function: str) -> None:
    api = Api(server, "quick", Target=function)
    assert api.event("PATCH", "/any/path")["routeKey"] == "$default"


def test_payload_format_1_0_is_the_rest_event_with_a_version(server: Server, function: str) -> None:
    api = Api(server, "one")
    api.route("GET /items/{id}", api.integrate(function, "1.0"))
    api.stage()
    event = api.event("GET", "/items/5?tag=a&tag=b", X_Mixed_Case="Kept")
    assert event["version"] == "1.0"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/5", "GET")
    assert event["queryStringParameters"] == {"tag": "b"}
    assert event["multiValueQueryStringParameters"] == {"tag": ["a", "b"]}
    assert event["multiValueHeaders"]["X-Mixed-Case"] == ["Kept"]
    assert event["pathParameters"] == {"id": "5"}
    assert event["stageVariables"] is None
    assert event["requestContext"]["authorizer"] == {"claims": None, "scopes": None}
    assert (event["body"], event["isBase64Encoded"]) == (None, False)


def test_an_integration_that_takes_too_long_is_503(server: Server, function: str) -> None:
    api = Api(server, "slow")
    api.route("GET /slow", api.integrate(function, TimeoutInMillis=200))
    api.stage()
    answer, body = api.call("GET", "/slow")
    assert (answer.status, json.loads(body)) == (503, {"message": "Service Unavailable"})


def test_payload_format_must_be_given(server: Server, function: str) -> None:
    api = Api(server, "unsaid")
    with pytest.raises(api.client.exceptions.BadRequestException, match="PayloadFormatVersion"):
        api.client.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationUri=function)


def test_the_same_route_twice_is_a_conflict(server: Server, function: str) -> None:
    api = Api(server, "twice")
    api.route("GET /", api.integrate(function))
    with pytest.raises(api.client.exceptions.ClientError, match="already exists for this API"):
        api.client.create_route(ApiId=api.id, RouteKey="GET /")


def test_what_is_not_emulated_is_refused_by_name(server: Server) -> None:
    api = Api(server, "proxy")
    made = api.client.create_integration(
        ApiId=api.id,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="GET",
        IntegrationUri="https://a.example",
    )
    api.route("GET /", f"integrations/{made['IntegrationId']}")
    api.stage()
    answer, body = api.call("GET", "/")
    assert (answer.status, json.loads(body)["message"]) == (
        501,
        "integrations of type HTTP_PROXY are not emulated",
    )


def test_an_unknown_api_is_forbidden(server: Server) -> None:
    port = urlsplit(server.endpoint).port
    answer, body = call(server, f"nosuchapi.execute-api.us-east-1.localhost:{port}", "GET", "/", None, {})
    assert (answer.status, json.loads(body)) == (403, {"message": "Forbidden"})
    assert call(server, "localhost", "GET", "/_sandbox/door/nothing.here/", None, {})[0].status == 404
    assert call(server, "evil.example", "GET", "/_sandbox/door/nothing.here/", None, {})[0].status == 403


# --- CORS --------------------------------------------------------------------------------------------


def test_cors_answers_preflights_and_replaces_the_functions_headers(server: Server, function: str) -> None:
    cors = {
        "AllowOrigins": ["https://shop.example"],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["x-token"],
        "ExposeHeaders": ["x-shop"],
        "MaxAge": 300,
        "AllowCredentials": True,
    }
    api = Api(server, "cors", CorsConfiguration=cors, Target=function)
    ask = {"Origin": "https://shop.example", "Access_Control_Request_Method": "POST"}
    answer, _ = api.call("OPTIONS", "/items", **ask)
    assert answer.status == 204
    assert answer.getheader("access-control-allow-origin") == "https://shop.example"
    assert answer.getheader("access-control-allow-methods") == "GET,POST"
    assert answer.getheader("access-control-allow-headers") == "x-token"
    assert answer.getheader("access-control-max-age") == "300"
    assert answer.getheader("access-control-allow-credentials") == "true"
    foreign, _ = api.call("OPTIONS", "/items", **ask | {"Origin": "https://other.example"})
    assert foreign.getheader("access-control-allow-origin") is None
    actual, _ = api.call("GET", "/own-cors", Origin="https://shop.example")
    assert actual.headers.get_all("access-control-allow-origin") == ["https://shop.example"]
    assert actual.getheader("access-control-expose-headers") == "x-shop"


def test_without_cors_the_functions_headers_stay(api: Api) -> None:
    answer, _ = api.call("GET", "/own-cors", Origin="https://shop.example")
    assert answer.getheader("access-control-allow-origin") == "https://mine.example"


# --- authorizers -------------------------------------------------------------------------------------


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


# --- permission --------------------------------------------------------------------------------------


def test_a_function_must_let_the_api_in(server: Server) -> None:
    alone = server.deploy("alone", ECHO)
    api = Api(server, "not-let-in", Target=alone)
    answer, body = api.call("GET", "/")
    assert (answer.status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    with urlopen(f"{server.endpoint}/_sandbox/history") as told:
        denials = json.load(told)["denials"]
    assert any(denial["resource"] == alone for denial in denials)
    server.client("lambda").add_permission(
        FunctionName="alone",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/*/$default",
    )
    assert api.call("GET", "/")[0].status == 200


def test_where_iam_is_enforced_the_function_must_let_the_api_in(start_server: Callable[..., Server]) -> None:
    server = start_server("--enforce-iam")
    root = {"aws_access_key_id": "000000000000", "aws_secret_access_key": ROOT_SECRET}
    role = "arn:aws:iam::000000000000:role/demo"
    iam = server.client("iam", **root)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
    iam.create_role(RoleName="demo", AssumeRolePolicyDocument=json.dumps(trust))
    functions = server.client("lambda", **root)
    arn = functions.create_function(
        FunctionName="echo",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package(ECHO)},
    )["FunctionArn"]
    gateway = server.client("apigatewayv2", **root)
    made = gateway.create_api(Name="shop", ProtocolType="HTTP", Target=arn)
    host = urlsplit(made["ApiEndpoint"]).netloc
    answer, body = call(server, host, "GET", "/", None, {})
    assert (answer.status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    source = f"arn:aws:execute-api:us-east-1:000000000000:{made['ApiId']}/*/$default"
    functions.add_permission(
        FunctionName="echo",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source,
    )
    assert call(server, host, "GET", "/", None, {})[0].status == 200
