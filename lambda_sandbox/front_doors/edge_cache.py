"""What a distribution keeps, and for how long. Pure: the time is an argument.

Source: Amazon CloudFront Developer Guide, "Manage how long content stays in the cache (expiration)" and "How CloudFront
processes HTTP 4xx and 5xx status codes from your origin", read 2026-11.

DIFFERS: a distribution has one cache, where CloudFront has one in each edge location: what one viewer has fetched is a hit for all.
"""

from __future__ import annotations

import fnmatch
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lambda_sandbox.front_doors.edge_event import EdgeRequest, EdgeResponse

ERROR_TTL_S = 10  # the default of ErrorCachingMinTTL
# POLICY: a distribution keeps 1,000 objects in its cache; the oldest go first.
ENTRIES_MAX = 1000
_ERRORS = frozenset({404, 405, 410, 414, 416, 500, 501, 502, 503, 504})
_DIRECTIVE = re.compile(r"([a-z-]+)(?:=\"?(\d+)\"?)?")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """One response with the moments of its arrival and its end, seconds of the sandbox's waiting clock."""

    response: EdgeResponse
    arrived_at: float
    ends_at: float


class EdgeCache:
    """By distribution and key; ``invalidate`` is told every invalidation there has been and obeys each once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Key], Kept] = OrderedDict()
        self._obeyed: set[str] = set()

    def find(self, distribution_id: str, key: Key, now: float) -> Kept | None:
        kept = self._kept.get((distribution_id, key))
        return kept if kept is not None and now < kept.ends_at else None

    def keep(self, distribution_id: str, key: Key, response: EdgeResponse, now: float, ttl_s: float) -> None:
        if ttl_s > 0:
            self._kept[(distribution_id, key)] = Kept(response, now, now + ttl_s)
            self._kept.move_to_end((distribution_id, key))
            if len(self._kept) > ENTRIES_MAX:
                self._kept.popitem(last=False)

    def invalidate(self, distribution_id: str, invalidations: Sequence[Mapping[str, Any]]) -> None:
        for each in invalidations:
            if each["id"] not in self._obeyed:
                self._obeyed.add(each["id"])
                self._drop(distribution_id, each["paths"])

    def _drop(self, distribution_id: str, paths: Sequence[str]) -> None:
        for name in list(self._kept):
            if name[0] == distribution_id and any(path_matches(path, name[1][1]) for path in paths):
                del self._kept[name]


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path pattern of a cache behaviour or an invalidation matches; case matters, the first slash may lack."""
    expression = fnmatch.translate(pattern.removeprefix("/").replace("[", "[[]"))
    return re.match(expression, path.removeprefix("/")) is not None


def key(behaviour: Mapping[str, Any], request: EdgeRequest) -> Key:
    """Return what tells cached responses apart: the path always, the rest as the behaviour says."""
    headers = [f"{name}={value}" for name, value in request.headers if name.lower() in behaviour["headers"]]
    return (
        behaviour["path_pattern"],
        request.uri,
        forwarded_query(behaviour, request.query, for_key=True),
        "&".join(sorted(headers, key=str.lower)),
        forwarded_cookies(behaviour, request),
    )


def forwarded_query(behaviour: Mapping[str, Any], query: str, *, for_key: bool = False) -> str:
    if not behaviour["query"]:
        return ""
    names = behaviour["query_names"]
    if not for_key or not names:
        return query
    return urlencode(
        [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name in names]
    )


def forwarded_cookies(behaviour: Mapping[str, Any], request: EdgeRequest) -> str:
    if behaviour["cookies"] == "none":
        return ""
    lines = [value for name, value in request.headers if name.lower() == "cookie"]
    cookies = [each.strip() for line in lines for each in line.split(";") if each.strip()]
    if behaviour["cookies"] == "whitelist":
        wanted = behaviour["cookie_names"]
        cookies = [
            each
            for each in cookies
            if any(fnmatch.fnmatchcase(each.partition("=")[0], name) for name in wanted)
        ]
    return "; ".join(cookies)


def may_keep(behaviour: Mapping[str, Any], request: EdgeRequest) -> bool:
    """Answers to other methods are never kept, nor any where all headers are forwarded."""
    return request.method in ("GET", "HEAD") and "*" not in behaviour["headers"]


def ttl_s(behaviour: Mapping[str, Any], response: EdgeResponse) -> float:
    """Return for how many seconds ``response`` may be served from the cache."""
    directives = _directives(response)
    minimum, maximum = float(behaviour["min_ttl"]), float(behaviour["max_ttl"])
    if response.status >= 400:
        return float(directives.get("max-age", ERROR_TTL_S)) if response.status in _ERRORS else 0.0
    if directives.keys() & {"no-cache", "no-store", "private"}:
        return minimum
    for name in ("s-maxage", "max-age"):
        if name in directives:
            return min(max(float(directives[name]), minimum), maximum)
    return float(behaviour["default_ttl"])


def _directives(response: EdgeResponse) -> dict[str, int]:
    lines = [value.lower() for name, value in response.headers if name.lower() == "cache-control"]
    found = [_DIRECTIVE.fullmatch(part.strip()) for line in lines for part in line.split(",")]
    return {each[1]: int(each[2] or 0) for each in found if each is not None}
