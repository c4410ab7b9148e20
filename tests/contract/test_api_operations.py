"""Every operation of API Gateway's two models: it is carried out, or one sentence in the service's own shape says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.conftest import Server

NOBODY = "abc"  # an identifier that nothing has


class Models:
    """Calls operations with what their models require; ``known`` are identifiers of what is there, by the member's name."""

    def __init__(self, server: Server, service: str, known: dict[str, str]) -> None:
        session = botocore.session.Session()
        session.set_credentials("sandbox", "sandbox")
        settings = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.client = session.create_client(
            service, "us-east-1", endpoint_url=server.endpoint, config=settings
        )
        self._known = known

    def operations(self) -> list[str]:
        """Return the names, those that delete behind the others."""
        names: list[str] = self.client.meta.service_model.operation_names
        return sorted(names, key=lambda name: name.startswith("Delete"))

    def complaint(self, name: str) -> str:
        """Call one operation and return what is wrong with its answer, empty when nothing is."""
        shape = self.client.meta.service_model.operation_model(name).input_shape
        given = {
            member: self._known.get(member, _value(shape.members[member]))
            for member in shape.required_members
        }
        try:
            getattr(self.client, xform_name(name))(**given)
        except ClientError as caught:
            status = caught.response["ResponseMetadata"]["HTTPStatusCode"]
            code, message = (caught.response["Error"].get(each, "") for each in ("Code", "Message"))
            if status >= 500 or not re.fullmatch(r"\w+Exception", code) or not re.match(r"\w+ \w+", message):
                return f"{name}: {status} {code} {message[:200]}"
        return ""


def _value(shape: Any) -> Any:
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if shape.type_name == "structure":
        return {name: _value(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [_value(shape.member)]
    if shape.type_name == "map":
        return {NOBODY: _value(shape.value)}
    plain = {
        "integer": 1,
        "long": 1,
        "double": 1.0,
        "float": 1.0,
        "boolean": True,
        "blob": b"{}",
        "timestamp": 0,
    }
    return plain.get(shape.type_name, NOBODY)


@pytest.fixture(scope="module")
def known(server: Server) -> dict[str, str]:
    """Identifiers of one of each thing, under the names that either model gives them."""
    rest, v2 = server.client("apigateway"), server.client("apigatewayv2")
    api = rest.create_rest_api(name="walked")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    rest.put_method(**at, authorizationType="NONE")
    rest.put_integration(**at, type="MOCK")
    deployment = rest.create_deployment(restApiId=api["id"], stageName="prod")["id"]
    key = rest.create_api_key(name="walked")["id"]
    plan = rest.create_usage_plan(name="walked")["id"]
    rest.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    socket = v2.create_api(Name="walked", ProtocolType="WEBSOCKET")["ApiId"]
    return {
        **at,
        "apiKey": key,
        "deploymentId": deployment,
        "endDate": "2026-01-02",
        "keyId": key,
        "resourceArn": f"arn:aws:apigateway:us-east-1::/restapis/{api['id']}/stages/prod",
        "stageName": "prod",
        "startDate": "2026-01-01",
        "statusCode": "200",
        "usagePlanId": plan,
        "ApiId": socket,
        "IntegrationId": v2.create_integration(ApiId=socket, IntegrationType="MOCK")["IntegrationId"],
        "ResourceArn": f"arn:aws:apigateway:us-east-1::/apis/{socket}",
        "RouteId": v2.create_route(ApiId=socket, RouteKey="say")["RouteId"],
        "StageName": v2.create_stage(ApiId=socket, StageName="prod")["StageName"],
    }


def complaints(models: Models) -> Iterator[str]:
    return (what for what in map(models.complaint, models.operations()) if what)


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_every_operation_on_what_is_not_there_says_so(server: Server, service: str) -> None:
    assert [*complaints(Models(server, service, {}))] == []


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_every_operation_on_what_is_there_is_carried_out_or_refused_in_a_sentence(
    server: Server, known: dict[str, str], service: str
) -> None:
    assert [*complaints(Models(server, service, known))] == []


@pytest.mark.parametrize(
    ("service", "operation", "sentence"),
    [
        ("apigateway", "GenerateClientCertificate", "does not emulate client certificates"),
        ("apigateway", "GetSdkTypes", "client libraries made from an API"),
        ("apigateway", "UpdateDocumentationPart", "does not emulate documentation of APIs"),
        ("apigateway", "UpdateUsage", "raise the plan's with UpdateUsagePlan"),
        ("apigateway", "CreateDomainNameAccessAssociation", "serves no custom domain names"),
        ("apigatewayv2", "ImportApi", "CreateApi, then ReimportApi"),
        ("apigatewayv2", "CreatePortal", "developer portals of APIs: leave CreatePortal out"),
        ("apigateway", "UpdateVpcLink", "no VPC links"),
        ("apigatewayv2", "GetModels", "models of messages"),
    ],
)
def test_an_operation_that_the_sandbox_lacks_is_refused_by_name(
    server: Server, service: str, operation: str, sentence: str
) -> None:
    client = Models(server, service, {}).client
    shape = client.meta.service_model.operation_model(operation).input_shape
    given = {member: _value(shape.members[member]) for member in shape.required_members}
    with pytest.raises(ClientError, match=sentence) as caught:
        getattr(client, xform_name(operation))(**given)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_responses_of_a_route_are_listed(
    server: Server,
) -> None:
    client = server.client("apigatewayv2")
    api = client.create_api(Name="listed", ProtocolType="WEBSOCKET")["ApiId"]
    route = client.create_route(ApiId=api, RouteKey="say")["RouteId"]
    assert client.get_route_responses(ApiId=api, RouteId=route)["Items"] == []
    made = client.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    (listed,) = client.get_route_responses(ApiId=api, RouteId=route)["Items"]
    assert listed["RouteResponseId"] == made["RouteResponseId"]


def test_a_bucket_that_is_called_like_a_path_of_api_gateway_is_a_bucket(server: Server) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        server.client("s3").list_objects_v2(Bucket="clientcertificates")
