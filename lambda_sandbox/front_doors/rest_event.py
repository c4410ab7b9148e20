"""The event of a Lambda proxy integration of a REST API, and the one of its REQUEST authorizers.

Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration", read 2026-11.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.front_doors import bodies
from lambda_sandbox.front_doors.visit import Visit, grouped

# The caller's identity that no anonymous request has.
_NOBODY = (
    "cognitoIdentityPoolId",
    "accountId",
    "cognitoIdentityId",
    "caller",
    "principalOrgId",
    "accessKey",
    "cognitoAuthenticationType",
    "cognitoAuthenticationProvider",
    "userArn",
    "user",
)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "expect", "content-length"}
)


def event(visit: Visit, binary_media_types: list[str]) -> dict[str, Any]:
    """Return what the function receives. Absent maps are ``null``, as on AWS."""
    body, encoded = bodies.by_media_types(visit.request, binary_media_types)
    return {**request_part(visit), "body": body, "isBase64Encoded": encoded}


def authorizer_event(visit: Visit) -> dict[str, Any]:
    """Return what a REQUEST authorizer receives: the same without the body, and with empty maps for absent ones."""
    part = request_part(visit)
    maps = {name: {} if value is None else value for name, value in part.items()}
    return {"type": "REQUEST", "methodArn": visit.method_arn, **maps}


def request_part(visit: Visit) -> dict[str, Any]:
    headers = grouped(header_pairs(visit))
    query = grouped(visit.request.parameters())
    return {
        "resource": visit.route,
        "path": visit.path,
        "httpMethod": visit.request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query),
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(visit.path_parameters) or None,
        "stageVariables": dict(visit.stage_variables) or None,
        "requestContext": context(visit),
    }


def header_pairs(visit: Visit) -> list[tuple[str, str]]:
    """Return the headers as the function sees them: spelled as sent, and API Gateway's own behind.

    DIFFERS: in the event of a REST API there are no ``CloudFront-*`` headers, and ``X-Forwarded-Proto`` is ``http``.
    """
    request = visit.request
    sent = [(name, value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
    named = {name.lower(): place for place, (name, _) in enumerate(sent)}
    own = (
        ("Host", request.header("host")),
        ("X-Amzn-Trace-Id", visit.trace),
        ("X-Forwarded-For", ", ".join([*request.header_values("x-forwarded-for"), request.source_ip])),
        ("X-Forwarded-Port", str(request.port)),
        ("X-Forwarded-Proto", "http"),
    )
    for name, value in own:
        if name.lower() in named:
            sent[named[name.lower()]] = (name, value)
        else:
            sent.append((name, value))
    return sent


def context(visit: Visit) -> dict[str, Any]:
    """Return ``requestContext``."""
    request = visit.request
    identity: dict[str, Any] = dict.fromkeys(_NOBODY)
    identity |= {"sourceIp": request.source_ip, "userAgent": request.header("user-agent") or None}
    made: dict[str, Any] = {
        "resourceId": visit.resource_id,
        "resourcePath": visit.route,
        "httpMethod": request.method,
        "extendedRequestId": visit.extended_request_id,
        "requestTime": visit.request_time,
        "path": f"/{visit.stage}{visit.path}",
        "accountId": visit.account_id,
        "protocol": "HTTP/1.1",
        "stage": visit.stage,
        "domainPrefix": request.host.partition(".")[0],
        "requestTimeEpoch": visit.epoch_ms,
        "requestId": visit.request_id,
        "identity": identity | visit.identity,
        "domainName": request.host,
        "deploymentId": visit.deployment_id,
        "apiId": visit.api_id,
    }
    if visit.authorizer is not None:
        made["authorizer"] = visit.authorizer
    return made


def _last(values: dict[str, list[str]]) -> dict[str, str] | None:
    return {name: each[-1] for name, each in values.items()} or None
