"""HTTP and WebSocket APIs as resources of a stack, moto's stacks knowing none. All go through the public API."""

from __future__ import annotations

from typing import Any, ClassVar

from lambda_sandbox.services.api_gateway import openapi_refusals
from lambda_sandbox.services.cloudformation import openapi
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, members_of

_AUTHORIZERS = {"jwt": "JWT", "request": "REQUEST"}


class Api(Resource):
    """Ref gives the API's id. ``Body`` is an OpenAPI document, as SAM makes one; a change of it makes the routes anew."""

    TYPE = "AWS::ApiGatewayV2::Api"
    SERVICE = "apigatewayv2"
    FIXED = frozenset({"ProtocolType", "Target", "RouteKey", "CredentialsArn"})
    KNOWN = frozenset(
        {
            "ApiKeySelectionExpression",
            "Body",
            "CorsConfiguration",
            "Description",
            "DisableExecuteApiEndpoint",
            "FailOnWarnings",
            "Name",
            "RouteSelectionExpression",
            "Tags",
            "Version",
        }
    )
    ATTRIBUTES = frozenset({"ApiEndpoint", "ApiId"})

    def create(self) -> None:
        document = self.properties.get("Body") or {}
        why = openapi_refusals.of_stack(document)
        if why:
            raise ValueError(why)
        settings = self.given("CreateApi") | {"Name": self._named(document)}
        settings.setdefault(
            "DisableExecuteApiEndpoint", openapi.endpoint(document).get("disableExecuteApiEndpoint")
        )
        settings.setdefault("ProtocolType", "HTTP")
        cors = document.get("x-amazon-apigateway-cors")
        if cors and "CorsConfiguration" not in settings:
            settings["CorsConfiguration"] = {
                name[0].upper() + name[1:]: value for name, value in cors.items()
            }
        answer = self.api.call("CreateApi", **settings)
        self.physical_resource_id = answer["ApiId"]
        self.attributes = {"ApiEndpoint": answer["ApiEndpoint"], "ApiId": answer["ApiId"]}
        self._import(document)

    def change(self, old: Properties) -> None:
        self.api.call("UpdateApi", ApiId=self.physical_resource_id, **self._changed())
        if self.properties.get("Body") != old.get("Body"):
            self._empty()
            self._import(self.properties.get("Body") or {})

    def remove(self) -> None:
        self.api.call_if_there("DeleteApi", ApiId=self.physical_resource_id)

    def _changed(self) -> Properties:
        cors = ((self.properties.get("Body") or {}).get("x-amazon-apigateway-cors")) or {}
        written = {name[0].upper() + name[1:]: value for name, value in cors.items()}
        settings = {name: each for name, each in self.given("UpdateApi").items() if name not in self.FIXED}
        return {"CorsConfiguration": written, **settings} if written else settings

    def _named(self, document: openapi.Document) -> str:
        return str(self.properties.get("Name") or (document.get("info") or {}).get("title") or self.name)

    def _import(self, document: openapi.Document) -> None:
        at = {"ApiId": self.physical_resource_id}
        ids = {name: self._authorize(name, each) for name, each in openapi.authorizers(document).items()}
        kinds = {
            name: "JWT" if each.get("type") == "jwt" else "CUSTOM"
            for name, each in openapi.authorizers(document).items()
        }
        for operation in openapi.operations(document):
            given = operation.integration
            integration = self.api.call(
                "CreateIntegration",
                **at,
                IntegrationType=openapi.integration_type(given),
                IntegrationUri=given.get("uri"),
                IntegrationMethod=given.get("httpMethod"),
                PayloadFormatVersion=given.get("payloadFormatVersion"),
                TimeoutInMillis=given.get("timeoutInMillis"),
                CredentialsArn=given.get("credentials"),
                ConnectionType=given.get("connectionType"),
                ConnectionId=given.get("connectionId"),
            )["IntegrationId"]
            default = operation.path in ("/$default", "$default")
            secured: dict[str, Any] = {}
            if operation.security in ids:
                secured = {
                    "AuthorizerId": ids[operation.security],
                    "AuthorizationType": kinds[operation.security],
                }
                secured["AuthorizationScopes"] = list(operation.scopes) or None
            elif operation.security:
                secured = {"AuthorizationType": "AWS_IAM"}
            self.api.call(
                "CreateRoute",
                **at,
                RouteKey="$default" if default else f"{operation.method} {operation.path}",
                Target=f"integrations/{integration}",
                **secured,
            )

    def _authorize(self, name: str, given: Any) -> str:
        sources = given.get("identitySource") or []
        sources = [each.strip() for each in sources.split(",")] if isinstance(sources, str) else sources
        configured = given.get("jwtConfiguration") or {}
        answer = self.api.call(
            "CreateAuthorizer",
            ApiId=self.physical_resource_id,
            Name=name,
            AuthorizerType=_AUTHORIZERS[given["type"]],
            AuthorizerUri=given.get("authorizerUri"),
            AuthorizerPayloadFormatVersion=given.get("authorizerPayloadFormatVersion"),
            AuthorizerResultTtlInSeconds=given.get("authorizerResultTtlInSeconds"),
            EnableSimpleResponses=given.get("enableSimpleResponses"),
            IdentitySource=sources,
            JwtConfiguration={name[0].upper() + name[1:]: value for name, value in configured.items()}
            or None,
        )
        return str(answer["AuthorizerId"])

    def _empty(self) -> None:
        at = {"ApiId": self.physical_resource_id}
        for kind, key in (
            ("Route", "RouteId"),
            ("Integration", "IntegrationId"),
            ("Authorizer", "AuthorizerId"),
        ):
            for each in self.api.call(f"Get{kind}s", **at)["Items"]:
                self.api.call(f"Delete{kind}", **at, **{key: each[key]})


class _Part(Resource):
    """A part of an API, with an id that API Gateway chooses."""

    SERVICE = "apigatewayv2"
    FIXED = frozenset({"ApiId"})
    KIND: ClassVar[str]
    ID: ClassVar[str]

    def create(self) -> None:
        answer = self.api.call(f"Create{self.KIND}", **self.given(f"Create{self.KIND}"))
        self.physical_resource_id = answer[self.ID]
        self.attributes = {self.ID: answer[self.ID]}

    def change(self, old: Properties) -> None:
        self.api.call(
            f"Update{self.KIND}", **self.given(f"Update{self.KIND}"), **{self.ID: self.physical_resource_id}
        )

    def remove(self) -> None:
        at = {"ApiId": self.properties["ApiId"], self.ID: self.physical_resource_id}
        self.api.call_if_there(f"Delete{self.KIND}", **at)


class Route(_Part):
    """Ref gives the route's id."""

    TYPE = "AWS::ApiGatewayV2::Route"
    KIND, ID = "Route", "RouteId"
    KNOWN = frozenset(
        {
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "OperationName",
            "RouteKey",
            "RouteResponseSelectionExpression",
            "Target",
        }
    )
    ATTRIBUTES = frozenset({"RouteId"})


class Integration(_Part):
    """Ref gives the integration's id."""

    TYPE = "AWS::ApiGatewayV2::Integration"
    KIND, ID = "Integration", "IntegrationId"
    KNOWN = frozenset(
        {
            "ConnectionId",
            "ConnectionType",
            "ContentHandlingStrategy",
            "CredentialsArn",
            "Description",
            "IntegrationMethod",
            "IntegrationSubtype",
            "IntegrationType",
            "IntegrationUri",
            "PassthroughBehavior",
            "PayloadFormatVersion",
            "RequestParameters",
            "RequestTemplates",
            "ResponseParameters",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
            "TlsConfig",
        }
    )
    ATTRIBUTES = frozenset({"IntegrationId"})


class Authorizer(_Part):
    """Ref gives the authorizer's id."""

    TYPE = "AWS::ApiGatewayV2::Authorizer"
    KIND, ID = "Authorizer", "AuthorizerId"
    KNOWN = frozenset(
        {
            "AuthorizerCredentialsArn",
            "AuthorizerPayloadFormatVersion",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerType",
            "AuthorizerUri",
            "EnableSimpleResponses",
            "IdentitySource",
            "IdentityValidationExpression",
            "JwtConfiguration",
            "Name",
        }
    )
    ATTRIBUTES = frozenset({"AuthorizerId"})


class Deployment(_Part):
    """Ref gives the deployment's id. A stack makes it when its routes are there: name them in ``DependsOn``."""

    TYPE = "AWS::ApiGatewayV2::Deployment"
    KIND, ID = "Deployment", "DeploymentId"
    FIXED = frozenset({"ApiId", "StageName"})
    KNOWN = frozenset({"Description"})
    ATTRIBUTES = frozenset({"DeploymentId"})

    def change(self, old: Properties) -> None:
        description = self.properties.get("Description", "")
        at = {"ApiId": self.properties["ApiId"], "DeploymentId": self.physical_resource_id}
        self.api.call("UpdateDeployment", **at, Description=description)


class RouteResponse(_Part):
    """Ref gives the response's id."""

    TYPE = "AWS::ApiGatewayV2::RouteResponse"
    KIND, ID = "RouteResponse", "RouteResponseId"
    FIXED = frozenset({"ApiId", "RouteId", "RouteResponseKey", "ModelSelectionExpression"})

    def remove(self) -> None:
        at = {name: self.properties[name] for name in ("ApiId", "RouteId")}
        self.api.call_if_there("DeleteRouteResponse", **at, RouteResponseId=self.physical_resource_id)


class Stage(Resource):
    """Ref gives the stage's name."""

    TYPE = "AWS::ApiGatewayV2::Stage"
    SERVICE = "apigatewayv2"
    FIXED = frozenset({"ApiId", "StageName"})
    KNOWN = frozenset(
        {
            "AccessLogSettings",
            "AutoDeploy",
            "DefaultRouteSettings",
            "DeploymentId",
            "Description",
            "RouteSettings",
            "StageVariables",
            "Tags",
        }
    )

    def create(self) -> None:
        self.api.call("CreateStage", **self.given("CreateStage"))
        self.physical_resource_id = self.properties["StageName"]

    def change(self, old: Properties) -> None:
        self.api.call("UpdateStage", **members_of(self.api, "UpdateStage", self.properties))

    def remove(self) -> None:
        at = {name: self.properties[name] for name in ("ApiId", "StageName")}
        self.api.call_if_there("DeleteStage", **at)


HTTP_APIS = (Api, Route, Integration, Authorizer, Deployment, RouteResponse, Stage)
