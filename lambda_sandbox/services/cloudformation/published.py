"""Versions, aliases, and the layers beside them."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource


class Version(Resource):
    """Ref gives the version's ARN. Nothing of it but its provisioned concurrency can be changed."""

    TYPE = "AWS::Lambda::Version"
    FIXED = frozenset({"FunctionName", "CodeSha256", "Description", "RuntimePolicy"})
    KNOWN = frozenset({"ProvisionedConcurrencyConfig"})
    ATTRIBUTES = frozenset({"Version", "FunctionArn"})

    def create(self) -> None:
        self.api.wait_until_ready(self.properties["FunctionName"])
        answer = self.api.call("PublishVersion", **self.given("PublishVersion"))
        self.physical_resource_id = answer["FunctionArn"]
        self.attributes = {"Version": answer["Version"], "FunctionArn": answer["FunctionArn"]}
        policy = self.properties.get("RuntimePolicy")
        if policy is not None:
            at = {"FunctionName": self.properties["FunctionName"], "Qualifier": answer["Version"]}
            self.api.call("PutRuntimeManagementConfig", **at, **policy)
        self.api.wait_until_ready(answer["FunctionArn"])
        _provision(self, answer["Version"], None)

    def change(self, old: Properties) -> None:
        _provision(self, self.attributes["Version"], old)

    def remove(self) -> None:
        self.api.call_if_there("DeleteFunction", FunctionName=self.physical_resource_id)


class Alias(Resource):
    """Ref gives the alias's ARN."""

    TYPE = "AWS::Lambda::Alias"
    FIXED = frozenset({"FunctionName", "Name"})
    KNOWN = frozenset({"FunctionVersion", "Description", "RoutingConfig", "ProvisionedConcurrencyConfig"})
    ATTRIBUTES = frozenset({"AliasArn"})

    def create(self) -> None:
        answer = self.api.call("CreateAlias", **self._settings("CreateAlias"))
        self.physical_resource_id = answer["AliasArn"]
        self.attributes = {"AliasArn": answer["AliasArn"]}
        _provision(self, self.properties["Name"], None)

    def change(self, old: Properties) -> None:
        settings = self._settings("UpdateAlias")
        settings.setdefault("Description", "")
        settings.setdefault("RoutingConfig", {"AdditionalVersionWeights": {}})
        self.api.call("UpdateAlias", **settings)
        _provision(self, self.properties["Name"], old)

    def remove(self) -> None:
        self.api.call_if_there(
            "DeleteAlias", FunctionName=self.properties["FunctionName"], Name=self.properties["Name"]
        )

    def _settings(self, operation: str) -> Properties:
        settings = self.given(operation)
        weights = settings.get("RoutingConfig", {}).get("AdditionalVersionWeights")
        if weights is not None:
            settings["RoutingConfig"] = {
                "AdditionalVersionWeights": {
                    each["FunctionVersion"]: float(each["FunctionWeight"]) for each in weights
                }
            }
        return settings


class LayerVersion(Resource):
    """Ref gives the layer version's ARN. A change makes the next version."""

    TYPE = "AWS::Lambda::LayerVersion"
    NAME = "LayerName"
    FIXED = frozenset(
        {
            "LayerName",
            "Content",
            "CompatibleRuntimes",
            "CompatibleArchitectures",
            "Description",
            "LicenseInfo",
        }
    )
    ATTRIBUTES = frozenset({"LayerVersionArn"})

    def create(self) -> None:
        answer = self.api.call(
            "PublishLayerVersion", **self.given("PublishLayerVersion") | {"LayerName": self.name}
        )
        self.physical_resource_id = answer["LayerVersionArn"]
        self.attributes = {"LayerVersionArn": answer["LayerVersionArn"]}

    def remove(self) -> None:
        self.api.call("DeleteLayerVersion", **_layer(self.physical_resource_id))


class LayerVersionPermission(Resource):
    """Ref gives the layer version's ARN with the statement's id behind a ``#``."""

    TYPE = "AWS::Lambda::LayerVersionPermission"
    FIXED = frozenset({"LayerVersionArn", "Action", "Principal", "OrganizationId"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        arn = self.properties["LayerVersionArn"]
        given = self.given("AddLayerVersionPermission")
        self.api.call("AddLayerVersionPermission", **_layer(arn), StatementId=self.name, **given)
        self.physical_resource_id = f"{arn}#{self.name}"
        self.attributes = {"Id": self.physical_resource_id}

    def remove(self) -> None:
        layer = _layer(self.properties["LayerVersionArn"])
        self.api.call_if_there("RemoveLayerVersionPermission", **layer, StatementId=self.name)


def _layer(arn: str) -> dict[str, Any]:
    name, _, version = arn.rpartition(":")
    return {"LayerName": name, "VersionNumber": int(version)}


def _provision(resource: Resource, qualifier: str, old: Properties | None) -> None:
    """Bring provisioned concurrency to what the properties say; ``old`` is ``None`` for a new resource."""
    name = "ProvisionedConcurrencyConfig"
    wanted, before = resource.properties.get(name), (old or {}).get(name)
    if wanted == before:
        return
    at = {"FunctionName": resource.properties["FunctionName"], "Qualifier": qualifier}
    if wanted is None:
        resource.api.call_if_there("DeleteProvisionedConcurrencyConfig", **at)
    else:
        resource.api.call("PutProvisionedConcurrencyConfig", **at, **wanted)
