"""Lambda authorizers: what identifies a caller, what an authorizer's answer means, and how long it holds.

Source: API Gateway Developer Guide, "Use API Gateway Lambda authorizers" (REST) and "Control access to HTTP APIs with AWS
Lambda authorizers", read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lambda_sandbox import wildcards
from lambda_sandbox.front_doors.visit import Visit

_TTL_DEFAULT_S = 300
_SOURCE = re.compile(
    r"(?:\$?(?:method\.)?request|route\.request)\.(header|querystring|multivalueheader|multivaluequerystring)\.(.+)"
)
_SCALARS = (str, int, float, bool)


class AuthorizerFault(ValueError):
    """The authorizer's answer cannot be used: the caller gets 500."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A policy (or a yes or no) with its context, which may be kept and asked again for another method."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    principal_id: str = ""
    usage_key: str = ""

    def decision(self, method_arn: str) -> str:
        """Return ``allow``, ``deny`` (said so) or ``none`` (said nothing)."""
        if any(_pattern(each).fullmatch(method_arn) for each in self.deny):
            return "deny"
        return "allow" if any(_pattern(each).fullmatch(method_arn) for each in self.allow) else "none"

    def rest_context(self) -> dict[str, Any]:
        """Return ``requestContext.authorizer`` of a REST API: every value is text there."""
        texts = {name: _text(value) for name, value in self.context.items()}
        return {**texts, "principalId": self.principal_id}


def identity(visit: Visit, sources: list[str]) -> list[str] | None:
    """Return the values of an authorizer's identity sources, ``None`` when one of them is missing or empty."""
    values = []
    for source in sources:
        value = _value(visit, source.strip())
        if not value:
            return None
        values.append(value)
    return values


def ttl_s(authorizer: Mapping[str, Any], default_s: int = _TTL_DEFAULT_S) -> int:
    """Return how long a verdict may be kept; 0 is not at all."""
    given = authorizer.get("authorizerResultTtlInSeconds")
    return default_s if given is None else int(given)


def of_policy(payload: bytes) -> Verdict:
    """Read an answer with a principal and an IAM policy. Raises ``AuthorizerFault``."""
    value = _object(payload)
    principal = value.get("principalId")
    if not isinstance(principal, str | int) or isinstance(principal, bool):
        raise AuthorizerFault("the authorizer's answer has no principalId")
    context = _context(value.get("context"))
    allow, deny = _statements(value.get("policyDocument"))
    usage_key = str(value.get("usageIdentifierKey") or "")
    return Verdict(allow, deny, context, str(principal), usage_key)


def of_simple(payload: bytes) -> Verdict:
    """Read an answer of the form ``{"isAuthorized": …}``. Raises ``AuthorizerFault``."""
    value = _object(payload)
    if not isinstance(value.get("isAuthorized"), bool):
        raise AuthorizerFault("the authorizer's answer has no isAuthorized that is true or false")
    context = value.get("context") or {}
    if not isinstance(context, dict):
        raise AuthorizerFault("the authorizer's context is not an object")
    return Verdict(("*",), (), context) if value["isAuthorized"] else Verdict((), ("*",), context)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError:
        raise AuthorizerFault("the authorizer's answer is not JSON") from None
    if not isinstance(value, dict):
        raise AuthorizerFault("the authorizer's answer is not an object")
    return value


def _context(given: Any) -> dict[str, Any]:
    """AWS: values of a REST API's context are text, numbers and booleans; no lists and no objects."""
    context = given or {}
    if not isinstance(context, dict):
        raise AuthorizerFault("the authorizer's context is not an object")
    for name, value in context.items():
        if value is not None and not isinstance(value, _SCALARS):
            raise AuthorizerFault(
                f"the authorizer's context has {name!r}, whose value is a list or an object"
            )
    return context


def _statements(document: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the resources that ``execute-api:Invoke`` is allowed and denied for."""
    if not isinstance(document, dict) or "Statement" not in document:
        raise AuthorizerFault("the authorizer's answer has no policyDocument with a Statement")
    allow: list[str] = []
    deny: list[str] = []
    for statement in _listed(document["Statement"]):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise AuthorizerFault("a statement of the authorizer's policy has no Effect of Allow or Deny")
        if any(
            _pattern(str(each).lower()).fullmatch("execute-api:invoke")
            for each in _listed(statement.get("Action"))
        ):
            target = allow if statement["Effect"] == "Allow" else deny
            target += [str(each) for each in _listed(statement.get("Resource"))]
    return tuple(allow), tuple(deny)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@lru_cache(1_000)
def _pattern(wanted: str) -> re.Pattern[str]:
    kinds = {"*": None, "?": "."}
    pieces = (kinds[each] if each in kinds else re.escape(each) for each in wanted)
    return re.compile(wildcards.expression(pieces), re.DOTALL)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)


def _value(visit: Visit, source: str) -> str:
    found = _SOURCE.fullmatch(source)
    if found is not None:
        if found[1].endswith("header"):
            return ",".join(visit.request.header_values(found[2]))
        return ",".join(value for name, value in visit.request.parameters() if name == found[2])
    kind, _, name = source.lstrip("$").partition(".")
    if kind == "stageVariables":
        return visit.stage_variables.get(name, "")
    if kind == "context":
        named = {"httpMethod": visit.request.method, "path": visit.path, "stage": visit.stage}
        named |= {
            "routeKey": visit.route,
            "resourcePath": visit.route,
            "identity.sourceIp": visit.request.source_ip,
        }
        return named.get(name, "")
    return ""
