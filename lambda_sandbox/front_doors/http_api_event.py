"""The two payload formats of an HTTP API's Lambda integration, and those of its authorizers.

Source: API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs" and "Control access to HTTP APIs
with AWS Lambda authorizers", read 2026-11.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from lambda_sandbox.front_doors import bodies, rest_event
from lambda_sandbox.front_doors.visit import Visit, grouped

# AWS: in format 1.0 these are spelled so whatever the client wrote.
_SPELLED = {
    name.lower(): name
    for name in (
        "Content-Length",
        "Host",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    )
}


def event_2_0(visit: Visit) -> dict[str, Any]:
    """Return the event in payload format 2.0. What a request does not have is left out."""
    body, encoded = bodies.by_content_type(visit.request)
    made = _part_2_0(visit)
    if body is not None:
        made["body"] = body
    return made | {"isBase64Encoded": encoded}


def event_1_0(visit: Visit) -> dict[str, Any]:
    """Return the event in payload format 1.0: a REST API's, with differences in the context."""
    body, encoded = bodies.by_content_type(visit.request)
    return {"version": "1.0", **_part_1_0(visit), "body": body, "isBase64Encoded": encoded}


def authorizer_event_2_0(visit: Visit, identity: list[str]) -> dict[str, Any]:
    """Return what a Lambda authorizer of format 2.0 receives; ``identity`` are the values of its identity sources."""
    part = _part_2_0(visit)
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": visit.method_arn,
        "identitySource": identity or None,
        **{name: value for name, value in part.items() if name != "version"},
    }


def authorizer_event_1_0(visit: Visit, identity: list[str]) -> dict[str, Any]:
    """Return what a Lambda authorizer of format 1.0 receives."""
    part = _part_1_0(visit)
    joined = ",".join(identity)
    return {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": visit.method_arn,
        "identitySource": joined,
        "authorizationToken": joined,
        **{name: {} if value is None else value for name, value in part.items()},
    }


def full_path(visit: Visit) -> str:
    """Return the path with its stage, decoded: HTTP APIs keep the stage in it, and ``$default`` has none."""
    prefix = "" if visit.stage == "$default" else f"/{visit.stage}"
    return prefix + unquote(visit.path)


def _part_2_0(visit: Visit) -> dict[str, Any]:
    request = visit.request
    cookies = [each.strip() for value in request.header_values("cookie") for each in value.split(";")]
    headers = {name.lower(): values for name, values in _merged(visit).items() if name.lower() != "cookie"}
    query = grouped(request.parameters())
    optional = {
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "pathParameters": dict(visit.path_parameters),
        "stageVariables": dict(visit.stage_variables),
    }
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": visit.route,
        "rawPath": full_path(visit),
        "rawQueryString": request.query,
    }
    if any(cookies):
        made["cookies"] = [each for each in cookies if each]
    made["headers"] = headers
    made |= {name: value for name, value in optional.items() if value}
    return made | {"requestContext": _context_2_0(visit)}


def _context_2_0(visit: Visit) -> dict[str, Any]:
    request = visit.request
    made: dict[str, Any] = {"accountId": visit.account_id, "apiId": visit.api_id}
    if visit.authorizer is not None:
        made["authorizer"] = visit.authorizer
    return made | {
        "domainName": request.host,
        "domainPrefix": request.host.partition(".")[0],
        "http": {
            "method": request.method,
            "path": full_path(visit),
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent"),
        },
        "requestId": visit.extended_request_id,
        "routeKey": visit.route,
        "stage": visit.stage,
        "time": visit.request_time,
        "timeEpoch": visit.epoch_ms,
    }


def _part_1_0(visit: Visit) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in rest_event.header_pairs(visit):
        headers.setdefault(_SPELLED.get(name.lower(), name), []).append(value)
    query = grouped(visit.request.parameters())
    route_path = visit.route.partition(" ")[2] or visit.route
    return {
        "resource": route_path,
        "path": full_path(visit),
        "httpMethod": visit.request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": _context_1_0(visit, route_path),
        "pathParameters": dict(visit.path_parameters) or None,
        "stageVariables": dict(visit.stage_variables) or None,
    }


def _context_1_0(visit: Visit, route_path: str) -> dict[str, Any]:
    made = rest_event.context(visit)
    del made["deploymentId"]
    return made | {
        "resourceId": None,
        "resourcePath": route_path,
        "path": full_path(visit),
        "requestId": visit.extended_request_id,
        "authorizer": _authorizer_1_0(visit),
    }


def _authorizer_1_0(visit: Visit) -> dict[str, Any]:
    given = visit.authorizer
    if given is None:
        return {"claims": None, "scopes": None}
    if "jwt" in given:
        return dict(given["jwt"])
    return dict(given.get("lambda") or {}) if "lambda" in given else dict(given)


def _merged(visit: Visit) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in rest_event.header_pairs(visit):
        key = name.lower()
        merged[key] = f"{merged[key]},{value}" if key in merged else value
    if visit.request.body:
        merged["content-length"] = str(len(visit.request.body))
    return merged
