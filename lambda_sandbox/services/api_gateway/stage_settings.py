"""The method settings of a REST API's stage: throttling is kept, what API Gateway logs, measures and caches is refused.

A patch names a setting by ``/{resource path with ~1 for /}/{METHOD}/throttling/rateLimit``, or ``/*/*/…`` for all methods.
"""

from __future__ import annotations

import math
from typing import Any

from lambda_sandbox.services.api_gateway.refusals import is_on, leave_out

_THROTTLING: dict[str, type[int] | type[float]] = {
    "throttling/rateLimit": float,
    "throttling/burstLimit": int,
}
_UNSERVED = {
    "metrics/enabled": "metrics of API Gateway's methods",
    "logging/loglevel": "logs of API Gateway (history and the function's log show what happened)",
    "logging/dataTrace": "logs of API Gateway (history and the function's log show what happened)",
    "caching/enabled": "caches of stages",
    "caching/ttlInSeconds": "caches of stages",
    "caching/dataEncrypted": "caches of stages",
    "caching/requireAuthorizationForCacheControl": "caches of stages",
    "caching/unauthorizedCacheControlHeaderStrategy": "caches of stages",
}
# The account's, for what a setting leaves open. Source: "Amazon API Gateway quotas and important notes", read 2026-11
_ACCOUNT = {"throttlingRateLimit": 10_000.0, "throttlingBurstLimit": 5_000}


def refusal(path: str, value: str) -> str:
    """Return why a patch of a method setting is refused, empty when it is kept."""
    _, setting = _parsed(path)
    if setting in _THROTTLING:
        try:
            number(_THROTTLING[setting], value)
        except ValueError:
            return f"Invalid value {value!r} at {path}: it must be a number."
        return ""
    if setting in _UNSERVED:
        return leave_out(_UNSERVED[setting], path) if is_on(value) else ""
    return f"Invalid method setting path: {path}."


def number(kind: type[int] | type[float], text: str) -> int | float:
    """Return the number that a patch gives as text. Raises ``ValueError`` for what is none, infinity included."""
    found = kind(text)
    if not math.isfinite(found):
        raise ValueError(f"{text} is no number of requests")
    return found


def install(stage_class: Any) -> None:
    """Change moto's ``Stage``: its patches of method settings take every path, and can be removed again."""
    apply, defaults = stage_class.apply_operations, stage_class._get_default_method_settings

    def patch(self: Any, operations: list[dict[str, Any]]) -> Any:
        for operation in operations:
            key, setting = _parsed(operation["path"])
            if setting in _THROTTLING or setting in _UNSERVED:
                if operation["op"] != "remove":
                    self._patch_method_setting(key, setting, str(operation.get("value") or ""))
            elif operation["op"] == "remove" and operation["path"].removeprefix("/") in self.method_settings:
                del self.method_settings[operation["path"].removeprefix("/")]
            else:
                apply(self, [operation])
        return self

    def default(self: Any) -> dict[str, Any]:
        return {**defaults(self), **_ACCOUNT}

    stage_class.apply_operations = patch
    stage_class._get_default_method_settings = default


def _parsed(path: str) -> tuple[str, str]:
    """Return the method's key and the setting: ``~1pets/GET`` and ``throttling/rateLimit``."""
    segments = path.removeprefix("/").split("/")
    return "/".join(segments[:-2]), "/".join(segments[-2:])
