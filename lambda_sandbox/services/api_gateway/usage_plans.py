"""Usage plans of REST APIs: their throttles and quotas checked as API Gateway does, and every path of UpdateUsagePlan.

Source: API Gateway API Reference, "UpdateUsagePlan" and "Patch operations", read 2026-11. UNCONFIRMED: the errors' wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.api_gateway.refusals import first
from lambda_sandbox.services.api_gateway.stage_settings import number

_PERIODS = ("DAY", "WEEK", "MONTH")
_NUMBERS: dict[str, type[int] | type[float]] = {
    "rateLimit": float,
    "burstLimit": int,
    "limit": int,
    "offset": int,
}
_TEXTS = ("name", "description", "productCode")


class Malformed(ValueError):
    """A patch that a usage plan does not take; the text says which."""


def refusal(asked: Mapping[str, Any]) -> str:
    """Return why a usage plan cannot be made so, empty when it can."""
    throttles = [asked.get("throttle") or {}]
    for stage in asked.get("apiStages") or ():
        throttles += (stage.get("throttle") or {}).values()
    return first((*(_throttle(each) for each in throttles), _quota(asked.get("quota") or {})))


def _throttle(given: Mapping[str, Any]) -> str:
    if any(given.get(name) is not None and given[name] < 0 for name in ("rateLimit", "burstLimit")):
        return "Usage Plan throttle settings must not be negative."
    return ""


def _quota(given: Mapping[str, Any]) -> str:
    if not given:
        return ""
    if given.get("period") not in _PERIODS:
        return f"Usage Plan quota period must be one of {', '.join(_PERIODS)}, not {given.get('period')!r}."
    if given.get("limit") is None or given["limit"] < 0:
        return "Usage Plan quota limit must be a number of requests, zero or more."
    return "Usage Plan quota offset must not be negative." if (given.get("offset") or 0) < 0 else ""


def install(plan_class: Any, refused: Any) -> None:
    """Change moto's ``UsagePlan``, which knows no throttle of single methods; ``refused(sentence)`` makes the exception."""

    def patch(self: Any, operations: list[dict[str, Any]]) -> None:
        wanted = _Plan(self)
        try:
            for operation in operations:
                wanted.apply(operation["op"], operation.get("path") or "", str(operation.get("value") or ""))
        except Malformed as malformed:
            raise refused(str(malformed)) from None
        why = refusal(wanted.settings)
        if why:
            raise refused(why)
        wanted.store(self)

    plan_class.apply_patch_operations = patch


class _Plan:
    """A copy of a plan's settings, so that a patch is carried out as a whole or not at all."""

    def __init__(self, plan: Any) -> None:
        self.texts = {"name": plan.name, "description": plan.description, "productCode": plan.product_code}
        self.settings: dict[str, Any] = {"throttle": dict(plan.throttle), "quota": dict(plan.quota)}
        self.settings["apiStages"] = [
            {**stage, **({"throttle": {**stage["throttle"]}} if stage.get("throttle") else {})}
            for stage in plan.api_stages
        ]

    def store(self, plan: Any) -> None:
        plan.name, plan.description, plan.product_code = self.texts.values()
        plan.throttle, plan.quota = self.settings["throttle"], self.settings["quota"]
        plan.api_stages = self.settings["apiStages"]

    def apply(self, kind: str, path: str, value: str) -> None:
        """Carry out one operation. Raises ``Malformed``."""
        member, _, rest = path.removeprefix("/").partition("/")
        if kind not in ("add", "replace", "remove"):
            raise Malformed(
                f"Invalid patch operation {kind!r} at {path}: a usage plan takes add, replace and remove."
            )
        if member in _TEXTS and not rest:
            self.texts[member] = None if kind == "remove" else value
        elif member in ("throttle", "quota"):
            self._set(self.settings[member], kind, rest, value, path)
        elif member == "apiStages" and not rest:
            self._stages(kind, value)
        elif member == "apiStages" and "/throttle" in rest:
            self._methods(kind, rest, value, path)
        else:
            raise Malformed(f"Invalid patch path {path}.")

    def _set(self, settings: dict[str, Any], kind: str, name: str, value: str, path: str) -> None:
        if kind == "remove":
            settings.pop(name, None) if name else settings.clear()
        elif name == "period":
            settings[name] = value
        elif name in _NUMBERS:
            try:
                settings[name] = number(_NUMBERS[name], value)
            except ValueError:
                raise Malformed(f"Invalid value {value!r} at {path}: it must be a number.") from None
        else:
            raise Malformed(f"Invalid patch path {path}.")

    def _stages(self, kind: str, value: str) -> None:
        api_id, colon, stage = value.partition(":")
        if not colon:
            raise Malformed(f"Invalid API stage {value!r}: name it as API-ID:STAGE.")
        others = [
            each for each in self.settings["apiStages"] if (each["apiId"], each["stage"]) != (api_id, stage)
        ]
        kept = [each for each in self.settings["apiStages"] if each not in others]
        if kind == "remove":
            self.settings["apiStages"] = others
        elif not kept:
            self.settings["apiStages"] = [*others, {"apiId": api_id, "stage": stage}]

    def _methods(self, kind: str, rest: str, value: str, path: str) -> None:
        """``API:STAGE/throttle`` and what follows: nothing, a method, or one of a method's two numbers."""
        place, _, named = rest.partition("/throttle")
        stage = next(
            (each for each in self.settings["apiStages"] if f"{each['apiId']}:{each['stage']}" == place), None
        )
        if stage is None:
            raise Malformed(f"Invalid patch path {path}: the usage plan has no API stage {place}.")
        method, _, name = named.rpartition("/")
        method, name = (method, name) if name in ("rateLimit", "burstLimit") else (named, "")
        key = "/" + method.replace("~1", "/").replace("~0", "~").strip("/")
        throttle = stage.setdefault("throttle", {})
        if kind == "remove" and not named.strip("/"):
            throttle.clear()
        elif kind == "remove" and not name:
            throttle.pop(key, None)
        else:
            given = {**throttle.get(key, {})}
            self._set(given, kind, name, value, path)
            throttle[key] = given
