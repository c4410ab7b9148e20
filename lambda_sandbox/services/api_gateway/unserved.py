"""Operations of API Gateway that neither moto nor the sandbox has: each answers with its name and what to do instead.

Which operation a request asks for is read from botocore's service models, so an operation that they gain later is named, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.loaders import Loader

from lambda_sandbox.services.api_gateway.refusals import leave_out
from lambda_sandbox.services.api_gateway.rest_refusals import NO_DOMAINS, NO_VPC_LINKS

_DOCUMENTATION = "documentation of APIs"
_CERTIFICATES = "client certificates"
_PORTALS = "developer portals of APIs"
_SDKS = "client libraries made from an API (call it by HTTP)"
_AUTHORIZERS_CACHE = (
    "emptying an authorizer's cache (let its results expire, or set authorizerResultTtlInSeconds to 0)"
)
_TEST_CALLS = "test calls without a deployment (deploy the API and call its address)"
# What an operation would do, where its name is not the whole of it. Patterns are of operations' names.
_WHAT: tuple[tuple[str, str], ...] = (
    (r"\w+ClientCertificates?", _CERTIFICATES),
    (r"\w+Documentation(Part|Version)s?", _DOCUMENTATION),
    (r"\w*Portal\w*|\w*ProductPages?|\w*ProductRestEndpointPages?", _PORTALS),
    (r"GetSdk\w*", _SDKS),
    (r"FlushStageAuthorizersCache|ResetAuthorizersCache", _AUTHORIZERS_CACHE),
    (r"FlushStageCache", "caches of stages"),
    (r"TestInvoke\w+", _TEST_CALLS),
    (r"GetModels", "models of messages"),
    (r"GetModelTemplate", "templates made from models"),
    (r"ImportApi", "making an API from a document in one step (CreateApi, then ReimportApi)"),
    (r"ImportApiKeys", "imports of API keys (make each with CreateApiKey)"),
    (r"ExportApi", "documents made from an API"),
    (r"DeleteAccessLogSettings", "access logs of API Gateway"),
    (r"DeleteRouteSettings", "removing one route's settings (give those that stay with UpdateStage)"),
    (r"UpdateUsage", "a higher quota for one key (raise the plan's with UpdateUsagePlan)"),
    (r"UpdateRouteResponse", "changes of a route response (delete it and create another)"),
)
_SENTENCES = (
    (r"\w*(DomainName|ApiMapping|BasePathMapping|RoutingRule)\w*", NO_DOMAINS),
    (r"\w+VpcLinks?", NO_VPC_LINKS),
)


class Operation(NamedTuple):
    name: str
    method: str
    path: re.Pattern[str]
    fixed: int  # how many segments are fixed text, which tells the more exact of two that fit


def operation(method: str, path: str) -> str:
    """Return the operation of API Gateway that a request asks for, empty when it is none."""
    fitting = [each for each in _operations() if each.method == method and each.path.fullmatch(path)]
    return max(fitting, key=lambda each: each.fixed).name if fitting else ""


def sentence(name: str) -> str:
    """Return why an operation that moto does not have is refused."""
    for pattern, whole in _SENTENCES:
        if re.fullmatch(pattern, name):
            return whole
    for pattern, what in _WHAT:
        if re.fullmatch(pattern, name):
            return leave_out(what, name)
    return leave_out(f"API Gateway's operation {name}", "it")


def is_known(name: str, path: str) -> bool:
    """Whether moto has an operation, so that a path without an answer is about the identifiers in it."""
    from moto.apigateway.responses import APIGatewayResponse
    from moto.apigatewayv2.responses import ApiGatewayV2Response

    response_class = ApiGatewayV2Response if path.startswith("/v2/") else APIGatewayResponse
    return hasattr(response_class, xform_name(name))


@cache
def _operations() -> tuple[Operation, ...]:
    return tuple(_read("apigateway")) + tuple(_read("apigatewayv2"))


def _read(service: str) -> Iterator[Operation]:
    model: dict[str, Any] = Loader().load_service_model(service, "service-2")
    for name, body in model["operations"].items():
        segments = body["http"]["requestUri"].partition("?")[0].strip("/").split("/")
        # A parameter may hold escaped slashes, as ARNs and route keys do, which WSGI has unescaped.
        parts = [".+" if each.startswith("{") else re.escape(each) for each in segments]
        pattern = re.compile("/" + "/".join(parts) + "/?")
        fixed = sum(not each.startswith("{") for each in segments)
        yield Operation(name, body["http"]["method"], pattern, fixed)
