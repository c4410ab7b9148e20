"""Settings of HTTP and WebSocket APIs that would have no effect here, each refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.api_gateway import openapi_refusals
from lambda_sandbox.services.api_gateway.refusals import Check, always, first, given, leave_out
from lambda_sandbox.services.api_gateway.rest_refusals import NO_DOMAINS, NO_VPC_LINKS

_API = {"disableSchemaValidation": "schemas of messages"}
_QUICK = dict.fromkeys(
    ("target", "routeKey", "credentialsArn"),
    "changes of a quick-created API (change its route or its integration)",
)
_STAGE = {
    "accessLogSettings": "access logs of API Gateway (history and the function's log show what happened)",
    "clientCertificateId": "client certificates",
}
_ROUTE_SETTINGS = {
    "dataTraceEnabled": "logs of API Gateway",
    "detailedMetricsEnabled": "metrics of API Gateway's routes",
    "loggingLevel": "logs of API Gateway",
}
_ROUTE = {
    "apiKeyRequired": "API keys of WebSocket APIs",
    "modelSelectionExpression": "models of messages",
    "requestModels": "models of messages",
    "requestParameters": "request parameters of routes",
}
_INTEGRATION = {
    "requestTemplates": "templates of WebSocket integrations (a function gets the whole event, a MOCK answers with 200)",
    "templateSelectionExpression": "templates of WebSocket integrations",
    "contentHandlingStrategy": "conversion of WebSocket messages (functions get and send text)",
}
_ROUTE_RESPONSE = {
    "modelSelectionExpression": "models of messages",
    "responseModels": "models of messages",
    "responseParameters": "response parameters of routes",
}
_NO_INTEGRATION_RESPONSES = "The sandbox does not emulate integration responses of WebSocket APIs: a route response sends the function's body as it is."


def _create_api(asked: Mapping[str, Any]) -> str:
    if asked.get("ipAddressType") == "dualstack":
        return "The sandbox listens on IPv4 only: leave the ipAddressType dualstack out."
    return given(asked, _API)


def _update_api(asked: Mapping[str, Any]) -> str:
    return first((_create_api(asked), given(asked, _QUICK)))


def stage(asked: Mapping[str, Any]) -> str:
    """Return why a stage cannot be made or changed so, empty when it can."""
    settings = (asked.get("defaultRouteSettings") or {}, *(asked.get("routeSettings") or {}).values())
    return first((given(asked, _STAGE), *(given(each, _ROUTE_SETTINGS) for each in settings)))


def _integration(asked: Mapping[str, Any]) -> str:
    linked = asked.get("connectionType") == "VPC_LINK" or asked.get("connectionId")
    return NO_VPC_LINKS if linked else given(asked, _INTEGRATION)


# By moto's name of the operation; what is checked is the request's body. UpdateStage is ours (application.py).
CHECKS: dict[str, Check] = {
    "create_api": _create_api,
    "update_api": _update_api,
    "reimport_api": openapi_refusals.of_http,
    "create_stage": stage,
    "create_route": lambda asked: given(asked, _ROUTE),
    "update_route": lambda asked: given(asked, _ROUTE),
    "create_integration": _integration,
    "update_integration": _integration,
    "create_integration_response": always(_NO_INTEGRATION_RESPONSES),
    "create_route_response": lambda asked: given(asked, _ROUTE_RESPONSE),
    "create_model": always(leave_out("models of messages", "the model")),
    "create_vpc_link": always(NO_VPC_LINKS),
    "create_domain_name": always(NO_DOMAINS),
    "create_api_mapping": always(NO_DOMAINS),
}
