"""Headers at the edge: their form in events, and which of them a function may not touch. No I/O.

Source: Amazon CloudFront Developer Guide, "Restrictions on all edge functions", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Headers = tuple[tuple[str, str], ...]
EdgeHeaders = dict[str, list[dict[str, str]]]

# Not shown to functions, and not theirs to add.
_DISALLOWED = frozenset(
    {
        "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer",
        "upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amzn-auth",
        "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count",
        "x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip",
    }
)  # fmt: skip
_DISALLOWED_PREFIXES = ("x-amz-cf-", "x-edge-")
_READ_ONLY: dict[str, frozenset[str]] = {
    "viewer-request": frozenset({"content-length", "host", "transfer-encoding", "via"}),
    "origin-request": frozenset(
        {
            "accept-encoding", "content-length", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
            "transfer-encoding", "via",
        }
    ),
    "origin-response": frozenset({"transfer-encoding", "via"}),
    "viewer-response": frozenset({"content-encoding", "content-length", "transfer-encoding", "warning", "via"}),
}  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


class BadResult(ValueError):
    """What a function returned fails CloudFront's validation: the viewer gets 502."""


def shown(headers: Iterable[tuple[str, str]]) -> EdgeHeaders:
    """Return headers as an event has them: by name in lower case, each value with the name as it was spelled."""
    made: EdgeHeaders = {}
    for name, value in headers:
        if not disallowed(name.lower()):
            made.setdefault(name.lower(), []).append({"key": name, "value": value})
    return made


def disallowed(name: str) -> bool:
    return name in _DISALLOWED or name.startswith(_DISALLOWED_PREFIXES)


def returned(headers: Any) -> Headers:
    """Return the headers of a function's result, in the order given. Raises ``BadResult``."""
    if headers is None:
        return ()
    if not isinstance(headers, dict):
        raise BadResult("headers is not an object")
    made: list[tuple[str, str]] = []
    for name, values in headers.items():
        if not _NAME.fullmatch(name):
            raise BadResult(f"the header name {name!r} is not in lower case, or is none")
        if disallowed(name):
            raise BadResult(f"functions may not add the header {name}")
        if not isinstance(values, list):
            raise BadResult(f"the header {name} is not a list of objects with key and value")
        made += [_pair(name, each) for each in values]
    return tuple(made)


def _pair(name: str, each: Any) -> tuple[str, str]:
    if not isinstance(each, dict) or not isinstance(each.get("value"), str):
        raise BadResult(f"the header {name} is not a list of objects with key and value")
    key = each.get("key") or name
    if not isinstance(key, str) or key.lower() != name:
        raise BadResult(f"the header {name} has the key {key!r}, which is another name")
    if any(char in each["value"] for char in "\r\n\0"):
        raise BadResult(f"the header {name} is not one line of text")
    return key, each["value"]


def check_read_only(event: str, before: Mapping[str, Any], after: Headers) -> None:
    """Raise ``BadResult`` when ``after`` differs from what the event showed in a header that is read-only there."""
    for name in _READ_ONLY[event]:
        had = [each["value"] for each in before.get(name, [])]
        has = [value for key, value in after if key.lower() == name]
        if had != has:
            raise BadResult(f"the header {name} is read-only in {event} events")
