"""HTTP and WebSocket APIs in moto: deployments, quick create and addresses, which it does not know."""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.services.api_gateway import refusals, v2_refusals
from lambda_sandbox.services.api_gateway.addresses import api_endpoint


def install(models: Any, responses: Any) -> None:
    """Change moto's ``apigatewayv2.models`` and ``apigatewayv2.responses`` in place."""
    _give_addresses(models.Api)
    _check_routes(models.Api, models.BadRequestException)
    _check_integrations(models.Api, models.BadRequestException)
    _name_deployments(models.Stage)
    _check_route_settings(models.Api)
    _create_quickly(responses.ApiGatewayV2Response)
    refusals.install(
        responses.ApiGatewayV2Response,
        models.BadRequestException,
        v2_refusals.CHECKS,
        lambda response: json.loads(response.body or "{}"),
    )


def definition(api: Any) -> dict[str, Any]:
    """Return all that is served of an API: each stage with its routes, live (``autoDeploy``) or as they were deployed."""
    live = snapshot(api)
    deployments = deployments_of(api)
    stages = {}
    for name, stage in list(api.stages.items()):
        deployed = deployments.get(getattr(stage, "deployment_id", ""), {}).get("definition")
        stages[name] = {**stage.to_json(), "definition": live if stage.auto_deploy else deployed}
    return {
        "kind": api.protocol_type,
        "accountId": api.backend.account_id,
        "region": api.backend.region_name,
        "api": api.to_json(),
        "stages": stages,
    }


def snapshot(api: Any) -> dict[str, Any]:
    """Return routes, integrations and authorizers as plain data of their own."""
    frozen = {
        "routes": [
            {
                **route.to_json(),
                "routeResponses": [each.route_response_key for each in route.route_responses.values()],
            }
            for route in api.routes.values()
        ],
        "integrations": {each.id: each.to_json() for each in api.integrations.values()},
        "authorizers": {each.id: each.to_json() for each in api.authorizers.values()},
    }
    copy: dict[str, Any] = json.loads(json.dumps(frozen, default=str))
    return copy


def deployments_of(api: Any) -> dict[str, dict[str, Any]]:
    """Return the deployments of an API by id, each with the ``definition`` that it froze."""
    if not hasattr(api, "sandbox_deployments"):
        api.sandbox_deployments = {}
    deployments: dict[str, dict[str, Any]] = api.sandbox_deployments
    return deployments


def _give_addresses(api_class: Any) -> None:
    begin = api_class.__init__

    def make(self: Any, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        self.api_endpoint = api_endpoint(self.api_id, self.backend.region_name, self.protocol_type)

    api_class.__init__ = make


def _check_routes(api_class: Any, refused: Any) -> None:
    create_route = api_class.create_route

    def create(self: Any, *arguments: Any, **options: Any) -> Any:
        key = options["route_key"]
        if any(route.route_key == key for route in self.routes.values()):
            conflict = refused(f"Route with key {key} already exists for this API")
            conflict.code = 409
            raise conflict
        return create_route(self, *arguments, **options)

    api_class.create_route = create


def _check_integrations(api_class: Any, refused: Any) -> None:
    create_integration = api_class.create_integration

    def create(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.protocol_type == "HTTP" and options["integration_type"] == "AWS_PROXY":
            given = options.get("payload_format_version")
            if given not in ("1.0", "2.0"):  # AWS: without the console it must be given; UNCONFIRMED: wording
                raise refused("PayloadFormatVersion is a required parameter for integration: 1.0 or 2.0")
        return create_integration(self, *arguments, **options)

    api_class.create_integration = create


def _check_route_settings(api_class: Any) -> None:
    create_stage = api_class.create_stage

    def create(self: Any, config: dict[str, Any]) -> Any:
        why = unknown_route(self, config)
        if why:
            from moto.core.exceptions import JsonRESTError

            missing = JsonRESTError("NotFoundException", why)
            missing.code = 404
            raise missing
        return create_stage(self, config)

    api_class.create_stage = create


def unknown_route(api: Any, config: dict[str, Any]) -> str:
    """Return why the settings of a stage are refused that are for a route which the API does not have, else nothing."""
    known = {route.route_key for route in api.routes.values()}
    missing = next((key for key in config.get("routeSettings") or {} if key not in known), None)
    return (
        "" if missing is None else f"Unable to find Route by key {missing} within the provided RouteSettings"
    )


def _name_deployments(stage_class: Any) -> None:
    begin, to_json = stage_class.__init__, stage_class.to_json

    def make(self: Any, api: Any, config: dict[str, Any]) -> None:
        begin(self, api, config)
        self.deployment_id = config.get("deploymentId", "")

    def show(self: Any) -> dict[str, Any]:
        shown: dict[str, Any] = to_json(self)
        return {**shown, "deploymentId": self.deployment_id} if self.deployment_id else shown

    stage_class.__init__, stage_class.to_json = make, show


def _create_quickly(response_class: Any) -> None:
    """``create_api(Target=…)`` makes a ``$default`` route and a stage that deploys itself."""
    create_api = response_class.create_api

    def create(self: Any) -> Any:
        status, headers, body = create_api(self)
        asked = json.loads(self.body)
        if asked.get("target"):
            _add_target(self.apigatewayv2_backend.get_api(json.loads(body)["apiId"]), asked)
        return status, headers, body

    response_class.create_api = create


def _add_target(api: Any, asked: dict[str, Any]) -> None:
    target = asked["target"]
    integration = api.create_integration(
        connection_id=None,
        connection_type="INTERNET",
        content_handling_strategy=None,
        credentials_arn=asked.get("credentialsArn"),
        description="",
        integration_method=None,
        integration_type="AWS_PROXY" if target.startswith("arn:") else "HTTP_PROXY",
        integration_uri=target,
        passthrough_behavior=None,
        payload_format_version="2.0",
        integration_subtype=None,
        request_parameters=None,
        request_templates=None,
        response_parameters=None,
        template_selection_expression=None,
        timeout_in_millis=None,
        tls_config=None,
    )
    api.create_route(
        api_key_required=False,
        authorization_scopes=[],
        route_key=asked.get("routeKey") or "$default",
        target=f"integrations/{integration.id}",
    )
    api.create_stage({"stageName": "$default", "autoDeploy": True})
