"""Usage plans and API keys as resources of a stack: made by API Gateway's own calls, so that they throttle and let in alike.

Source: AWS CloudFormation Template Reference, "AWS::ApiGateway::UsagePlan", "…::ApiKey" and "…::UsagePlanKey", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_map
from lambda_sandbox.services.cloudformation.rest_stages import OfRest, camel


class ApiKey(OfRest):
    """Ref gives the key's id, never its value.

    ``StageKeys`` are taken, since SAM always writes them, and change nothing: a key is let in by its usage plan.
    UNCONFIRMED: AWS calls them deprecated and does not say what they still do.
    """

    TYPE = "AWS::ApiGateway::ApiKey"
    NAME = "Name"
    FIXED = frozenset({"GenerateDistinctId", "Name", "Value"})
    KNOWN = frozenset({"CustomerId", "Description", "Enabled", "StageKeys", "Tags"})
    ATTRIBUTES = frozenset({"APIKeyId"})

    def create(self) -> None:
        settings = camel(self.properties, "StageKeys", "Tags") | {"name": self.name}
        answer = self.api.call("CreateApiKey", **settings, tags=tag_map(self.properties.get("Tags")))
        self.physical_resource_id = answer["id"]
        self.attributes = {"APIKeyId": answer["id"]}

    def change(self, old: Properties) -> None:
        self.retag(f"/apikeys/{self.physical_resource_id}", old)
        operations = []
        for name, unset in (("CustomerId", ""), ("Description", ""), ("Enabled", False)):
            value = self.properties.get(name, unset)
            if value != old.get(name, unset):
                operations.append(_replace(camel({name: 0}).popitem()[0], value))
        if operations:
            self.api.call("UpdateApiKey", apiKey=self.physical_resource_id, patchOperations=operations)

    def remove(self) -> None:
        self.api.call_if_there("DeleteApiKey", apiKey=self.physical_resource_id)


class UsagePlan(OfRest):
    """Ref gives the plan's id."""

    TYPE = "AWS::ApiGateway::UsagePlan"
    KNOWN = frozenset({"ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        given = self.properties
        answer = self.api.call(
            "CreateUsagePlan",
            name=self._name(given),
            description=given.get("Description"),
            apiStages=[
                {**camel(stage, "Throttle"), "throttle": _methods(stage)}
                for stage in given.get("ApiStages") or []
            ],
            quota=camel(given["Quota"]) if given.get("Quota") else None,
            throttle=camel(given["Throttle"]) if given.get("Throttle") else None,
            tags=tag_map(given.get("Tags")),
        )
        self.physical_resource_id = answer["id"]
        self.attributes = {"Id": answer["id"]}

    def change(self, old: Properties) -> None:
        self.retag(f"/usageplans/{self.physical_resource_id}", old)
        new = self.properties
        operations = [*_settings("", {"name": self._name(old)}, {"name": self._name(new)})]
        operations += _settings("", camel(_only(old, "Description")), camel(_only(new, "Description")))
        for name in ("Throttle", "Quota"):
            operations += _settings(
                f"{name.lower()}/", camel(old.get(name) or {}), camel(new.get(name) or {})
            )
        operations += _stages(_by_place(old), _by_place(new))
        if operations:
            self.api.call(
                "UpdateUsagePlan", usagePlanId=self.physical_resource_id, patchOperations=operations
            )

    def remove(self) -> None:
        self.api.call_if_there("DeleteUsagePlan", usagePlanId=self.physical_resource_id)

    def _name(self, properties: Properties) -> str:
        return str(properties.get("UsagePlanName") or self.name)


class UsagePlanKey(OfRest):
    """Ref gives the ids of the key and the plan with a colon between them. UNCONFIRMED: that ``Id`` is the same."""

    TYPE = "AWS::ApiGateway::UsagePlanKey"
    FIXED = frozenset({"KeyId", "KeyType", "UsagePlanId"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        self.api.call("CreateUsagePlanKey", **camel(self.properties))
        self.physical_resource_id = f"{self.properties['KeyId']}:{self.properties['UsagePlanId']}"
        self.attributes = {"Id": self.physical_resource_id}

    def remove(self) -> None:
        self.api.call_if_there("DeleteUsagePlanKey", **camel(self.properties, "KeyType"))


# --- patches -------------------------------------------------------------------------------------------------


def _replace(path: str, value: Any) -> Properties:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"op": "replace", "path": f"/{path}", "value": text}


def _settings(prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Properties]:
    """Return the operations that bring settings below ``prefix`` from ``before`` to ``after``."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield {"op": "remove", "path": f"/{prefix}{name}"}
        elif after[name] != before.get(name):
            yield _replace(f"{prefix}{name}", after[name])


def _stages(before: Mapping[str, Properties], after: Mapping[str, Properties]) -> Iterator[Properties]:
    """Return the operations for the stages of a plan and their methods' throttles, each by ``API-ID:STAGE``."""
    for place in sorted(before.keys() - after.keys()):
        yield {"op": "remove", "path": "/apiStages", "value": place}
    for place, throttles in after.items():
        if place not in before:
            yield {"op": "add", "path": "/apiStages", "value": place}
        known = before.get(place, {})
        for method in sorted(known.keys() | throttles.keys()):
            path = f"apiStages/{place}/throttle/{method.replace('~', '~0').replace('/', '~1')}"
            if method not in throttles:
                yield {"op": "remove", "path": f"/{path}"}
            else:
                yield from _settings(f"{path}/", known.get(method, {}), throttles[method])


def _by_place(properties: Properties) -> dict[str, Properties]:
    return {f"{each['ApiId']}:{each['Stage']}": _methods(each) for each in properties.get("ApiStages") or []}


def _methods(stage: Mapping[str, Any]) -> Properties:
    """Return a stage's throttles by method: ``/pears/GET``."""
    return {method: camel(limits) for method, limits in (stage.get("Throttle") or {}).items()}


def _only(properties: Properties, name: str) -> Properties:
    return {name: properties[name]} if name in properties else {}


USAGE_PLANS: tuple[type[Resource], ...] = (ApiKey, UsagePlan, UsagePlanKey)
