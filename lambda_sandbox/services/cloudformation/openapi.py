"""What an OpenAPI (or Swagger) document says to API Gateway: routes, integrations and authorizers. Pure.

Source: API Gateway Developer Guide, "OpenAPI extensions for API Gateway", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_TYPES = {"aws_proxy": "AWS_PROXY", "aws": "AWS", "http": "HTTP", "http_proxy": "HTTP_PROXY", "mock": "MOCK"}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """``method`` is in capitals, ``ANY`` for any. ``security`` names a scheme, empty for none."""

    path: str
    method: str
    integration: Mapping[str, Any]
    security: str
    scopes: tuple[str, ...] = ()
    needs_key: bool = False
    parameters: Mapping[str, bool] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)


def operations(document: Document) -> Iterator[Operation]:
    """Return every method of every path."""
    schemes = _schemes(document)
    default = document.get("security")
    for path, item in (document.get("paths") or {}).items():
        for name, body in item.items():
            method = "ANY" if name == _ANY else name.upper() if name in _METHODS else ""
            if method:
                yield _operation(path, method, body or {}, schemes, default)


def authorizers(document: Document) -> dict[str, Mapping[str, Any]]:
    """Return the schemes that are authorizers, by name, with what the extension says of each."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, scheme in _schemes(document).items():
        if _AUTHORIZER in scheme:
            found[name] = {**scheme[_AUTHORIZER], "header": scheme.get("name", "")}
    return found


def endpoint(document: Document) -> Mapping[str, Any]:
    """Return what a document says of its API's own address, and of private ones."""
    found: Mapping[str, Any] = document.get("x-amazon-apigateway-endpoint-configuration") or {}
    return found


def integration_type(integration: Mapping[str, Any]) -> str:
    return _TYPES.get(str(integration.get("type", "")).lower(), str(integration.get("type", "")).upper())


def _schemes(document: Document) -> Mapping[str, Any]:
    schemes: Mapping[str, Any] = (
        document.get("securityDefinitions") or (document.get("components") or {}).get("securitySchemes") or {}
    )
    return schemes


def _operation(
    path: str, method: str, body: Mapping[str, Any], schemes: Mapping[str, Any], default: Any
) -> Operation:
    wanted = body.get("security", default) or []
    needs_key, chosen, scopes = False, "", ()
    for requirement in wanted:
        for name, asked in requirement.items():
            scheme = schemes.get(name, {})
            if scheme.get("type") == "apiKey" and scheme.get("name", "").lower() == "x-api-key":
                needs_key = True
            else:
                chosen, scopes = name, tuple(asked or ())
    return Operation(
        path,
        method,
        body.get(_INTEGRATION) or {},
        chosen,
        scopes,
        needs_key,
        _parameters(body),
        body.get("responses") or {},
    )


def _parameters(body: Mapping[str, Any]) -> dict[str, bool]:
    places = {"query": "querystring", "header": "header", "path": "path"}
    return {
        f"method.request.{places[each['in']]}.{each['name']}": bool(each.get("required"))
        for each in body.get("parameters") or []
        if isinstance(each, Mapping) and each.get("in") in places
    }
