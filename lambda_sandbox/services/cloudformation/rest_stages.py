"""Deployments and stages of REST APIs as resources of a stack. What a stage cannot do here, API Gateway refuses by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_changes, tag_map

# A stage's method settings, with the end of the path by which UpdateStage knows them.
_SETTINGS = {
    "CacheDataEncrypted": "caching/dataEncrypted",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CachingEnabled": "caching/enabled",
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}
_PLAIN = ("CacheClusterEnabled", "CacheClusterSize", "DeploymentId", "Description", "TracingEnabled")


def camel(properties: Mapping[str, Any], *left_out: str) -> Properties:
    """Return the properties under the names of API Gateway's API, which begin with a small letter."""
    return {name[0].lower() + name[1:]: value for name, value in properties.items() if name not in left_out}


class OfRest(Resource):
    """A part of a REST API."""

    SERVICE = "apigateway"

    def retag(self, path: str, old: Properties) -> None:
        """Make the tags of what API Gateway has at ``path``, such as ``/apikeys/ID``, those of the properties."""
        arn = f"arn:aws:apigateway:{self.api.region}::{path}"
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagResource", resourceArn=arn, tagKeys=gone)
        if come:
            self.api.call("TagResource", resourceArn=arn, tags=come)


class Deployment(OfRest):
    """Ref gives the deployment's id. AWS: it holds what is there at its time, so methods belong into its ``DependsOn``."""

    TYPE = "AWS::ApiGateway::Deployment"
    FIXED = frozenset({"RestApiId", "StageName", "Description", "StageDescription"})
    ATTRIBUTES = frozenset({"DeploymentId"})

    def create(self) -> None:
        stage = dict(self.properties.get("StageDescription") or {})
        settings = camel(self.properties, "StageDescription") | {
            "stageDescription": stage.pop("Description", None),
            "variables": stage.pop("Variables", None),
        }
        methods = [{**each} for each in stage.pop("MethodSettings", [])]
        for_all = {name: stage.pop(name) for name in _SETTINGS if name in stage}
        patches = [*_methods([{"HttpMethod": "*", "ResourcePath": "/*", **for_all}, *methods])]
        patches += _logs(stage.pop("AccessLogSetting", None))
        tags = stage.pop("Tags", None)
        settings |= camel(stage)
        answer = self.api.call("CreateDeployment", **settings)
        self.physical_resource_id = answer["id"]
        self.attributes = {"DeploymentId": answer["id"]}
        if patches:
            _patch(self, self.properties["StageName"], patches)
        if tags:
            at = f"/restapis/{self.properties['RestApiId']}/stages/{self.properties['StageName']}"
            arn = f"arn:aws:apigateway:{self.api.region}::{at}"
            self.api.call("TagResource", resourceArn=arn, tags=tag_map(tags))

    def remove(self) -> None:
        """AWS: stages that point to it go first; the one that it made itself goes with it."""
        at = {"restApiId": self.properties["RestApiId"]}
        if self.properties.get("StageName"):
            self.api.call_if_there("DeleteStage", **at, stageName=self.properties["StageName"])
        self.api.call_if_there("DeleteDeployment", **at, deploymentId=self.physical_resource_id)


class Stage(OfRest):
    """Ref gives the stage's name."""

    TYPE = "AWS::ApiGateway::Stage"
    FIXED = frozenset({"RestApiId", "StageName"})
    KNOWN = frozenset({*_PLAIN, "AccessLogSetting", "MethodSettings", "Tags", "Variables"})

    def create(self) -> None:
        settings = camel(self.properties, "MethodSettings", "AccessLogSetting", "Tags")
        self.api.call("CreateStage", **settings, tags=tag_map(self.properties.get("Tags")))
        self.physical_resource_id = self.properties["StageName"]
        patches = [*_methods(self.properties.get("MethodSettings"))]
        patches += _logs(self.properties.get("AccessLogSetting"))
        if patches:
            _patch(self, self.properties["StageName"], patches)

    def change(self, old: Properties) -> None:
        new = self.properties
        self.retag(f"/restapis/{new['RestApiId']}/stages/{new['StageName']}", old)
        operations = [
            _replace(f"/{camel({name: 0}).popitem()[0]}", new[name])
            for name in _PLAIN
            if name in new and new[name] != old.get(name)
        ]
        operations += _variables(old.get("Variables") or {}, new.get("Variables") or {})
        before, after = ([*_methods(each.get("MethodSettings"))] for each in (old, new))
        if before != after:
            operations += [
                {"op": "remove", "path": path}
                for path in sorted({_method_path(each["path"]) for each in before})
            ]
            operations += after
        if new.get("AccessLogSetting") != old.get("AccessLogSetting"):
            operations += _logs(new.get("AccessLogSetting"))
        if operations:
            at = camel({name: new[name] for name in self.FIXED})
            self.api.call("UpdateStage", **at, patchOperations=operations)

    def remove(self) -> None:
        self.api.call_if_there("DeleteStage", **camel({name: self.properties[name] for name in self.FIXED}))


def _patch(resource: Resource, stage: str, operations: list[Properties]) -> None:
    """Set what only UpdateStage can. What it refuses leaves no stage behind."""
    at = {"restApiId": resource.properties["RestApiId"], "stageName": stage}
    try:
        resource.api.call("UpdateStage", **at, patchOperations=operations)
    except Exception:
        resource.remove()
        raise


def _methods(settings: Any) -> Iterator[Properties]:
    """Return the operations for the ``MethodSettings`` of a stage."""
    for each in settings or ():
        # AWS: the slashes of a path are written as ~1, but for the first; the root is a slash alone.
        path = str(each.get("ResourcePath") or "/*").removeprefix("/") or "~1"
        for name, ending in _SETTINGS.items():
            if each.get(name) is not None:
                yield _replace(f"/{path}/{each.get('HttpMethod') or '*'}/{ending}", each[name])


def _logs(given: Any) -> Iterator[Properties]:
    for name, value in camel(given or {}).items():
        yield _replace(f"/accessLogSettings/{name}", value)


def _variables(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Properties]:
    for name in after.keys() | before.keys():
        if name not in after:
            yield {"op": "remove", "path": f"/variables/{name}"}
        elif after[name] != before.get(name):
            yield _replace(f"/variables/{name}", after[name])


def _replace(path: str, value: Any) -> Properties:
    return {
        "op": "replace",
        "path": path,
        "value": str(value).lower() if isinstance(value, bool) else str(value),
    }


def _method_path(path: str) -> str:
    return "/".join(path.split("/")[:-2])
