"""What is patched of a REST API: it is shown at once, served from the next deployment on, and changed as a whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.http_api_stage import call

SAYS = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps({'fn': context.function_name})}\n"


class Api:
    """A REST API with one method at ``/jars``; ``at`` names the method."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.client = server, server.client("apigateway")
        made = self.client.create_rest_api(name=name)
        self.id, self.root = made["id"], made["rootResourceId"]
        self.jars = self.client.create_resource(restApiId=self.id, parentId=self.root, pathPart="jars")["id"]
        self.at = {"restApiId": self.id, "resourceId": self.jars, "httpMethod": "GET"}
        self.client.put_method(**self.at, authorizationType="NONE")

    def mock(self, status: str = "200") -> None:
        self.client.put_integration(
            **self.at, type="MOCK", requestTemplates={"application/json": f'{{"statusCode": {status}}}'}
        )
        self.client.put_method_response(**self.at, statusCode=status)
        self.client.put_integration_response(
            **self.at, statusCode=status, responseTemplates={"application/json": '{"jars": 40}'}
        )

    def served(self, path: str = "/prod/jars", **headers: str) -> tuple[int, Any]:
        """Deploy and call; return status and parsed body."""
        self.client.create_deployment(restApiId=self.id, stageName="prod")
        return self.answered(path, **headers)

    def answered(self, path: str = "/prod/jars", **headers: str) -> tuple[int, Any]:
        host = f"{self.id}.execute-api.us-east-1.localhost"
        answer, body = call(self.server, host, "GET", path, None, headers)
        return answer.status, json.loads(body or b"null")


def op(kind: str, path: str, value: str | None = None) -> dict[str, str]:
    return {"op": kind, "path": path, **({} if value is None else {"value": value})}


def refusal(function: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**given)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Message"])


@pytest.fixture
def api(server: Server, request: pytest.FixtureRequest) -> Api:
    return Api(server, request.node.name)


def test_an_integration_is_moved_to_another_function(api: Api) -> None:
    arns = {}
    for name in ("old-way", "new-way"):
        arns[name] = api.server.deploy(name, SAYS)
        api.server.client("lambda").add_permission(
            FunctionName=name,
            StatementId="a",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"
    api.client.put_integration(
        **api.at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri.format(arns["old-way"])
    )
    assert api.served() == (200, {"fn": "old-way"})
    moved = [op("replace", "/uri", uri.format(arns["new-way"])), op("replace", "/timeoutInMillis", "5000")]
    shown = api.client.update_integration(**api.at, patchOperations=moved)
    assert (shown["uri"], shown["timeoutInMillis"]) == (uri.format(arns["new-way"]), 5000)
    assert api.answered() == (200, {"fn": "old-way"}), "it is served from the next deployment on"
    assert api.served() == (200, {"fn": "new-way"})
    assert "ARN" in refusal(
        api.client.update_integration, **api.at, patchOperations=[op("replace", "/uri", "nowhere")]
    )


def test_responses_change_in_place(api: Api) -> None:
    api.mock()
    assert api.served() == (200, {"jars": 40})
    name = "/responseTemplates/application~1json"
    shown = api.client.update_integration_response(
        **api.at, statusCode="200", patchOperations=[op("replace", name, '{"jars": 41}')]
    )
    assert shown["responseTemplates"] == {"application/json": '{"jars": 41}'}
    api.client.update_method_response(
        **api.at,
        statusCode="200",
        patchOperations=[op("add", "/responseParameters/method.response.header.x-jam", "true")],
    )
    found = api.client.get_method_response(**api.at, statusCode="200")
    assert found["responseParameters"] == {"method.response.header.x-jam": True}
    assert api.served() == (200, {"jars": 41})


def test_a_method_asks_for_a_key_and_a_parameter_after_its_update(api: Api) -> None:
    api.mock()
    validator = api.client.create_request_validator(restApiId=api.id, name="v")["id"]
    api.client.update_request_validator(
        restApiId=api.id,
        requestValidatorId=validator,
        patchOperations=[op("replace", "/validateRequestParameters", "true")],
    )
    shown = api.client.update_method(
        **api.at,
        patchOperations=[
            op("add", "/requestParameters/method.request.querystring.kind", "true"),
            op("replace", "/requestValidatorId", validator),
        ],
    )
    assert shown["requestParameters"] == {"method.request.querystring.kind": True}
    assert api.served()[0] == 400
    assert api.answered("/prod/jars?kind=plum") == (200, {"jars": 40})
    api.client.update_method(**api.at, patchOperations=[op("replace", "/apiKeyRequired", "true")])
    assert api.served("/prod/jars?kind=plum") == (403, {"message": "Forbidden"})


def test_a_patch_is_carried_out_as_a_whole_or_not_at_all(api: Api) -> None:
    said = refusal(
        api.client.update_method,
        **api.at,
        patchOperations=[op("replace", "/operationName", "Jars"), op("replace", "/apiKeyRequired", "maybe")],
    )
    assert said == "Invalid value 'maybe' at /apiKeyRequired: it must be true or false."
    assert "operationName" not in api.client.get_method(**api.at)


def test_a_resource_gets_another_name_and_another_parent(api: Api) -> None:
    api.mock()
    shop = api.client.create_resource(restApiId=api.id, parentId=api.root, pathPart="shop")["id"]
    shown = api.client.update_resource(
        restApiId=api.id,
        resourceId=api.jars,
        patchOperations=[op("replace", "/pathPart", "pots"), op("replace", "/parentId", shop)],
    )
    assert shown["path"] == "/shop/pots"
    assert api.served("/prod/shop/pots") == (200, {"jars": 40})
    below = [op("replace", "/parentId", api.jars)]
    said = refusal(api.client.update_resource, restApiId=api.id, resourceId=shop, patchOperations=below)
    assert "Invalid parent identifier" in said
    other = [op("replace", "/parentId", api.root), op("replace", "/pathPart", "shop")]
    said = refusal(api.client.update_resource, restApiId=api.id, resourceId=api.jars, patchOperations=other)
    assert "already has this name: shop" in said


def test_a_gateway_response_that_was_never_put_is_changed(api: Api) -> None:
    api.mock()
    at = {"restApiId": api.id, "responseType": "MISSING_AUTHENTICATION_TOKEN"}
    shown = api.client.update_gateway_response(
        **at,
        patchOperations=[
            op("replace", "/statusCode", "404"),
            op("add", "/responseTemplates/application~1json", '{"no": "jam"}'),
        ],
    )
    assert shown["statusCode"] == "404"
    assert api.served("/prod/nothing") == (404, {"no": "jam"})


def test_models_deployments_authorizers_and_keys_are_changed(api: Api) -> None:
    api.mock()
    api.client.create_model(restApiId=api.id, name="Jar", contentType="application/json", schema="{}")
    model = api.client.update_model(
        restApiId=api.id, modelName="Jar", patchOperations=[op("replace", "/schema", '{"type": "object"}')]
    )
    assert model["schema"] == '{"type": "object"}'
    deployed = api.client.create_deployment(restApiId=api.id, stageName="prod")["id"]
    shown = api.client.update_deployment(
        restApiId=api.id, deploymentId=deployed, patchOperations=[op("replace", "/description", "first")]
    )
    assert shown["description"] == "first"
    pools = ["arn:aws:cognito-idp:us-east-1:000000000000:userpool/a"]
    made = api.client.create_authorizer(
        restApiId=api.id,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=pools,
        identitySource="method.request.header.A",
    )["id"]
    shown = api.client.update_authorizer(
        restApiId=api.id, authorizerId=made, patchOperations=[op("add", "/providerARNs", pools[0][:-1] + "b")]
    )
    assert shown["providerARNs"] == [*pools, pools[0][:-1] + "b"]
    key = api.client.create_api_key(name="mine", enabled=True)["id"]
    shown = api.client.update_api_key(apiKey=key, patchOperations=[op("replace", "/enabled", "false")])
    assert shown["enabled"] is False


@pytest.mark.parametrize(
    ("operation", "patch", "said"),
    [
        ("update_method", op("replace", "/httpMethod", "POST"), "Invalid patch path '/httpMethod'"),
        ("update_method", op("add", "/authorizationType", "NONE"), "takes replace there"),
        ("update_method", op("replace", "/authorizationType", "MAGIC"), "must be one of NONE, AWS_IAM"),
        ("update_method", op("replace", "/authorizationType", "CUSTOM"), "requires a valid authorizer"),
        ("update_method", op("remove", "/requestParameters/method.request.header.a"), "there is no method"),
        ("update_method", op("copy", "/operationName", "a"), "Invalid patch operation 'copy'"),
        ("update_integration", op("replace", "/type", "AWS"), "Invalid patch path '/type'"),
        ("update_integration", op("replace", "/cacheNamespace", "c"), "caches of stages"),
        ("update_integration", op("add", "/cacheKeyParameters", "c"), "caches of stages"),
        ("update_integration", op("replace", "/connectionType", "VPC_LINK"), "no VPC links"),
        ("update_integration", op("replace", "/responseTransferMode", "STREAM"), "and this is MOCK"),
        ("update_integration", op("replace", "/responseTransferMode", "BOTH"), "must be BUFFERED or STREAM"),
        ("update_integration", op("replace", "/timeoutInMillis", "30000"), "between 50 ms and 29000 ms"),
        ("update_integration", op("replace", "/tlsConfig/insecureSkipVerification", "true"), "TLS"),
        ("update_integration", op("replace", "/timeoutInMillis", "soon"), "a whole number"),
    ],
)
def test_a_path_that_is_not_taken_is_refused_in_a_sentence(
    api: Api, operation: str, patch: dict[str, str], said: str
) -> None:
    api.mock()
    assert said in refusal(getattr(api.client, operation), **api.at, patchOperations=[patch])


def test_a_patch_without_operations_changes_nothing(api: Api) -> None:
    api.mock()
    before = api.client.get_integration(**api.at)
    after = api.client.update_integration(**api.at)
    for answer in (before, after):
        del answer["ResponseMetadata"]
    assert after == before
