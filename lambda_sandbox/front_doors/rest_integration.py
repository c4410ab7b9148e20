"""Custom (AWS) and MOCK integrations of REST APIs: templates to the backend and back.

Source: API Gateway Developer Guide, "Integration passthrough behaviors", "Set up data mapping" and "Mock integrations",
read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.front_doors import bodies, rest_event
from lambda_sandbox.front_doors.gateway_responses import GatewayError
from lambda_sandbox.front_doors.http_request import HttpResponse
from lambda_sandbox.front_doors.mapping_template import rendered
from lambda_sandbox.front_doors.template_objects import json_path
from lambda_sandbox.front_doors.template_syntax import TemplateFault
from lambda_sandbox.front_doors.visit import Visit

_JSON = "application/json"
_FIXED = re.compile(r"'([^']*)'")


def request_body(visit: Visit, integration: Mapping[str, Any], binary_media_types: list[str]) -> str:
    """Return what is sent to the backend. Raises ``GatewayError`` (415, or a template that fails)."""
    body, _ = bodies.by_media_types(visit.request, binary_media_types)
    templates: Mapping[str, str] = integration.get("requestTemplates") or {}
    media_type = visit.request.header("content-type", _JSON).partition(";")[0].strip().lower() or _JSON
    template = next((text for name, text in templates.items() if name.lower() == media_type), None)
    if template is None:
        behaviour = integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
        if behaviour == "NEVER" or (behaviour == "WHEN_NO_TEMPLATES" and templates):
            raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
        return body or ""
    if not template:
        return body or ""
    return _render(template, body or "", visit)[0]


def request_headers(visit: Visit, integration: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that ``requestParameters`` set for the backend, in lower case."""
    made = {}
    for name, source in (integration.get("requestParameters") or {}).items():
        if name.startswith("integration.request.header."):
            value = _parameter(visit, source)
            if value is not None:
                made[name.removeprefix("integration.request.header.").lower()] = value
    return made


def mock_status(request: str) -> int:
    """Return the status that a MOCK integration's request template asks for. Raises ``GatewayError``."""
    try:
        return int(json.loads(request)["statusCode"])
    except (ValueError, TypeError, KeyError):
        raise GatewayError(
            "API_CONFIGURATION_ERROR",
            "the request template of the MOCK integration makes no JSON object with a statusCode",
        ) from None


def response(visit: Visit, integration: Mapping[str, Any], selector: str, body: str) -> HttpResponse:
    """Return the method's response. ``selector`` is what the selection patterns are matched against.

    For Lambda it is the error's message, empty without an error; for MOCK the status. Raises ``GatewayError``.
    """
    chosen = _chosen(integration, selector)
    templates: Mapping[str, str] = chosen.get("responseTemplates") or {}
    accepted = bodies.first_accepted(visit.request.header("accept"))
    media_type = (
        accepted if accepted in templates else _JSON if _JSON in templates else next(iter(templates), _JSON)
    )
    status, text, overrides = int(chosen["statusCode"]), body, dict[str, Any]()
    if templates.get(media_type):
        text, context = _render(templates[media_type], body, visit)
        overrides = context["responseOverride"]
    headers = [("Content-Type", media_type), *_headers(chosen, body)]
    replaced = {name.lower(): str(value) for name, value in (overrides.get("header") or {}).items()}
    headers = [pair for pair in headers if pair[0].lower() not in replaced] + list(replaced.items())
    data = text.encode("utf-8", "surrogatepass")
    if chosen.get("contentHandling") == "CONVERT_TO_BINARY":
        data = _converted(text)
    return HttpResponse(int(overrides.get("status") or status), tuple(headers), data)


def _chosen(integration: Mapping[str, Any], selector: str) -> Mapping[str, Any]:
    """AWS: the first pattern that covers the whole text; without one, the response that has no pattern."""
    defined: Mapping[str, Mapping[str, Any]] = integration.get("integrationResponses") or {}
    default = None
    for each in defined.values():
        pattern = each.get("selectionPattern")
        if not pattern:
            default = default or each
        elif selector and re.fullmatch(pattern, selector, re.DOTALL):
            return each
    if default is None:
        raise GatewayError(
            "API_CONFIGURATION_ERROR",
            f"no integration response covers {selector!r}, and none is the default",
        )
    return default


def _headers(chosen: Mapping[str, Any], body: str) -> list[tuple[str, str]]:
    made = []
    for name, source in (chosen.get("responseParameters") or {}).items():
        if not name.startswith("method.response.header."):
            continue
        value = _from_response(str(source), body)
        if value is not None:
            made.append((name.removeprefix("method.response.header."), value))
    return made


def _from_response(source: str, body: str) -> str | None:
    fixed = _FIXED.fullmatch(source)
    if fixed is not None:
        return fixed[1]
    if source.startswith("integration.response.body"):
        try:
            path = "$" + source.removeprefix("integration.response.body")
            found = json_path(json.loads(body), path)
        except (ValueError, TemplateFault):
            return None
        return found if isinstance(found, str) else json.dumps(found)
    return None


def _parameter(visit: Visit, source: str) -> str | None:
    """Return the value that a mapping expression of ``requestParameters`` names."""
    fixed = _FIXED.fullmatch(source)
    if fixed is not None:
        return fixed[1]
    kind, _, name = source.removeprefix("method.request.").partition(".")
    if kind == "header":
        return visit.request.header(name) or None
    if kind == "path":
        return visit.path_parameters.get(name)
    if kind == "querystring":
        return dict(visit.request.parameters()).get(name)
    if source.startswith("stageVariables."):
        return visit.stage_variables.get(source.removeprefix("stageVariables."))
    if source.startswith("context."):
        found = json_path(rest_event.context(visit), "$" + source.removeprefix("context"))
        return None if found is None else str(found)
    return None


def _render(template: str, body: str, visit: Visit) -> tuple[str, dict[str, Any]]:
    parameters = {
        "path": dict(visit.path_parameters),
        "querystring": dict(visit.request.parameters()),
        "header": dict(visit.request.headers),
    }
    try:
        return rendered(template, body, parameters, rest_event.context(visit), visit.stage_variables)
    except TemplateFault as fault:
        raise GatewayError("API_CONFIGURATION_ERROR", f"a mapping template failed: {fault}") from None


def _converted(text: str) -> bytes:
    try:
        return bodies.decoded(text.strip('"'))
    except bodies.NotBase64:
        raise GatewayError(
            "API_CONFIGURATION_ERROR", "contentHandling is CONVERT_TO_BINARY, and the body is not base64"
        ) from None
