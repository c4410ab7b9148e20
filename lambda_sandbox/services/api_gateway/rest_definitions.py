"""REST APIs in moto: what a deployment holds, kept as it was at its time.

AWS: a change of a resource, method, integration, authorizer or gateway response is served from the next deployment on;
stage variables, API keys and usage plans take effect at once.
"""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.services.api_gateway import (
    refusals,
    rest_refusals,
    rest_updates,
    stage_settings,
    transfer_modes,
    usage_plans,
)

_BINARY = "/binaryMediaTypes/"
_DISABLED = "/disableExecuteApiEndpoint"


def install(models: Any, responses: Any) -> None:
    """Change moto's ``apigateway.models`` and ``apigateway.responses`` in place."""
    _fetch_no_schemas(models)
    _freeze_deployments(models.RestAPI)
    _patch_settings(models.RestAPI)
    _name_integrations(models.APIGatewayBackend)
    _miss_what_is_not_there(
        models.APIGatewayBackend, responses.APIGatewayResponse, models.NoIntegrationResponseDefined
    )
    transfer_modes.install(models, responses.APIGatewayResponse)
    rest_updates.install(models, responses.APIGatewayResponse)
    stage_settings.install(models.Stage)
    usage_plans.install(models.UsagePlan, models.BadRequestException)
    _keep_media_types(responses.APIGatewayResponse)
    _describe_stages(responses.APIGatewayResponse)
    refusals.install(
        responses.APIGatewayResponse, models.BadRequestException, rest_refusals.CHECKS, _document
    )


def _fetch_no_schemas(models: Any) -> None:
    """Validate a document by itself: what it refers to would be fetched, from this machine's files as well."""
    from jsonschema_path.retrievers import SchemaRetriever
    from referencing.exceptions import NoSuchResource, Unresolvable

    validate = models.validate

    def retrieve(_: Any, uri: str) -> Any:
        raise NoSuchResource(uri)

    def validate_alone(document: Any) -> None:
        try:
            validate(document)
        except Unresolvable as missing:
            # UNCONFIRMED: wording
            raise models.OpenAPIValidationError(f"{missing.ref} is not in the document") from None

    SchemaRetriever.__call__ = retrieve  # type: ignore[method-assign, assignment]
    models.validate = validate_alone


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


def _name_integrations(backend_class: Any) -> None:
    """Documents spell types with small letters, as ``aws_proxy``, and mocks call nobody; moto wants it otherwise."""
    build = backend_class._build_integration_args

    def named(self: Any, given: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = build(self, given)
        for name in ("integration_type", "passthrough_behavior"):
            if arguments.get(name):
                arguments[name] = str(arguments[name]).upper()
        for name in ("uri", "integration_method"):
            arguments[name] = arguments.get(name) or ""
        return arguments

    backend_class._build_integration_args = named


def _miss_what_is_not_there(backend_class: Any, response_class: Any, missing: Any) -> None:
    """moto has nothing to show for a response that is not there, and no patch for a request without operations."""

    def found(original: Any) -> Any:
        def look(self: Any, *arguments: Any) -> Any:
            response = original(self, *arguments)
            if response is None:
                raise missing()
            return response

        return look

    def patched(original: Any) -> Any:
        def patch(self: Any, *arguments: Any) -> Any:
            return original(self, *arguments[:-1], arguments[-1] or [])

        return patch

    add_key, delete_response = backend_class.create_usage_plan_key, backend_class.delete_integration_response

    def create_usage_plan_key(self: Any, usage_plan_id: str, payload: dict[str, Any]) -> Any:
        self.get_usage_plan(usage_plan_id)  # moto adds keys to plans that there are not
        return add_key(self, usage_plan_id, payload)

    def delete_integration_response(self: Any, *named: Any) -> Any:
        return delete_response(self, *named) if self.get_integration(*named[:-1]) else None

    backend_class.create_usage_plan_key = create_usage_plan_key
    backend_class.delete_integration_response = found(delete_integration_response)
    for name in ("get_method_response", "delete_method_response", "delete_integration"):
        setattr(backend_class, name, found(getattr(backend_class, name)))
    for name in ("update_rest_api", "update_stage", "update_usage_plan"):
        setattr(backend_class, name, patched(getattr(backend_class, name)))
    name = "_APIGatewayResponse__validte_rest_patch_operations"  # what update_rest_api begins with
    setattr(response_class, name, patched(getattr(response_class, name)))


def _describe_stages(response_class: Any) -> None:
    """moto forgets the description that a deployment gives its stage."""
    create_deployment = response_class.create_deployment

    def create(self: Any) -> Any:
        answer = create_deployment(self)
        name, description = self._get_param("stageName"), self._get_param("stageDescription")
        if name and description:
            self.backend.get_rest_api(self.path.split("/")[2]).stages[name].description = description
        return answer

    response_class.create_deployment = create


def _document(response: Any) -> Any:
    """Return the body of a request: JSON, or the YAML that an OpenAPI document may be."""
    import yaml

    text = response.body or "{}"
    text = text.decode() if isinstance(text, bytes) else text
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


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
        "usagePlans": {each.id: each.to_json() for each in list(backend.usage_plans.values())},
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
    """Return the enabled API keys with the ids of their usage plans."""
    plans = backend.usage_plan_keys
    return [
        {"id": key.id, "value": key.value, "plans": [plan for plan in list(plans) if key.id in plans[plan]]}
        for key in list(backend.keys.values())
        if key.enabled not in (False, "false")
    ]
