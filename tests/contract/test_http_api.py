"""HTTP APIs over real HTTP: made with boto3, called by plain clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from lambda_sandbox import local_names
from lambda_sandbox.config import ROOT_SECRET
from lambda_sandbox.packaging import package
from tests.contract.conftest import Server
from tests.contract.http_api_stage import ECHO, Api, call
from tests.contract.http_api_stage import function as function


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
