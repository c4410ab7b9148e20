"""Listener rules of an Application Load Balancer: which actions a request gets. No I/O.

Source: Elastic Load Balancing, "Condition types for listener rules" and "Listener rules", read 2026-11.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from lambda_sandbox.front_doors.http_request import HttpRequest

Rule = Mapping[
    str, Any
]  # {"priority": "1" or "default", "conditions": […], "actions": […]}, as DescribeRules has them


def choose(rules: Sequence[Rule], request: HttpRequest) -> Sequence[Mapping[str, Any]]:
    """Return the actions of the first rule, by priority, whose conditions all hold; the default rule comes last."""
    for rule in sorted(rules, key=_priority):
        if all(holds(condition, request) for condition in rule["conditions"]):
            actions: Sequence[Mapping[str, Any]] = rule["actions"]
            return actions
    return []


def _priority(rule: Rule) -> float:
    text = str(rule["priority"])
    return float("inf") if text == "default" else float(text)


def holds(condition: Mapping[str, Any], request: HttpRequest) -> bool:
    """Whether any value of ``condition`` matches."""
    field = condition["Field"]
    if field == "query-string":
        return _query_holds(condition["QueryStringConfig"]["Values"], request)
    if field == "http-header":
        config = condition["HttpHeaderConfig"]
        values = request.header_values(config["HttpHeaderName"])
        return any(_like(value, each, fold=True) for value in values for each in config["Values"])
    wanted = _values(condition)
    if field == "source-ip":
        address = ipaddress.ip_address(request.source_ip)
        return any(address in ipaddress.ip_network(each, strict=False) for each in wanted)
    if field == "http-request-method":
        return request.method in wanted  # case matters, and there are no wildcards
    subject, fold = (request.host, True) if field == "host-header" else (request.path, False)
    return any(_like(subject, each, fold=fold) for each in wanted)


_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}


def _values(condition: Mapping[str, Any]) -> Sequence[str]:
    """Values stand in the field's own configuration or, in the older form, beside ``Field``."""
    config = condition.get(_CONFIGS[condition["Field"]]) or {}
    values: Sequence[str] = config.get("Values") or condition.get("Values") or []
    return values


def _query_holds(wanted: Sequence[Mapping[str, str]], request: HttpRequest) -> bool:
    pairs = [part.partition("=")[::2] for part in request.query.split("&") if part]
    decoded = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return any(
        (not each.get("Key") or _like(name, each["Key"], fold=True))
        and _like(value, each["Value"], fold=True)
        for name, value in decoded
        for each in wanted
    )


def _like(text: str, pattern: str, *, fold: bool) -> bool:
    """``*`` is any text, ``?`` any one character; square brackets are themselves."""
    if fold:
        text, pattern = text.lower(), pattern.lower()
    expression = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.match(expression, text) is not None
