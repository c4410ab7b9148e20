"""A REST API's own answers, by type: what a caller gets where no integration answered.

Source: API Gateway Developer Guide, "Gateway response types", read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.front_doors.http_request import HttpResponse


class GatewayError(Exception):
    """``kind`` is a gateway response type; ``sentence`` is for the sandbox's history, not for the caller.

    ``message`` takes the place of the type's own where it is set.
    """

    def __init__(self, kind: str, sentence: str = "", message: str | None = None) -> None:
        super().__init__(sentence or kind)
        self.kind = kind
        self.sentence = sentence
        self.message = message


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    message: str | None
    error_type: str
    member: str = "message"


_INTERNAL = "Internal server error"
_KINDS = {
    "ACCESS_DENIED": _Kind(
        403,
        "User is not authorized to access this resource with an explicit deny",
        "AccessDeniedException",
        "Message",
    ),
    "API_CONFIGURATION_ERROR": _Kind(500, _INTERNAL, "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": _Kind(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": _Kind(500, None, "AuthorizerConfigurationException"),
    "BAD_REQUEST_BODY": _Kind(400, "Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": _Kind(400, "Missing required request parameters", "BadRequestException"),
    "DEFAULT_5XX": _Kind(502, _INTERNAL, "InternalServerErrorException"),
    "INTEGRATION_FAILURE": _Kind(
        504, "Network error communicating with endpoint", "InternalServerErrorException"
    ),
    "INTEGRATION_TIMEOUT": _Kind(504, "Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": _Kind(403, "Forbidden", "ForbiddenException"),
    "MISSING_AUTHENTICATION_TOKEN": _Kind(
        403, "Missing Authentication Token", "MissingAuthenticationTokenException"
    ),
    "QUOTA_EXCEEDED": _Kind(429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": _Kind(413, "Request Too Long", "RequestTooLargeException"),
    "THROTTLED": _Kind(429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": _Kind(401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": _Kind(415, "Unsupported Media Type", "BadRequestException"),
    "FORBIDDEN": _Kind(403, "Forbidden", "ForbiddenException"),  # no such stage: no type can be set for it
}
_REFERENCE = re.compile(r"\$context\.([A-Za-z.]+)")


def response(
    error: GatewayError, defined: Mapping[str, Any] | None = None, context: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the answer for ``error``. ``defined`` are the API's own gateway responses; ``context`` fills their templates."""
    kind = _KINDS[error.kind]
    message = kind.message if error.message is None else error.message
    own = _own(error.kind, kind.status, defined or {})
    values = {"error.message": message or "", "error.responseType": error.kind, **(context or {})}
    values["error.messageString"] = json.dumps(message)
    status = int(own.get("statusCode") or kind.status)
    headers = [("x-amzn-ErrorType", kind.error_type)]
    headers += _headers(own.get("responseParameters") or {})
    template = (own.get("responseTemplates") or {}).get("application/json")
    body = (
        json.dumps({kind.member: message}, separators=(",", ":"))
        if template is None
        else _filled(template, values)
    )
    return HttpResponse(status, (("Content-Type", "application/json"), *headers), body.encode())


def _own(kind: str, status: int, defined: Mapping[str, Any]) -> Mapping[str, Any]:
    group = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
    found: Mapping[str, Any] = defined.get(kind) or {}
    if found:
        return found
    default: Mapping[str, Any] = defined.get(group) or {}
    return default


def _headers(parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    """Only fixed values, in quotes: they are what CORS for errors needs."""
    found = []
    for name, value in parameters.items():
        place, _, header = name.rpartition("gatewayresponse.header.")
        if header and not place and value.startswith("'") and value.endswith("'"):
            found.append((header, value[1:-1]))
    return found


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: values.get(found[1], ""), template)
