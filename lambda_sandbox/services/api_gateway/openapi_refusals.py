"""What an OpenAPI document says that its import would pass over: refused by its name, never ignored.

Imports through API Gateway's own API read paths, responses and integrations; a stack's ``Body`` is read by
``services/cloudformation/openapi``, which knows authorizers, keys, gateway responses and media types as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PREFIX = "x-amazon-apigateway-"
_INTEGRATION = f"{_PREFIX}integration"
_HARMLESS = frozenset({f"{_PREFIX}{name}" for name in ("documentation", "importexport-version", "tag-value")})
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What the import of HTTP APIs reads of an integration.
_HTTP_MEMBERS = frozenset({"connectionType", "httpMethod", "payloadFormatVersion", "type", "uri"})
# What a stack's document may say.
_OF_STACK = (
    "any-method",
    "authorizer",
    "authtype",
    "binary-media-types",
    "cors",
    "endpoint-configuration",
    "gateway-responses",
    "integration",
)


def of_rest(document: Mapping[str, Any]) -> str:
    """Return why a document cannot become a REST API by ImportRestApi or PutRestApi, empty when it can."""
    if not isinstance(document.get("paths"), Mapping):
        return "Invalid OpenAPI input: the document has no paths."  # UNCONFIRMED: wording
    return _refusal(document, frozenset({_INTEGRATION}))


def of_http(asked: Mapping[str, Any]) -> str:
    """Return why the document in a request cannot become an HTTP API, empty when it can."""
    import yaml

    document = yaml.safe_load(str(asked.get("body") or "{}"))
    if not isinstance(document, Mapping):
        return "Invalid OpenAPI input: the document is no object."  # UNCONFIRMED: wording
    why = _refusal(document, frozenset({_INTEGRATION, f"{_PREFIX}cors"}))
    members = (sorted(each.keys() - _HTTP_MEMBERS) for each in integrations(document))
    half = next((unread[0] for unread in members if unread), "")
    return why or (
        f"The sandbox's import does not read {half} of an integration: set it with UpdateIntegration."
        if half
        else ""
    )


def of_stack(document: Mapping[str, Any]) -> str:
    """Return why the ``Body`` of a stack's API cannot be carried out, empty when it can."""
    what = next(_unknown(document, frozenset(f"{_PREFIX}{name}" for name in _OF_STACK)), "")
    return f"The sandbox does not emulate {what}: leave it out of the document." if what else ""


def _refusal(document: Mapping[str, Any], known: frozenset[str]) -> str:
    what = next(iter((*_secured(document), *_unknown(document, known))), "")
    return f"The sandbox's import does not read {what}: set it with API Gateway's own calls." if what else ""


def _secured(document: Mapping[str, Any]) -> Iterator[str]:
    """An import without its authorizers would be open to all."""
    operations = [
        item[method]
        for item in (document.get("paths") or {}).values()
        for method in _METHODS
        if isinstance(item, Mapping) and isinstance(item.get(method), Mapping)
    ]
    if any(each.get("security") for each in (document, *operations)):
        yield "security"


def _unknown(value: Any, known: frozenset[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if str(name).startswith(_PREFIX) and name not in known | _HARMLESS:
                yield name
            yield from _unknown(each, known)
    elif isinstance(value, list):
        for each in value:
            yield from _unknown(each, known)


def integrations(value: Any) -> Iterator[Mapping[str, Any]]:
    """Return every integration that a document defines."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == _INTEGRATION and isinstance(each, Mapping):
                yield each
            yield from integrations(each)
