"""The updates of REST APIs that moto lacks or carries out in part: methods, integrations, resources, responses, keys and others.

AWS: what they change is served from the next deployment on, API keys at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lambda_sandbox.services.api_gateway import transfer_modes
from lambda_sandbox.services.api_gateway.patches import (
    ADD_REMOVE,
    ALL,
    Malformed,
    Path,
    boolean,
    changed,
    one_of,
    whole_number,
)
from lambda_sandbox.services.api_gateway.rest_refusals import integration_patch

Segments = list[str]
_CONTENT = one_of("", "CONVERT_TO_BINARY", "CONVERT_TO_TEXT")


def _json_text(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        raise ValueError("a JSON schema") from None
    return text


def _store(backend: Any, at: Segments, found: Any, after: dict[str, Any]) -> None:
    for attribute, value in after.items():
        setattr(found, attribute, value)


@dataclass(frozen=True, slots=True)
class Update:
    """``find`` returns what is patched, by the segments of the request's path; ``store`` keeps the new settings, by moto's
    attributes. Both may refuse with ``Malformed``."""

    what: str
    find: Callable[[Any, Segments], Any]
    paths: Mapping[str, Path]
    store: Callable[[Any, Segments, Any, dict[str, Any]], None] = _store


def install(models: Any, response_class: Any) -> None:
    """Give moto's ``APIGatewayResponse`` these operations, by its names for them."""
    for name, update in _UPDATES.items():
        setattr(response_class, name, _operation(update, models.BadRequestException))


def _operation(update: Update, refused: Any) -> Callable[[Any], Any]:
    def patch(self: Any) -> Any:
        segments = self.path.rstrip("/").split("/")
        operations = self._get_param("patchOperations") or []
        try:
            found = update.find(self.backend, segments)
            before = {path.attribute: getattr(found, path.attribute) for path in update.paths.values()}
            for operation in operations:
                why = integration_patch(operation) if update is _UPDATES["update_integration"] else ""
                if why:
                    raise Malformed(why)
            after = changed(before, operations, update.paths, update.what)
            update.store(self.backend, segments, found, after)
        except Malformed as malformed:
            raise refused(str(malformed)) from None
        shown = update.find(self.backend, segments)
        return json.dumps(shown.to_json() if hasattr(shown, "to_json") else shown.to_dict())

    return patch


# --- what is patched -------------------------------------------------------------------------------------
# Segments of a path: "", restapis, ID, resources, ID, methods, METHOD, integration, responses, STATUS.


def _method(backend: Any, at: Segments) -> Any:
    return backend.get_method(at[2], at[4], at[6])


def _integration(backend: Any, at: Segments) -> Any:
    found = _method(backend, at).method_integration
    if found is None:
        from moto.apigateway.exceptions import NoIntegrationDefined

        raise NoIntegrationDefined
    return found


def _method_response(backend: Any, at: Segments) -> Any:
    return backend.get_method_response(at[2], at[4], at[6], at[8])


def _integration_response(backend: Any, at: Segments) -> Any:
    return _integration(backend, at).get_integration_response(at[9])


def _gateway_response(backend: Any, at: Segments) -> Any:
    """AWS: every kind is there without having been put."""
    api, kind = backend.get_rest_api(at[2]), at[4]
    if kind not in _gateway_response_types():
        raise Malformed(f"Invalid response type specified: {kind}.")
    if kind in api.gateway_responses:
        return api.gateway_responses[kind]
    from moto.apigateway.models import GatewayResponse

    unset: Any = None
    return GatewayResponse(kind, unset, {}, {})


@cache
def _gateway_response_types() -> frozenset[str]:
    from botocore.loaders import Loader

    model: Any = Loader().load_service_model("apigateway", "service-2")
    return frozenset(model["shapes"]["GatewayResponseType"]["enum"])


def _deployment(backend: Any, at: Segments) -> Any:
    api = backend.get_rest_api(at[2])
    if at[4] not in api.deployments:
        from moto.apigateway.exceptions import DeploymentNotFoundException

        raise DeploymentNotFoundException
    return api.deployments[at[4]]


# --- what a change has to keep to ------------------------------------------------------------------------


def _store_gateway_response(backend: Any, at: Segments, found: Any, after: dict[str, Any]) -> None:
    _store(backend, at, found, after)
    backend.get_rest_api(at[2]).gateway_responses[at[4]] = found


def _store_method(backend: Any, at: Segments, found: Any, after: dict[str, Any]) -> None:
    named = after["authorization_type"] in ("CUSTOM", "COGNITO_USER_POOLS")
    if named and after["authorizer_id"] not in backend.get_rest_api(at[2]).authorizers:
        raise Malformed(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a "
            "valid authorizer."
        )
    _store(backend, at, found, after)


def _store_integration(backend: Any, at: Segments, found: Any, after: dict[str, Any]) -> None:
    """By moto's PutIntegration, which checks it, and with the responses that there were."""
    mode = after["response_transfer_mode"]
    why = transfer_modes.refusal(found.integration_type, mode, after["timeout_in_millis"])
    if why:
        raise Malformed(why)
    made = backend.put_integration(
        at[2],
        at[4],
        at[6],
        found.integration_type,
        after["uri"],
        after["http_method"],
        credentials=after["credentials"],
        request_templates=after["request_templates"],
        passthrough_behavior=after["passthrough_behaviour"],
        tls_config=found.tls_config,
        cache_namespace=found.cache_namespace,
        timeout_in_millis=after["timeout_in_millis"],
        request_parameters=after["request_parameters"],
        content_handling=after["content_handling"] or None,
        connection_type=after["connection_type"],
        response_transfer_mode=mode,
    )
    made.integration_responses = found.integration_responses


def _store_resource(backend: Any, at: Segments, found: Any, after: dict[str, Any]) -> None:
    resources = backend.get_rest_api(at[2]).resources
    if not found.parent_id:
        raise Malformed("The root resource has no path part and no parent that could be changed.")
    parent = resources.get(after["parent_id"])
    above = parent
    while above is not None and above is not found:
        above = resources.get(above.parent_id)
    if parent is None or above is found:
        raise Malformed(f"Invalid parent identifier specified: {after['parent_id']}.")
    for other in resources.values():
        same = (other.parent_id, other.path_part) == (after["parent_id"], after["path_part"])
        if same and other is not found:
            raise Malformed(
                f"Another resource with the same parent already has this name: {after['path_part']}"
            )
    _store(backend, at, found, after)


# --- the paths -------------------------------------------------------------------------------------------

_UPDATES: dict[str, Update] = {
    "update_method": Update(
        "UpdateMethod",
        _method,
        {
            "apiKeyRequired": Path("api_key_required", read=boolean),
            "authorizationScopes": Path("authorization_scopes", ADD_REMOVE, listed=True),
            "authorizationType": Path(
                "authorization_type", read=one_of("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
            ),
            "authorizerId": Path("authorizer_id"),
            "operationName": Path("operation_name"),
            "requestModels": Path("request_models", ALL, entries=True),
            "requestParameters": Path("request_parameters", ALL, boolean, entries=True),
            "requestValidatorId": Path("request_validator_id"),
        },
        _store_method,
    ),
    "update_integration": Update(
        "UpdateIntegration",
        _integration,
        {
            "connectionType": Path("connection_type", read=one_of("INTERNET")),
            "contentHandling": Path("content_handling", read=_CONTENT),
            "credentials": Path("credentials"),
            "httpMethod": Path("http_method"),
            "passthroughBehavior": Path(
                "passthrough_behaviour", read=one_of("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
            ),
            "requestParameters": Path("request_parameters", ALL, entries=True),
            "requestTemplates": Path("request_templates", ALL, entries=True),
            "responseTransferMode": Path("response_transfer_mode"),
            "timeoutInMillis": Path("timeout_in_millis", read=whole_number),
            "uri": Path("uri"),
        },
        _store_integration,
    ),
    "update_integration_response": Update(
        "UpdateIntegrationResponse",
        _integration_response,
        {
            "contentHandling": Path("content_handling", read=_CONTENT),
            "responseParameters": Path("response_parameters", ALL, entries=True),
            "responseTemplates": Path("response_templates", ALL, entries=True),
            "selectionPattern": Path("selection_pattern"),
        },
    ),
    "update_method_response": Update(
        "UpdateMethodResponse",
        _method_response,
        {
            "responseModels": Path("response_models", ALL, entries=True),
            "responseParameters": Path("response_parameters", ALL, boolean, entries=True),
        },
    ),
    "update_resource": Update(
        "UpdateResource",
        lambda backend, at: backend.get_resource(at[2], at[4]),
        {"parentId": Path("parent_id"), "pathPart": Path("path_part")},
        _store_resource,
    ),
    "update_gateway_response": Update(
        "UpdateGatewayResponse",
        _gateway_response,
        {
            "responseParameters": Path("response_parameters", ALL, entries=True),
            "responseTemplates": Path("response_templates", ALL, entries=True),
            "statusCode": Path("status_code", ALL),
        },
        _store_gateway_response,
    ),
    "update_model": Update(
        "UpdateModel",
        lambda backend, at: backend.get_model(at[2], at[4]),
        {"description": Path("description"), "schema": Path("schema", read=_json_text)},
    ),
    "update_deployment": Update("UpdateDeployment", _deployment, {"description": Path("description")}),
    "update_authorizer": Update(
        "UpdateAuthorizer",
        lambda backend, at: backend.get_authorizer(at[2], at[4]),
        {
            "authType": Path("auth_type"),
            "authorizerCredentials": Path("authorizer_credentials"),
            "authorizerResultTtlInSeconds": Path("authorizer_result_ttl", read=whole_number),
            "authorizerUri": Path("authorizer_uri"),
            "identitySource": Path("identity_source"),
            "identityValidationExpression": Path("identity_validation_expression"),
            "name": Path("name"),
            "providerARNs": Path("provider_arns", ADD_REMOVE, listed=True),
            "type": Path("type", read=one_of("TOKEN", "REQUEST", "COGNITO_USER_POOLS")),
        },
    ),
    "update_request_validator": Update(
        "UpdateRequestValidator",
        lambda backend, at: backend.get_request_validator(at[2], at[4]),
        {
            "name": Path("name"),
            "validateRequestBody": Path("validate_request_body", read=boolean),
            "validateRequestParameters": Path("validate_request_parameters", read=boolean),
        },
    ),
    "update_api_key": Update(
        "UpdateApiKey",
        lambda backend, at: backend.get_api_key(at[2]),
        {
            "customerId": Path("customer_id"),
            "description": Path("description"),
            "enabled": Path("enabled", read=boolean),
            "name": Path("name"),
        },
    ),
}
