"""What API Gateway takes and the sandbox has no effect for: refused with the setting's name, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.api_stack_stage import FUNCTION, get, rest_host
from tests.contract.conftest import Server

Call = Callable[[Any, dict[str, str]], Any]
DOCUMENT = {"openapi": "3.0.1", "info": {"title": "t", "description": "d", "version": "1"}}
INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": "arn:aws:lambda:us-east-1:000000000000:function:f",
}


def patch(path: str, value: str) -> list[dict[str, str]]:
    return [{"op": "replace", "path": path, "value": value}]


def imported(**members: Any) -> bytes:
    return json.dumps({**DOCUMENT, "paths": {}, **members}).encode()


def operation(**members: Any) -> dict[str, Any]:
    return {"/a": {"get": {"responses": {}, "x-amazon-apigateway-integration": INTEGRATION, **members}}}


@pytest.fixture(scope="module")
def made(server: Server) -> dict[str, str]:
    """A REST API, an HTTP API and a WebSocket API to try settings on."""
    rest, v2 = server.client("apigateway"), server.client("apigatewayv2")
    api = rest.create_rest_api(name="plain")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    rest.put_method(**at, authorizationType="NONE")
    rest.put_integration(**at, type="MOCK")
    rest.create_deployment(restApiId=api["id"], stageName="prod")
    http = v2.create_api(Name="plain", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=http, StageName="prod", AutoDeploy=True)
    socket = v2.create_api(Name="plain", ProtocolType="WEBSOCKET")["ApiId"]
    deployment = rest.get_deployments(restApiId=api["id"])["items"][0]["id"]
    return {
        "rest": api["id"],
        "root": api["rootResourceId"],
        "http": http,
        "socket": socket,
        "deployment": deployment,
    }


def method(made: dict[str, str]) -> dict[str, str]:
    return {"restApiId": made["rest"], "resourceId": made["root"], "httpMethod": "GET"}


def stage_patch(path: str, value: str = "true") -> Call:
    return lambda c, m: c.update_stage(
        restApiId=m["rest"], stageName="prod", patchOperations=patch(path, value)
    )


def api_patch(path: str, value: str) -> Call:
    return lambda c, m: c.update_rest_api(restApiId=m["rest"], patchOperations=patch(path, value))


def stage(**settings: Any) -> Call:
    return lambda c, m: c.create_stage(
        restApiId=m["rest"], stageName="next", deploymentId=m["deployment"], **settings
    )


def deployment(**settings: Any) -> Call:
    return lambda c, m: c.create_deployment(restApiId=m["rest"], stageName="next", **settings)


REST: list[tuple[str, Call]] = [
    ("policy", lambda c, m: c.create_rest_api(name="refused", policy='{"Statement":[]}')),
    ("cloneFrom", lambda c, m: c.create_rest_api(name="refused", cloneFrom=m["rest"])),
    ("minimumCompressionSize", lambda c, m: c.create_rest_api(name="refused", minimumCompressionSize=0)),
    ("securityPolicy", lambda c, m: c.create_rest_api(name="refused", securityPolicy="TLS_1_2")),
    (
        "private endpoints",
        lambda c, m: c.create_rest_api(name="refused", endpointConfiguration={"types": ["PRIVATE"]}),
    ),
    (
        "dualstack",
        lambda c, m: c.create_rest_api(
            name="refused", endpointConfiguration={"types": ["REGIONAL"], "ipAddressType": "dualstack"}
        ),
    ),
    ("/policy", api_patch("/policy", '{"Statement":[]}')),
    ("/minimumCompressionSize", api_patch("/minimumCompressionSize", "100")),
    ("private endpoints", api_patch("/endpointConfiguration/types/EDGE", "PRIVATE")),
    ("/colour", api_patch("/colour", "red")),
    ("cacheClusterEnabled", stage(cacheClusterEnabled=True)),
    ("cacheClusterSize", stage(cacheClusterSize="0.5")),
    ("canarySettings", stage(canarySettings={"percentTraffic": 10.0})),
    ("tracingEnabled", stage(tracingEnabled=True)),
    ("documentationVersion", stage(documentationVersion="1")),
    ("cacheClusterEnabled", deployment(cacheClusterEnabled=True)),
    ("canarySettings", deployment(canarySettings={"percentTraffic": 10.0})),
    ("tracingEnabled", deployment(tracingEnabled=True)),
    ("/cacheClusterEnabled", stage_patch("/cacheClusterEnabled")),
    ("/accessLogSettings/destinationArn", stage_patch("/accessLogSettings/destinationArn", "arn:aws:logs")),
    ("/canarySettings/percentTraffic", stage_patch("/canarySettings/percentTraffic", "10")),
    ("/clientCertificateId", stage_patch("/clientCertificateId", "abc")),
    ("/tracingEnabled", stage_patch("/tracingEnabled")),
    ("/\\*/\\*/metrics/enabled", stage_patch("/*/*/metrics/enabled")),
    ("/\\*/\\*/logging/loglevel", stage_patch("/*/*/logging/loglevel", "INFO")),
    ("/\\*/\\*/logging/dataTrace", stage_patch("/*/*/logging/dataTrace")),
    ("/~1/GET/caching/enabled", stage_patch("/~1/GET/caching/enabled")),
    ("/~1/GET/caching/ttlInSeconds", stage_patch("/~1/GET/caching/ttlInSeconds", "30")),
    ("must be a number", stage_patch("/*/*/throttling/rateLimit", "fast")),
    ("/\\*/\\*/colour", stage_patch("/*/*/colour", "red")),
    ("VPC links", lambda c, m: c.put_integration(**method(m), type="MOCK", connectionType="VPC_LINK")),
    (
        "cacheKeyParameters",
        lambda c, m: c.put_integration(**method(m), type="MOCK", cacheKeyParameters=["a"]),
    ),
    (
        "responseTransferMode",
        lambda c, m: c.put_integration(**method(m), type="MOCK", responseTransferMode="STREAM"),
    ),
    (
        "stageKeys",
        lambda c, m: c.create_api_key(name="k", stageKeys=[{"restApiId": m["rest"], "stageName": "prod"}]),
    ),
    ("VPC links", lambda c, m: c.create_vpc_link(name="v", targetArns=["arn:aws:elasticloadbalancing:x"])),
    ("custom domain names", lambda c, m: c.create_domain_name(domainName="shop.example")),
    (
        "UpdateAccount",
        lambda c, m: c.update_account(patchOperations=patch("/cloudwatchRoleArn", "arn:aws:iam")),
    ),
    ("does not read security", lambda c, m: c.import_rest_api(body=imported(security=[{"key": []}]))),
    (
        "x-amazon-apigateway-policy",
        lambda c, m: c.import_rest_api(body=imported(**{"x-amazon-apigateway-policy": {"Statement": []}})),
    ),
    (
        "x-amazon-apigateway-request-validator",
        lambda c, m: c.put_rest_api(
            restApiId=m["rest"],
            body=imported(paths=operation(**{"x-amazon-apigateway-request-validator": "all"})),
        ),
    ),
    (
        "VPC links",
        lambda c, m: c.put_rest_api(
            restApiId=m["rest"],
            body=imported(
                paths=operation(
                    **{"x-amazon-apigateway-integration": {**INTEGRATION, "connectionType": "VPC_LINK"}}
                )
            ),
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "ask"), REST, ids=[f"{number}-{name}" for number, (name, _) in enumerate(REST)]
)
def test_a_setting_of_a_rest_api_without_effect_is_refused_by_name(
    server: Server, made: dict[str, str], name: str, ask: Call
) -> None:
    client = server.client("apigateway")
    before = _rest_state(client, made)
    with pytest.raises(ClientError, match=name) as caught:
        ask(client, made)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert _rest_state(client, made) == before


def _rest_state(client: Any, made: dict[str, str]) -> list[Any]:
    answers = [
        client.get_rest_apis(),
        client.get_stages(restApiId=made["rest"]),
        client.get_deployments(restApiId=made["rest"]),
        client.get_resources(restApiId=made["rest"]),
        client.get_integration(**method(made)),
        client.get_vpc_links(),
        client.get_domain_names(),
        client.get_api_keys(),
    ]
    for each in answers:
        del each["ResponseMetadata"]
    return answers


def v2_stage(which: str, **settings: Any) -> Call:
    return lambda c, m: c.create_stage(ApiId=m[which], StageName="next", **settings)


def v2_patch(**settings: Any) -> Call:
    return lambda c, m: c.update_stage(ApiId=m["http"], StageName="prod", **settings)


def v2_integration(**settings: Any) -> Call:
    return lambda c, m: c.create_integration(ApiId=m["socket"], IntegrationType="MOCK", **settings)


LOGS = {"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x", "Format": "$context.requestId"}
V2: list[tuple[str, Call]] = [
    ("accessLogSettings", v2_stage("http", AccessLogSettings=LOGS)),
    ("accessLogSettings", v2_patch(AccessLogSettings=LOGS)),
    ("detailedMetricsEnabled", v2_stage("http", DefaultRouteSettings={"DetailedMetricsEnabled": True})),
    ("detailedMetricsEnabled", v2_patch(RouteSettings={"GET /": {"DetailedMetricsEnabled": True}})),
    ("loggingLevel", v2_stage("socket", DefaultRouteSettings={"LoggingLevel": "INFO"})),
    ("dataTraceEnabled", v2_stage("socket", DefaultRouteSettings={"DataTraceEnabled": True})),
    ("clientCertificateId", v2_stage("socket", ClientCertificateId="abc")),
    ("disableSchemaValidation", lambda c, m: c.update_api(ApiId=m["socket"], DisableSchemaValidation=True)),
    ("target", lambda c, m: c.update_api(ApiId=m["http"], Target="arn:aws:lambda:x")),
    ("dualstack", lambda c, m: c.create_api(Name="x", ProtocolType="HTTP", IpAddressType="dualstack")),
    ("apiKeyRequired", lambda c, m: c.create_route(ApiId=m["socket"], RouteKey="say", ApiKeyRequired=True)),
    (
        "requestModels",
        lambda c, m: c.create_route(ApiId=m["socket"], RouteKey="say", RequestModels={"$default": "m"}),
    ),
    (
        "VPC links",
        lambda c, m: c.create_integration(
            ApiId=m["http"], IntegrationType="HTTP_PROXY", ConnectionType="VPC_LINK", ConnectionId="v"
        ),
    ),
    ("requestTemplates", v2_integration(RequestTemplates={"200": '{"statusCode": 403}'})),
    ("templateSelectionExpression", v2_integration(TemplateSelectionExpression="200")),
    ("contentHandlingStrategy", v2_integration(ContentHandlingStrategy="CONVERT_TO_BINARY")),
    (
        "integration responses",
        lambda c, m: c.create_integration_response(
            ApiId=m["socket"], IntegrationId="i", IntegrationResponseKey="$default"
        ),
    ),
    (
        "responseModels",
        lambda c, m: c.create_route_response(
            ApiId=m["socket"], RouteId="r", RouteResponseKey="$default", ResponseModels={"$default": "m"}
        ),
    ),
    ("models of messages", lambda c, m: c.create_model(ApiId=m["socket"], Name="m", Schema="{}")),
    ("VPC links", lambda c, m: c.create_vpc_link(Name="v", SubnetIds=["s"])),
    (
        "custom domain names",
        lambda c, m: c.create_domain_name(
            DomainName="shop.example", MutualTlsAuthentication={"TruststoreUri": "s3://trust/store"}
        ),
    ),
    (
        "does not read security",
        lambda c, m: c.reimport_api(ApiId=m["http"], Body=imported(security=[{"k": []}]).decode()),
    ),
    (
        "timeoutInMillis",
        lambda c, m: c.reimport_api(
            ApiId=m["http"],
            Body=imported(
                paths=operation(**{"x-amazon-apigateway-integration": {**INTEGRATION, "timeoutInMillis": 50}})
            ).decode(),
        ),
    ),
]


@pytest.mark.parametrize(("name", "ask"), V2, ids=[f"{number}-{name}" for number, (name, _) in enumerate(V2)])
def test_a_setting_of_an_http_or_web_socket_api_without_effect_is_refused_by_name(
    server: Server, made: dict[str, str], name: str, ask: Call
) -> None:
    client = server.client("apigatewayv2")
    before = _v2_state(client, made)
    with pytest.raises(ClientError, match=name) as caught:
        ask(client, made)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert _v2_state(client, made) == before


def _v2_state(client: Any, made: dict[str, str]) -> list[Any]:
    answers = [client.get_apis(), client.get_vpc_links(), client.get_domain_names()]
    for which in ("http", "socket"):
        answers += [
            client.get_stages(ApiId=made[which]),
            client.get_routes(ApiId=made[which]),
            client.get_integrations(ApiId=made[which]),
        ]
    for each in answers:
        del each["ResponseMetadata"]
    return answers


def test_what_is_switched_off_or_only_described_is_taken(server: Server, made: dict[str, str]) -> None:
    rest, v2 = server.client("apigateway"), server.client("apigatewayv2")
    api = rest.create_rest_api(
        name="described",
        description="d",
        version="2",
        tags={"team": "fruit"},
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    operations = patch("/cacheClusterEnabled", "false") + patch("/*/*/logging/loglevel", "OFF")
    operations += patch("/tracingEnabled", "false")
    rest.update_stage(restApiId=made["rest"], stageName="prod", patchOperations=operations)
    rest.create_deployment(restApiId=made["rest"], stageName="told", stageDescription="to be seen")
    assert rest.get_stage(restApiId=made["rest"], stageName="told")["description"] == "to be seen"
    rest.delete_stage(restApiId=made["rest"], stageName="told")
    off = {"DetailedMetricsEnabled": False}
    v2.update_stage(ApiId=made["http"], StageName="prod", Description="d", DefaultRouteSettings=off)
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]


def test_a_document_without_more_is_imported_and_answers(server: Server) -> None:
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {
            "default": {"statusCode": "200", "responseTemplates": {"application/json": '{"ok":1}'}}
        },
    }
    body = imported(
        paths={"/a": {"get": {"responses": {"200": {}}, "x-amazon-apigateway-integration": mock}}}
    )
    client = server.client("apigateway")
    api_id = client.import_rest_api(body=body)["id"]
    client.create_deployment(restApiId=api_id, stageName="prod")
    assert get(server, rest_host(server, api_id), "/prod/a") == (200, {"ok": 1})


def test_a_document_that_is_validated_reads_no_file_of_this_machine(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret of this machine")
    for address in (secret.as_uri(), f"{server.endpoint}/_sandbox/health", "https://example.com/schema.json"):
        content = {"application/json": {"schema": {"$ref": address}}}
        told = {"responses": {"200": {"description": "d", "content": content}}}
        body = imported(
            openapi="3.0.1",
            info={"title": "t", "version": "1", "description": "d"},
            paths={"/a": {"get": told}},
        )
        with pytest.raises(ClientError, match=f"{address} is not in the document"):
            server.client("apigateway").import_rest_api(body=body, failOnWarnings=True)
        assert server.client("apigateway").import_rest_api(body=body)["name"] == "t"


def test_a_web_acl_stands_before_nothing(server: Server, made: dict[str, str]) -> None:
    client = server.client("wafv2")
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
    acl = client.create_web_acl(
        Name="a", Scope="REGIONAL", DefaultAction={"Block": {}}, VisibilityConfig=visible
    )
    stage_arn = f"arn:aws:apigateway:us-east-1::/restapis/{made['rest']}/stages/prod"
    with pytest.raises(ClientError, match="does not emulate the rules of AWS WAF"):
        client.associate_web_acl(WebACLArn=acl["Summary"]["ARN"], ResourceArn=stage_arn)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (
            "AccessLogSetting: {DestinationArn: 'arn:aws:logs:x', Format: '$context.requestId'}",
            "accessLogSettings",
        ),
        ("MethodSettings: [{ResourcePath: '/*', HttpMethod: '*', LoggingLevel: INFO}]", "logging/loglevel"),
        ("TracingEnabled: true", "tracingEnabled"),
        ("CacheClusterEnabled: true", "cacheClusterEnabled"),
        ("MinimumCompressionSize: 100", "minimumCompressionSize"),
        ("EndpointConfiguration: {Type: PRIVATE}", "private endpoints"),
        ("Auth: {ResourcePolicy: {IpRangeBlacklist: ['10.0.0.0/8']}}", "x-amazon-apigateway-policy"),
    ],
    ids=lambda value: str(value).split(":", maxsplit=1)[0],
)
def test_a_stack_that_asks_for_one_fails_with_the_sentence(server: Server, settings: str, name: str) -> None:
    template = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  Web:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      {settings}
{FUNCTION}
      Events:
        Open: {{Type: Api, Properties: {{RestApiId: !Ref Web, Path: /a, Method: get}}}}
"""
    client = server.client("cloudformation")
    apis = server.client("apigateway")
    before = [each["id"] for each in apis.get_rest_apis()["items"]]
    stack = f"refused-{name.replace('/', '-').replace(' ', '-')}"
    try:
        client.create_stack(
            StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        )
        told = client.describe_stacks(StackName=stack)["Stacks"][0]
        assert "ROLLBACK" in told["StackStatus"] or "FAILED" in told["StackStatus"]
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
        sentence = " ".join(str(each.get("ResourceStatusReason")) for each in events) + str(told)
    except ClientError as error:
        sentence = str(error)
    assert name in sentence
    assert [each["id"] for each in apis.get_rest_apis()["items"]] == before
