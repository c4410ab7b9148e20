"""Settings of REST APIs, their stages and integrations that would have no effect here, each refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.api_gateway import openapi_refusals, stage_settings, transfer_modes, usage_plans
from lambda_sandbox.services.api_gateway.refusals import (
    Check,
    always,
    each_patch,
    first,
    given,
    patched,
)

_API = {
    "cloneFrom": "copies of other APIs",
    "endpointAccessMode": "TLS",
    "minimumCompressionSize": "compression of answers",
    "policy": "resource policies of APIs (let the function's policy or an authorizer decide)",
    "securityPolicy": "TLS",
}
_STAGE = {
    "accessLogSettings": "access logs of API Gateway (history and the function's log show what happened)",
    "cacheClusterEnabled": "caches of stages",
    "cacheClusterSize": "caches of stages",
    "canarySettings": "canary releases of stages (use a weighted alias)",
    "clientCertificateId": "client certificates",
    "documentationVersion": "documentation of APIs",
    "tracingEnabled": "segments of API Gateway in traces (the function's own are there, with Tracing of the function)",
}
_INTEGRATION = {
    "cacheKeyParameters": "caches of stages",
    "cacheNamespace": "caches of stages",
    "connectionId": "VPC links",
    "integrationTarget": "VPC links",
    "tlsConfig": "TLS to integrations",
}
_PATCHABLE_API = (
    "apiKeySource",
    "binaryMediaTypes",
    "description",
    "disableExecuteApiEndpoint",
    "endpointConfiguration",
    "name",
)
_PATCHABLE_STAGE = ("deploymentId", "description", "variables")
NO_VPC_LINKS = (
    "The sandbox has no VPC links: integrate with a Lambda function, or with a mock, and leave them out."
)
NO_DOMAINS = "The sandbox serves no custom domain names: call the API at its own address, and leave them out."


def _create_api(asked: Mapping[str, Any]) -> str:
    if "openapi" in asked or "swagger" in asked:
        return _document(asked)
    return first((given(asked, _API), _endpoint(asked.get("endpointConfiguration") or {})))


def _endpoint(configuration: Mapping[str, Any]) -> str:
    if "PRIVATE" in (configuration.get("types") or ()) or configuration.get("vpcEndpointIds"):
        return "The sandbox does not emulate private endpoints: use the endpoint type REGIONAL and leave vpcEndpointIds out."
    if configuration.get("ipAddressType") == "dualstack":
        return "The sandbox listens on IPv4 only: leave the ipAddressType dualstack out."
    return ""


def _patch_api(path: str, value: str) -> str:
    member, _, rest = path.removeprefix("/").partition("/")
    if member == "endpointConfiguration":
        kind = rest.partition("/")[0]
        return _endpoint({kind: [value] if kind in ("types", "vpcEndpointIds") else value})
    if member in _PATCHABLE_API:
        return ""
    return patched(path, value, _API) or (
        ""
        if member in _API
        else f"Invalid patch path '{path}': API Gateway's UpdateRestApi has no such path."
    )


def _create_stage(asked: Mapping[str, Any]) -> str:
    return given(asked, _STAGE)


def _patch_stage(path: str, value: str) -> str:
    member = path.removeprefix("/").partition("/")[0]
    if member in _PATCHABLE_STAGE:
        return ""
    if member in _STAGE:
        return patched(path, value, _STAGE)
    return stage_settings.refusal(path, value)


def _integration(asked: Mapping[str, Any]) -> str:
    if asked.get("connectionType") == "VPC_LINK":
        return NO_VPC_LINKS
    return given(asked, _INTEGRATION)


def _put_integration(asked: Mapping[str, Any]) -> str:
    kind, mode = str(asked.get("type") or ""), asked.get("responseTransferMode")
    return _integration(asked) or transfer_modes.refusal(kind, mode, asked.get("timeoutInMillis"))


def integration_patch(operation: Mapping[str, Any]) -> str:
    """Return why an operation of UpdateIntegration is refused: a setting that would have no effect here."""
    member, _, rest = str(operation.get("path") or "").removeprefix("/").partition("/")
    value = operation.get("value")
    return _integration({member: {rest: value} if rest else value})


def _document(asked: Mapping[str, Any]) -> str:
    found = openapi_refusals.integrations(asked)
    return first((openapi_refusals.of_rest(asked), *(_put_integration(each) for each in found)))


def _api_key(asked: Mapping[str, Any]) -> str:
    return given(asked, {"stageKeys": "keys of stages without a usage plan (put the key into one)"})


# By moto's name of the operation; what is checked is the request's body.
CHECKS: dict[str, Check] = {
    "create_rest_api": _create_api,
    "update_rest_api": lambda asked: each_patch(asked, _patch_api),
    "put_rest_api": _document,
    "create_stage": _create_stage,
    "update_stage": lambda asked: each_patch(asked, _patch_stage),
    "create_deployment": _create_stage,
    "put_integration": _put_integration,
    "create_api_key": _api_key,
    "create_usage_plan": usage_plans.refusal,
    "create_vpc_link": always(NO_VPC_LINKS),
    "create_domain_name": always(NO_DOMAINS),
    "create_base_path_mapping": always(NO_DOMAINS),
    "update_account": always(
        "The sandbox writes no logs of API Gateway and keeps its account's throttle as it is: leave UpdateAccount out."
    ),
}
