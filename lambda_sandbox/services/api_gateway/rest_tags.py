"""Tags of REST APIs, their stages, usage plans and API keys; moto knows those of stages only.

Source: API Gateway Developer Guide, "API Gateway resources that can be tagged", and API Reference, "TagResource", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_PATH = "/tags/"
_ARN = re.compile(r"arn:[^:]+:apigateway:([^:]*):[^:]*:(/.+)")
_KINDS: tuple[tuple[re.Pattern[str], Callable[..., Any]], ...] = (
    (re.compile(r"/restapis/([^/]+)/stages/([^/]+)"), lambda backend, *named: backend.get_stage(*named)),
    (re.compile(r"/restapis/([^/]+)"), lambda backend, api_id: backend.get_rest_api(api_id)),
    (re.compile(r"/usageplans/([^/]+)"), lambda backend, plan_id: backend.get_usage_plan(plan_id)),
    (re.compile(r"/apikeys/([^/]+)"), lambda backend, key_id: backend.get_api_key(key_id)),
)

Answer = tuple[int, dict[str, Any]]


def answer(
    method: str, path: str, account_id: str, given: Mapping[str, str], gone: Sequence[str]
) -> Answer | None:
    """Answer GetTags, TagResource (the tags ``given``) and UntagResource (the keys ``gone``); ``None`` for other paths."""
    if not path.startswith(_PATH) or method not in ("GET", "PUT", "DELETE"):
        return None
    arn = path.removeprefix(_PATH)
    named = _ARN.fullmatch(arn)
    from moto.apigateway.exceptions import ApiGatewayException

    try:
        resource = None if named is None else _find(account_id, named[1], named[2])
    except ApiGatewayException as missing:
        return missing.code, {"message": missing.message, "code": missing.error_type}
    if resource is None:
        sentence = f"The sandbox has tags of REST APIs, their stages, usage plans and API keys, not of {arn}."
        return 400, {"message": sentence, "code": "BadRequestException"}
    tags = dict(resource.tags or {})
    if method == "GET":
        return 200, {"tags": tags}
    resource.tags = {name: value for name, value in {**tags, **given}.items() if name not in gone}
    return 204, {}


def _find(account_id: str, region: str, path: str) -> Any:
    from moto.apigateway.models import apigateway_backends

    for pattern, find in _KINDS:
        match = pattern.fullmatch(path)
        if match is not None:
            return find(apigateway_backends[account_id][region], *match.groups())
    return None
