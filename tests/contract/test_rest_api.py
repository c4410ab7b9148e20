"""REST APIs over real HTTP: made with boto3, called by plain clients."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lambda_sandbox.config import ROOT_SECRET
from lambda_sandbox.packaging import package
from tests.contract.conftest import Server
from tests.contract.http_api_stage import call
from tests.contract.rest_api_stage import ECHO, Api, refusal, uri
from tests.contract.rest_api_stage import function as function

CUSTOM = """
def handler(event, context):
    if event.get("name") == "nobody":
        raise ValueError("NotFound: nobody")
    return {"greeting": f"Hello {event.get('name')}", "seen": event}
"""


@pytest.fixture(scope="module")
def api(server: Server, function: str) -> Api:
    made = Api(server, "shop", binaryMediaTypes=["image/*"])
    made.proxy("/", "GET", function)
    made.proxy("/items", "POST", function)
    made.proxy("/items/{id}", "GET", function)
    made.proxy("/items/special", "GET", function)
    made.proxy("/files/{proxy+}", "ANY", function)
    made.deploy(variables={"currency": "EUR"})
    return made


def test_the_proxy_event_has_everything_of_the_request(api: Api) -> None:
    event = api.event(
        "GET", "/prod/items/7%20b?tag=a&tag=b&q=caf%C3%A9", X_Mixed_Case="Kept", User_Agent="test/1"
    )
    context = event["requestContext"]
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/7%20b", "GET")
    assert event["headers"]["X-Mixed-Case"] == "Kept"
    assert event["multiValueHeaders"]["X-Mixed-Case"] == ["Kept"]
    assert event["headers"]["Host"] == api.host
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert event["queryStringParameters"] == {"tag": "b", "q": "café"}
    assert event["multiValueQueryStringParameters"] == {"tag": ["a", "b"], "q": ["café"]}
    assert event["pathParameters"] == {"id": "7 b"}
    assert event["stageVariables"] == {"currency": "EUR"}
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert context["resourcePath"] == "/items/{id}"
    assert context["path"] == "/prod/items/7%20b"
    assert context["stage"] == "prod"
    assert context["apiId"] == api.id
    assert context["accountId"] == "000000000000"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "test/1"
    assert context["identity"]["cognitoIdentityId"] is None
    assert "authorizer" not in context


def test_absent_maps_are_null(api: Api) -> None:
    event = api.event("GET", "/prod/")
    names = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body")
    assert [event[name] for name in names] == [None, None, None, None]


@pytest.mark.parametrize(
    ("method", "path", "resource", "parameters"),
    [
        ("GET", "/prod/items/special", "/items/special", None),
        ("GET", "/prod/items/special/", "/items/special", None),
        ("GET", "/prod/items/5", "/items/{id}", {"id": "5"}),
        ("PUT", "/prod/files/a/b%20c.txt", "/files/{proxy+}", {"proxy": "a/b c.txt"}),
    ],
    ids=["fixed path", "trailing slash", "path parameter", "greedy parameter, any method"],
)
def test_the_most_specific_resource_serves_a_request(
    api: Api, method: str, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = api.event(method, path)
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


def test_only_registered_media_types_arrive_as_base64(api: Api) -> None:
    event = api.event("POST", "/prod/items", b"\x89PNG", Content_Type="image/png")
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x89PNG", True)
    event = api.event("POST", "/prod/items", b"a=1", Content_Type="application/x-www-form-urlencoded")
    assert (event["body"], event["isBase64Encoded"]) == ("a=1", False)


def test_an_answer_is_decoded_for_those_who_accept_its_media_type(api: Api) -> None:
    assert api.call("GET", "/prod/files/binary", Accept="image/png")[1] == bytes(range(256))
    assert base64.b64decode(api.call("GET", "/prod/files/binary", Accept="text/html")[1]) == bytes(range(256))


def test_an_answer_is_taken_at_its_word(api: Api) -> None:
    answer, body = api.call("GET", "/prod/files/made")
    assert (answer.status, body) == (201, b"made")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers.get_all("x-both") == ["two"]
    assert (answer.getheader("x-count"), answer.getheader("x-flag")) == ("3", "true")
    assert answer.getheader("x-amzn-remapped-date") == "today"
    assert answer.getheader("content-type") == "application/json"
    assert answer.getheader("x-amzn-requestid")
    assert answer.getheader("x-amz-apigw-id")


@pytest.mark.parametrize(
    "what", ["text", "nothing", "no-status", "no-text", "no-number", "unknown", "inject", "list", "fail"]
)
def test_a_malformed_answer_is_502_and_history_says_why(server: Server, api: Api, what: str) -> None:
    answered = api.call("GET", f"/prod/files/{what}")
    assert refusal(answered) == (502, {"message": "Internal server error"})
    assert answered[0].getheader("x-amzn-errortype") == "InternalServerErrorException"
    _, body = call(server, "localhost", "GET", "/_sandbox/history", None, {})
    last = json.loads(body)["deliveries"][-1]
    assert api.id in str(last)
    assert "DEFAULT_5XX" in str(last)


def test_a_path_or_method_that_is_not_there_lacks_an_authentication_token(api: Api) -> None:
    missing = (403, {"message": "Missing Authentication Token"})
    assert refusal(api.call("GET", "/prod/nowhere")) == missing
    assert refusal(api.call("DELETE", "/prod/items")) == missing
    answer, _ = api.call("GET", "/prod/nowhere")
    assert answer.getheader("x-amzn-errortype") == "MissingAuthenticationTokenException"


def test_a_stage_that_is_not_there_is_forbidden(api: Api) -> None:
    assert refusal(api.call("GET", "/test/items/1")) == (403, {"message": "Forbidden"})


def test_a_body_above_ten_megabytes_is_too_long(api: Api) -> None:
    answered = api.call("POST", "/prod/items", b"x" * (10 * 1024 * 1024 + 1), Content_Type="text/plain")
    assert refusal(answered) == (413, {"message": "Request Too Long"})


def test_an_event_above_lambdas_six_megabytes_is_refused(api: Api) -> None:
    answered = api.call("POST", "/prod/items", b"x" * (7 * 1024 * 1024), Content_Type="text/plain")
    assert answered[0].status == 413


def test_an_integration_that_takes_too_long_is_504(server: Server, function: str) -> None:
    api = Api(server, "slow")
    integration = {
        "type": "AWS_PROXY",
        "integrationHttpMethod": "POST",
        "uri": uri(function),
        "timeoutInMillis": 200,
    }
    api.method("/slow", "GET", integration)
    api.deploy()
    assert refusal(api.call("GET", "/prod/slow")) == (504, {"message": "Endpoint request timed out"})


def test_a_deployment_keeps_what_was_there(server: Server, function: str) -> None:
    api = Api(server, "deployed")
    api.proxy("/old", "GET", function)
    api.deploy()
    api.proxy("/new", "GET", function)
    assert api.call("GET", "/prod/old")[0].status == 200
    assert api.call("GET", "/prod/new")[0].status == 403
    api.deploy("test")
    assert api.call("GET", "/prod/new")[0].status == 403
    assert api.call("GET", "/test/new")[0].status == 200
    api.deploy()
    assert api.call("GET", "/prod/new")[0].status == 200


def test_a_stage_variable_chooses_the_function(server: Server, function: str) -> None:
    api = Api(server, "variables")
    api.proxy("/", "GET", function.replace(":function:echo", ":function:${stageVariables.which}"))
    api.deploy(variables={"which": "echo"})
    assert api.event("GET", "/prod/")["stageVariables"] == {"which": "echo"}
    operations = [{"op": "replace", "path": "/variables/which", "value": "nobody"}]
    api.client.update_stage(restApiId=api.id, stageName="prod", patchOperations=operations)
    assert refusal(api.call("GET", "/prod/")) == (500, {"message": "Internal server error"})


def test_api_keys_open_the_stages_of_their_usage_plans(server: Server, function: str) -> None:
    api = Api(server, "keys")
    api.proxy("/", "GET", function, apiKeyRequired=True)
    api.deploy()
    key = api.client.create_api_key(name="ada", value="a" * 20, enabled=True)
    forbidden = (403, {"message": "Forbidden"})
    assert refusal(api.call("GET", "/prod/", X_Api_Key="a" * 20)) == forbidden
    plan = api.client.create_usage_plan(name="gold", apiStages=[{"apiId": api.id, "stage": "prod"}])
    api.client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    event = api.event("GET", "/prod/", X_Api_Key="a" * 20)
    assert event["requestContext"]["identity"]["apiKeyId"] == key["id"]
    assert refusal(api.call("GET", "/prod/")) == forbidden
    assert refusal(api.call("GET", "/prod/", X_Api_Key="b" * 20)) == forbidden


# --- custom integrations -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def custom(server: Server) -> Api:
    function = server.deploy("custom", CUSTOM, invoked_by="apigateway")
    api = Api(server, "custom")
    template = (
        "#set($all = $input.path('$'))\n"
        '{"name": "$all.name", "id": "$input.params(\'id\')", "method": "$context.httpMethod", "whole": $input.json(\'$\')}'
    )
    integration = {"type": "AWS", "integrationHttpMethod": "POST", "uri": uri(function)}
    api.method("/hello/{id}", "POST", integration | {"requestTemplates": {"application/json": template}})
    api.respond(
        "/hello/{id}",
        "POST",
        "200",
        responseTemplates={"application/json": "{\"said\": $input.json('$.greeting')}"},
    )
    api.respond(
        "/hello/{id}",
        "POST",
        "404",
        selectionPattern="NotFound.*",
        responseTemplates={"application/json": "#set($e = $input.path('$'))no such person: $e.errorMessage"},
        responseParameters={"method.response.header.X-Why": "integration.response.body.errorType"},
    )
    api.method("/raw", "POST", integration)
    api.respond("/raw", "POST", "200")
    strict = {"passthroughBehavior": "NEVER", "requestTemplates": {"application/json": ""}}
    api.method("/strict", "POST", integration | strict)
    api.respond("/strict", "POST", "200")
    event = {"requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}}
    api.method("/later", "POST", integration | event)
    api.respond("/later", "POST", "202")
    api.method("/macro", "POST", integration | {"requestTemplates": {"application/json": "#macro(x)#end"}})
    api.respond("/macro", "POST", "200")
    api.deploy()
    return api


def test_templates_shape_what_goes_to_the_function_and_what_comes_back(custom: Api) -> None:
    answer, body = custom.call("POST", "/prod/hello/5", b'{"name": "Ada"}', Content_Type="application/json")
    assert (answer.status, json.loads(body)) == (200, {"said": "Hello Ada"})


def test_an_error_selects_its_response(custom: Api) -> None:
    answer, body = custom.call(
        "POST", "/prod/hello/5", b'{"name": "nobody"}', Content_Type="application/json"
    )
    assert (answer.status, body) == (404, b"no such person: NotFound: nobody")
    assert answer.getheader("x-why") == "ValueError"


def test_without_a_template_the_body_passes_through(custom: Api) -> None:
    answer, body = custom.call("POST", "/prod/raw", b'{"name": "Bob"}', Content_Type="application/json")
    assert (answer.status, json.loads(body)["seen"]) == (200, {"name": "Bob"})


def test_never_refuses_media_types_without_a_template(custom: Api) -> None:
    answered = custom.call("POST", "/prod/strict", b"<a/>", Content_Type="application/xml")
    assert refusal(answered) == (415, {"message": "Unsupported Media Type"})


def test_a_custom_integration_may_be_asynchronous(custom: Api) -> None:
    answer, body = custom.call("POST", "/prod/later", b'{"name": "Ada"}', Content_Type="application/json")
    assert (answer.status, body) == (202, b"")


def test_a_directive_that_is_not_emulated_is_named_in_the_history(server: Server, custom: Api) -> None:
    assert custom.call("POST", "/prod/macro", b"{}", Content_Type="application/json")[0].status == 500
    _, body = call(server, "localhost", "GET", "/_sandbox/history", None, {})
    assert "the directive #macro is not emulated" in str(json.loads(body)["deliveries"][-1])


def test_a_mock_integration_answers_preflights(server: Server, function: str) -> None:
    api = Api(server, "cors")
    api.proxy("/items", "GET", function)
    api.method(
        "/items", "OPTIONS", {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 204}'}}
    )
    api.respond(
        "/items",
        "OPTIONS",
        "204",
        responseParameters={
            "method.response.header.Access-Control-Allow-Origin": "'https://shop.example'",
            "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
        },
    )
    api.deploy()
    answer, body = api.call("OPTIONS", "/prod/items", Origin="https://shop.example")
    assert (answer.status, body) == (204, b"")
    assert answer.getheader("access-control-allow-origin") == "https://shop.example"
    assert answer.getheader("access-control-allow-methods") == "GET,OPTIONS"


def test_gateway_responses_may_be_the_apis_own(server: Server, function: str) -> None:
    api = Api(server, "responses")
    api.proxy("/", "GET", function)
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
        responseTemplates={
            "application/json": '{"error": $context.error.messageString, "id": "$context.requestId"}'
        },
    )
    api.deploy()
    answer, body = api.call("GET", "/prod/nowhere")
    assert answer.status == 404
    assert answer.getheader("access-control-allow-origin") == "*"
    assert json.loads(body) == {
        "error": "Missing Authentication Token",
        "id": answer.getheader("x-amzn-requestid"),
    }


def test_request_validators_check_parameters_and_bodies(server: Server, function: str) -> None:
    api = Api(server, "validated")
    validator = api.client.create_request_validator(
        restApiId=api.id, name="all", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    schema = {"type": "object", "required": ["name"]}
    api.client.create_model(
        restApiId=api.id, name="Item", contentType="application/json", schema=json.dumps(schema)
    )
    api.proxy(
        "/items",
        "POST",
        function,
        requestValidatorId=validator,
        requestParameters={"method.request.querystring.shop": True},
        requestModels={"application/json": "Item"},
    )
    api.deploy()
    good = b'{"name": "jam"}'
    assert api.call("POST", "/prod/items?shop=north", good, Content_Type="application/json")[0].status == 200
    missing = api.call("POST", "/prod/items", good, Content_Type="application/json")
    assert refusal(missing) == (400, {"message": "Missing required request parameters: [shop]"})
    wrong = api.call("POST", "/prod/items?shop=north", b"{}", Content_Type="application/json")
    assert refusal(wrong) == (400, {"message": "Invalid request body"})


def test_a_model_reads_no_file_of_this_machine(server: Server, function: str, tmp_path: Path) -> None:
    secret = tmp_path / "schema.json"
    secret.write_text('{"const": "a secret of this machine"}')
    api = Api(server, "referring")
    validator = api.client.create_request_validator(
        restApiId=api.id, name="body", validateRequestBody=True, validateRequestParameters=False
    )["id"]
    api.client.create_model(
        restApiId=api.id,
        name="Item",
        contentType="application/json",
        schema=json.dumps({"$ref": secret.as_uri()}),
    )
    api.proxy(
        "/items",
        "POST",
        function,
        requestValidatorId=validator,
        requestModels={"application/json": "Item"},
    )
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="BAD_REQUEST_BODY",
        responseTemplates={"application/json": "$context.error.validationErrorString"},
    )
    api.deploy()
    answer, body = api.call("POST", "/prod/items", b'"guess"', Content_Type="application/json")
    assert (answer.status, b"secret" in body) == (500, False)


# --- the door ----------------------------------------------------------------------------------------


def test_a_browser_of_another_origin_reaches_the_door_and_not_the_sandbox(server: Server, api: Api) -> None:
    assert api.call("GET", "/prod/", Origin="https://shop.example")[0].status == 200
    answer, _ = call(
        server, "localhost", "GET", "/_sandbox/history", None, {"Origin": "https://shop.example"}
    )
    assert answer.status == 403


def test_one_connection_serves_door_and_sandbox_in_turn(server: Server, api: Api) -> None:
    address = urlsplit(server.endpoint)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    for host, path, status in (
        ("localhost", "/_sandbox/health", 200),
        (api.host, "/prod/", 200),
        ("localhost", "/_sandbox/health", 200),
        (api.host, "/prod/nowhere", 403),
    ):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_a_deleted_api_answers_no_more(server: Server, function: str) -> None:
    api = Api(server, "short")
    api.proxy("/", "GET", function)
    api.deploy()
    assert api.call("GET", "/prod/")[0].status == 200
    api.client.delete_rest_api(restApiId=api.id)
    assert refusal(api.call("GET", "/prod/")) == (403, {"message": "Forbidden"})


def test_where_iam_is_enforced_the_function_must_let_the_api_in(start_server: Callable[..., Server]) -> None:
    server = start_server("--enforce-iam")
    root = {"aws_access_key_id": "000000000000", "aws_secret_access_key": ROOT_SECRET}
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
    server.client("iam", **root).create_role(RoleName="demo", AssumeRolePolicyDocument=json.dumps(trust))
    functions = server.client("lambda", **root)
    role = "arn:aws:iam::000000000000:role/demo"
    arn = functions.create_function(
        FunctionName="echo",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package(ECHO)},
    )["FunctionArn"]
    api = Api(server, "shop", server.client("apigateway", **root))
    api.proxy("/items/{id}", "GET", arn)
    api.deploy()
    assert refusal(api.call("GET", "/prod/items/1")) == (500, {"message": "Internal server error"})
    allow = {
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "FunctionName": "echo",
    }
    place = f"arn:aws:execute-api:us-east-1:000000000000:{api.id}"
    functions.add_permission(StatementId="other", SourceArn=f"{place}/*/POST/items/*", **allow)
    assert api.call("GET", "/prod/items/1")[0].status == 500
    functions.add_permission(StatementId="this", SourceArn=f"{place}/*/GET/items/*", **allow)
    assert api.call("GET", "/prod/items/1")[0].status == 200
