"""REST APIs as resources of a stack. moto's own know a fourth of them; all go through the public API here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.api_gateway import openapi_refusals
from lambda_sandbox.services.cloudformation import openapi
from lambda_sandbox.services.cloudformation.resource import Properties, tag_map
from lambda_sandbox.services.cloudformation.rest_stages import Deployment, OfRest, Stage, camel

# Given on, so that API Gateway refuses them by name.
_NOT_SERVED = (
    "cacheKeyParameters",
    "cacheNamespace",
    "connectionId",
    "connectionType",
    "integrationTarget",
    "tlsConfig",
)
_KINDS = {"token": "TOKEN", "request": "REQUEST", "cognito_user_pools": "COGNITO_USER_POOLS"}


class RestApi(OfRest):
    """Ref gives the API's id. ``Body`` is an OpenAPI or Swagger document; its resources are made from it."""

    TYPE = "AWS::ApiGateway::RestApi"
    FIXED = frozenset(
        {
            "ApiKeySourceType",
            "BinaryMediaTypes",
            "Body",
            "Description",
            "DisableExecuteApiEndpoint",
            "EndpointConfiguration",
            "FailOnWarnings",
            "MinimumCompressionSize",
            "Mode",
            "Name",
            "Parameters",
            "Policy",
        }
    )
    KNOWN = frozenset({"Tags"})
    ATTRIBUTES = frozenset({"RestApiId", "RootResourceId"})

    def create(self) -> None:
        document = self.properties.get("Body") or {}
        why = openapi_refusals.of_stack(document)
        if why:
            raise ValueError(why)
        title = (document.get("info") or {}).get("title")
        types = self.properties.get("BinaryMediaTypes") or document.get(
            "x-amazon-apigateway-binary-media-types"
        )
        answer = self.api.call(
            "CreateRestApi",
            name=str(self.properties.get("Name") or title or self.name),
            description=self.properties.get("Description"),
            binaryMediaTypes=types,
            apiKeySource=self.properties.get("ApiKeySourceType"),
            disableExecuteApiEndpoint=self.properties.get(
                "DisableExecuteApiEndpoint", openapi.endpoint(document).get("disableExecuteApiEndpoint")
            ),
            endpointConfiguration=_endpoint(self.properties.get("EndpointConfiguration"), document),
            minimumCompressionSize=self.properties.get("MinimumCompressionSize"),
            policy=_text(self.properties.get("Policy")),
            tags=tag_map(self.properties.get("Tags")),
        )
        self.physical_resource_id = answer["id"]
        self.attributes = {"RestApiId": answer["id"], "RootResourceId": answer["rootResourceId"]}
        _Import(self, document).carry_out()

    def change(self, old: Properties) -> None:
        self.retag(f"/restapis/{self.physical_resource_id}", old)

    def remove(self) -> None:
        self.api.call_if_there("DeleteRestApi", restApiId=self.physical_resource_id)


class _Import:
    """Makes what a document says: authorizers, gateway responses, resources, methods and integrations."""

    def __init__(self, rest_api: RestApi, document: openapi.Document) -> None:
        self._api = rest_api.api
        self._document = document
        self._at = {"restApiId": rest_api.physical_resource_id}
        self._resources: dict[str, str] = {"/": rest_api.attributes["RootResourceId"]}
        self._authorizers: dict[str, str] = {}

    def carry_out(self) -> None:
        for name, given in openapi.authorizers(self._document).items():
            self._authorizers[name] = self._authorize(name, given)
        for kind, given in (self._document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            self._api.call("PutGatewayResponse", **self._at, responseType=kind, **given)
        for operation in openapi.operations(self._document):
            self._operation(operation)

    def _authorize(self, name: str, given: Mapping[str, Any]) -> str:
        header = f"method.request.header.{given.get('header') or 'Authorization'}"
        answer = self._api.call(
            "CreateAuthorizer",
            **self._at,
            name=name,
            type=_KINDS.get(given["type"], given["type"].upper()),
            authorizerUri=given.get("authorizerUri"),
            identitySource=given.get("identitySource") or (header if given["type"] == "token" else None),
            identityValidationExpression=given.get("identityValidationExpression"),
            authorizerResultTtlInSeconds=given.get("authorizerResultTtlInSeconds"),
            authorizerCredentials=given.get("authorizerCredentials"),
            providerARNs=given.get("providerARNs"),
        )
        return str(answer["id"])

    def _resource(self, path: str) -> str:
        if path not in self._resources:
            parent, _, part = path.rpartition("/")
            made = self._api.call(
                "CreateResource", **self._at, parentId=self._resource(parent or "/"), pathPart=part
            )
            self._resources[path] = made["id"]
        return self._resources[path]

    def _operation(self, operation: openapi.Operation) -> None:
        at = {**self._at, "resourceId": self._resource(operation.path), "httpMethod": operation.method}
        authorizer = self._authorizers.get(operation.security)
        kind = "CUSTOM" if authorizer else "AWS_IAM" if operation.security else "NONE"
        self._api.call(
            "PutMethod",
            **at,
            authorizationType=kind,
            authorizerId=authorizer,
            apiKeyRequired=operation.needs_key,
            requestParameters=dict(operation.parameters) or None,
        )
        for status in operation.responses:
            if str(status).isdigit():
                self._api.call("PutMethodResponse", **at, statusCode=str(status))
        if operation.integration:
            _integrate(self._api, at, operation.integration)


def _integrate(api: Any, at: Properties, given: Mapping[str, Any]) -> None:
    api.call(
        "PutIntegration",
        **at,
        type=openapi.integration_type(given),
        integrationHttpMethod=given.get("httpMethod"),
        uri=given.get("uri"),
        credentials=given.get("credentials"),
        requestTemplates=given.get("requestTemplates"),
        requestParameters=given.get("requestParameters"),
        passthroughBehavior=str(given["passthroughBehavior"]).upper()
        if given.get("passthroughBehavior")
        else None,
        contentHandling=given.get("contentHandling"),
        responseTransferMode=given.get("responseTransferMode"),
        timeoutInMillis=given.get("timeoutInMillis"),
        **{name: given.get(name) for name in _NOT_SERVED},
    )
    for pattern, response in (given.get("responses") or {}).items():
        api.call(
            "PutIntegrationResponse",
            **at,
            statusCode=str(response["statusCode"]),
            selectionPattern=None if pattern == "default" else pattern,
            responseTemplates=response.get("responseTemplates"),
            responseParameters=response.get("responseParameters"),
            contentHandling=response.get("contentHandling"),
        )


def _endpoint(given: Any, document: openapi.Document) -> Properties | None:
    wanted = camel(given) if isinstance(given, Mapping) else {}
    extension = openapi.endpoint(document)
    if extension.get("vpcEndpointIds"):
        wanted["vpcEndpointIds"] = extension["vpcEndpointIds"]
    return wanted or None


def _text(policy: Any) -> str | None:
    return json.dumps(policy) if isinstance(policy, Mapping) else policy


class PathResource(OfRest):
    """Ref gives the resource's id."""

    TYPE = "AWS::ApiGateway::Resource"
    FIXED = frozenset({"RestApiId", "ParentId", "PathPart"})
    ATTRIBUTES = frozenset({"ResourceId"})

    def create(self) -> None:
        answer = self.api.call("CreateResource", **camel(self.properties))
        self.physical_resource_id = answer["id"]
        self.attributes = {"ResourceId": answer["id"]}

    def remove(self) -> None:
        at = {"restApiId": self.properties["RestApiId"], "resourceId": self.physical_resource_id}
        self.api.call_if_there("DeleteResource", **at)


class Method(OfRest):
    """Ref gives a name for the method."""

    TYPE = "AWS::ApiGateway::Method"
    FIXED = frozenset({"RestApiId", "ResourceId", "HttpMethod"})
    KNOWN = frozenset(
        {
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "Integration",
            "MethodResponses",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RequestValidatorId",
        }
    )

    def create(self) -> None:
        at = self._at()
        settings = camel(self.properties, *self.FIXED, "Integration", "MethodResponses")
        self.api.call("PutMethod", **at, **{"authorizationType": "NONE", **settings})
        for each in self.properties.get("MethodResponses") or []:
            self.api.call("PutMethodResponse", **at, **camel(each))
        integration = self.properties.get("Integration")
        if integration:
            self._integrate(at, integration)
        self.physical_resource_id = "-".join((at["restApiId"], at["resourceId"], at["httpMethod"]))

    def _integrate(self, at: Properties, given: Mapping[str, Any]) -> None:
        settings = camel(given, "IntegrationResponses", "IntegrationHttpMethod", "Type")
        settings |= {"httpMethod": given.get("IntegrationHttpMethod"), "type": given["Type"]}
        responses = {}
        for each in given.get("IntegrationResponses") or []:
            responses[each.get("SelectionPattern") or "default"] = camel(each)
        _integrate(self.api, at, settings | {"responses": responses})

    def change(self, old: Properties) -> None:
        self.remove()
        self.create()

    def remove(self) -> None:
        self.api.call_if_there("DeleteMethod", **self._at())

    def _at(self) -> Properties:
        return camel({name: self.properties[name] for name in self.FIXED})


class Authorizer(OfRest):
    """Ref gives the authorizer's id."""

    TYPE = "AWS::ApiGateway::Authorizer"
    FIXED = frozenset(
        {
            "AuthType",
            "AuthorizerCredentials",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerUri",
            "IdentitySource",
            "IdentityValidationExpression",
            "Name",
            "ProviderARNs",
            "RestApiId",
            "Type",
        }
    )
    ATTRIBUTES = frozenset({"AuthorizerId"})

    def create(self) -> None:
        answer = self.api.call("CreateAuthorizer", **camel(self.properties))
        self.physical_resource_id = answer["id"]
        self.attributes = {"AuthorizerId": answer["id"]}

    def remove(self) -> None:
        at = {"restApiId": self.properties["RestApiId"], "authorizerId": self.physical_resource_id}
        self.api.call_if_there("DeleteAuthorizer", **at)


REST_APIS = (RestApi, PathResource, Method, Authorizer, Deployment, Stage)
