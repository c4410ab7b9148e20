"""Which resource of a REST API, or which route of an HTTP API, a request is for.

Source: API Gateway Developer Guide, "Routing API requests" (HTTP APIs) and "Methods for REST APIs", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

DEFAULT = "$default"
ANY = "ANY"
_STATIC, _VARIABLE, _GREEDY = range(3)
_Specificity = tuple[int, ...]


def rest_resource(
    resources: Iterable[dict[str, Any]], path: str
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the resource that serves ``path`` (percent-encoded, without the stage) and its path parameters.

    A fixed segment goes before ``{name}``, that before ``{name+}``. AWS: a trailing slash is no part of the path.
    """
    wanted = path if path == "/" else path.rstrip("/") or "/"
    found = []
    for resource in resources:
        match = _match(resource["path"], wanted)
        if match is not None:
            found.append((match[0], resource, match[1]))
    if not found:
        return None
    _, best, parameters = min(found, key=lambda each: each[0])
    return best, parameters


def http_route(
    routes: Iterable[dict[str, Any]], method: str, path: str
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the route of an HTTP API for a request (``path`` percent-encoded, without the stage) and its parameters.

    The more specific path wins, then the method that is named over ``ANY``; ``$default`` takes what is left.
    """
    found: list[tuple[tuple[_Specificity, bool], dict[str, Any], dict[str, str]]] = []
    default = None
    for route in routes:
        key = route["routeKey"]
        if key == DEFAULT:
            default = route
            continue
        wanted, _, template = key.partition(" ")
        match = _match(template, path) if wanted.upper() in (method, ANY) else None
        if match is not None:
            found.append(((match[0], wanted.upper() == ANY), route, match[1]))
    if found:
        _, best, parameters = min(found, key=lambda each: each[0])
        return best, parameters
    return None if default is None else (default, {})


def _match(template: str, path: str) -> tuple[_Specificity, dict[str, str]] | None:
    """Return how specific the match is (smaller is more) and the parameters, decoded; ``None`` without a match."""
    wanted, given = template.split("/")[1:], path.split("/")[1:]
    specificity: list[int] = []
    parameters: dict[str, str] = {}
    for place, segment in enumerate(wanted):
        if segment.startswith("{") and segment.endswith("+}"):
            rest = "/".join(given[place:])
            if not rest:
                return None
            parameters[segment[1:-2]] = unquote(rest)
            return (*specificity, _GREEDY), parameters
        if place >= len(given):
            return None
        if segment.startswith("{") and segment.endswith("}"):
            if not given[place]:
                return None
            parameters[segment[1:-1]] = unquote(given[place])
            specificity.append(_VARIABLE)
        elif unquote(segment) == unquote(given[place]):
            specificity.append(_STATIC)
        else:
            return None
    return (tuple(specificity), parameters) if len(wanted) == len(given) else None
