"""REST APIs in moto: what a deployment holds, kept as it was at its time.

AWS: a change of a resource, method, integration, authorizer or gateway response is served from the next deployment on;
stage variables, API keys and usage plans take effect at once.
"""

from __future__ import annotations

import json
from typing import Any

_BINARY = "/binaryMediaTypes/"
_DISABLED = "/disableExecuteApiEndpoint"


def install(models: Any, responses: Any) -> None:
    """Change moto's ``apigateway.models`` and ``apigateway.responses`` in place."""
    _freeze_deployments(models.RestAPI)
    _patch_settings(models.RestAPI)
    _keep_media_types(responses.APIGatewayResponse)


def _freeze_deployments(api_class: Any) -> None:
    create_deployment, create_authorizer = api_class.create_deployment, api_class.create_authorizer

    def deploy(self: Any, name: str, description: str, stage_variables: Any = None) -> Any:
        before = self.stages.get(name)
        deployment = create_deployment(self, name, description, stage_variables)
        deployment.sandbox_definition = snapshot(self)
        if before is not None:  # moto makes the stage anew and forgets its settings
            before.deployment_id = deployment.id
            before.variables = {**before.variables, **(stage_variables or {})}
            self.stages[name] = before
        return deployment

    def authorize(self: Any, *arguments: Any, **options: Any) -> Any:
        authorizer = create_authorizer(self, *arguments, **options)
        # moto passes the expression on under a misspelt name, where it is lost.
        authorizer.identity_validation_expression = options.get("identiy_validation_expression")
        return authorizer

    api_class.create_deployment = deploy
    api_class.create_authorizer = authorize


def _patch_settings(api_class: Any) -> None:
    """Media types are named in the path of an operation, which moto looks for in its value."""
    apply = api_class.apply_patch_operations

    def patch(self: Any, operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            path, kind = operation["path"], operation["op"]
            if path.startswith(_BINARY):
                named = path.removeprefix(_BINARY).replace("~1", "/").replace("~0", "~")
                kept = [each for each in self.binaryMediaTypes if each != named]
                added = {"add": [named], "replace": [operation.get("value")]}.get(kind, [])
                self.binaryMediaTypes = kept + added
            elif path == _DISABLED:
                self.disableExecuteApiEndpoint = str(operation.get("value")).lower() == "true"
            else:
                apply(self, [operation])

    api_class.apply_patch_operations = patch


def _keep_media_types(response_class: Any) -> None:
    """moto forgets the media types that an API is created with."""
    create_rest_api = response_class.create_rest_api

    def create(self: Any) -> Any:
        answer = create_rest_api(self)
        types = self._get_param("binaryMediaTypes")
        if not isinstance(answer, tuple) or answer[0] >= 300 or not types:
            return answer
        api = self.backend.get_rest_api(json.loads(answer[2])["id"])
        api.binaryMediaTypes = list(types)
        return answer[0], answer[1], json.dumps(api.to_dict())

    response_class.create_rest_api = create


def definition(api: Any, backend: Any) -> dict[str, Any]:
    """Return all that is served of a REST API: each stage with the definition of its deployment."""
    stages = {}
    for name, stage in list(api.stages.items()):
        deployment = api.deployments.get(stage.deployment_id)
        stages[name] = {
            **stage.to_json(),
            "definition": getattr(deployment, "sandbox_definition", None),
        }
    return {
        "kind": "REST",
        "accountId": api.account_id,
        "region": api.region_name,
        "api": api.to_dict(),
        "stages": stages,
        "apiKeys": _keys(backend),
    }


def snapshot(api: Any) -> dict[str, Any]:
    """Return what a deployment freezes, as plain data of its own."""
    resources = [
        {
            "id": resource.id,
            "path": resource.get_path(),
            "methods": {name: method.to_json() for name, method in resource.resource_methods.items()},
        }
        for resource in api.resources.values()
    ]
    frozen = {
        "resources": resources,
        "authorizers": {each.id: each.to_json() for each in api.authorizers.values()},
        "gatewayResponses": {each.response_type: each.to_json() for each in api.gateway_responses.values()},
        "requestValidators": {each.id: each.to_dict() for each in api.request_validators.values()},
        "models": {each.name: each.schema for each in api.models.values()},
        "binaryMediaTypes": list(api.binaryMediaTypes),
        "apiKeySource": api.api_key_source,
    }
    copy: dict[str, Any] = json.loads(json.dumps(frozen, default=str))
    return copy


def _keys(backend: Any) -> list[dict[str, Any]]:
    """Return the enabled API keys with the stages that their usage plans open, as ``api-id:stage``."""
    keys = []
    for key in list(backend.keys.values()):
        stages: list[str] = []
        for plan in list(backend.usage_plans.values()):
            if key.id in backend.usage_plan_keys.get(plan.id, {}):
                stages += [f"{each['apiId']}:{each['stage']}" for each in plan.api_stages or ()]
        if key.enabled not in (False, "false"):
            keys.append({"id": key.id, "value": key.value, "stages": stages})
    return keys
