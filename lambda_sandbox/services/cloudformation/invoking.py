"""What may invoke a function and how: permissions, addresses, event source mappings, event-invoke and signing settings."""

from __future__ import annotations

from lambda_sandbox.services.api_gateway.addresses import at_the_door
from lambda_sandbox.services.cloudformation.function import Function
from lambda_sandbox.services.cloudformation.published import (
    Alias,
    LayerVersion,
    LayerVersionPermission,
    Version,
)
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, retag, tag_map


class Permission(Resource):
    """Ref gives the statement's id."""

    TYPE = "AWS::Lambda::Permission"
    FIXED = frozenset(
        {
            "FunctionName",
            "Action",
            "Principal",
            "SourceArn",
            "SourceAccount",
            "EventSourceToken",
            "PrincipalOrgID",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
        }
    )
    REQUIRED = frozenset({"FunctionName", "Action", "Principal"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        self.api.call("AddPermission", **self.given("AddPermission"), StatementId=self.name)
        self.physical_resource_id = self.name
        self.attributes = {"Id": self.name}

    def remove(self) -> None:
        self.api.call_if_there(
            "RemovePermission", FunctionName=self.properties["FunctionName"], StatementId=self.name
        )


class Url(Resource):
    """Ref gives the ARN of the function."""

    TYPE = "AWS::Lambda::Url"
    FIXED = frozenset({"TargetFunctionArn", "Qualifier"})
    KNOWN = frozenset({"AuthType", "Cors", "InvokeMode"})
    ATTRIBUTES = frozenset({"FunctionArn", "FunctionUrl"})

    def create(self) -> None:
        answer = self.api.call("CreateFunctionUrlConfig", **self._settings("CreateFunctionUrlConfig"))
        self.physical_resource_id = answer["FunctionArn"]
        self.attributes = {
            "FunctionArn": answer["FunctionArn"],
            "FunctionUrl": at_the_door(answer["FunctionUrl"]),
        }

    def change(self, old: Properties) -> None:
        settings = {"Cors": {}, "InvokeMode": "BUFFERED"} | self._settings("UpdateFunctionUrlConfig")
        self.api.call("UpdateFunctionUrlConfig", **settings)

    def remove(self) -> None:
        self.api.call_if_there(
            "DeleteFunctionUrlConfig",
            FunctionName=self.properties["TargetFunctionArn"],
            Qualifier=self.properties.get("Qualifier"),
        )

    def _settings(self, operation: str) -> Properties:
        return self.given(operation) | {"FunctionName": self.properties["TargetFunctionArn"]}


class EventSourceMapping(Resource):
    """Ref gives its UUID."""

    TYPE = "AWS::Lambda::EventSourceMapping"
    FIXED = frozenset(
        {
            "EventSourceArn",
            "StartingPosition",
            "StartingPositionTimestamp",
            "SelfManagedEventSource",
            "Topics",
            "Queues",
            "AmazonManagedKafkaEventSourceConfig",
            "SelfManagedKafkaEventSourceConfig",
        }
    )
    KNOWN = frozenset(
        {
            "FunctionName",
            "BatchSize",
            "BisectBatchOnFunctionError",
            "DestinationConfig",
            "DocumentDBEventSourceConfig",
            "Enabled",
            "FilterCriteria",
            "FunctionResponseTypes",
            "KmsKeyArn",
            "LoggingConfig",
            "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds",
            "MaximumRetryAttempts",
            "MetricsConfig",
            "ParallelizationFactor",
            "ProvisionedPollerConfig",
            "ScalingConfig",
            "SourceAccessConfigurations",
            "Tags",
            "TumblingWindowInSeconds",
        }
    )
    ATTRIBUTES = frozenset({"Id", "EventSourceMappingArn"})
    # What a property that leaves the template goes back to, where the API does not keep the old value for nothing.
    _EMPTIED = ("FilterCriteria", "FunctionResponseTypes", "ScalingConfig", "DestinationConfig")

    def create(self) -> None:
        settings = self.given("CreateEventSourceMapping") | {"Tags": tag_map(self.properties.get("Tags"))}
        answer = self.api.call("CreateEventSourceMapping", **settings)
        self.physical_resource_id = answer["UUID"]
        self.attributes = {
            "Id": answer["UUID"],
            "EventSourceMappingArn": answer.get("EventSourceMappingArn", ""),
        }

    def change(self, old: Properties) -> None:
        settings = self.given("UpdateEventSourceMapping")
        for name in self._EMPTIED:
            if name in old and name not in self.properties:
                settings[name] = [] if name == "FunctionResponseTypes" else {}
        self.api.call("UpdateEventSourceMapping", UUID=self.physical_resource_id, **settings)
        retag(
            self.api, self.attributes["EventSourceMappingArn"], old.get("Tags"), self.properties.get("Tags")
        )

    def remove(self) -> None:
        self.api.call_if_there("DeleteEventSourceMapping", UUID=self.physical_resource_id)


class EventInvokeConfig(Resource):
    """Ref gives an id of its own; function and qualifier are what names it."""

    TYPE = "AWS::Lambda::EventInvokeConfig"
    FIXED = frozenset({"FunctionName", "Qualifier"})
    KNOWN = frozenset({"DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"})

    def create(self) -> None:
        self.api.call("PutFunctionEventInvokeConfig", **self.given("PutFunctionEventInvokeConfig"))
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        self.create()

    def remove(self) -> None:
        at = {name: self.properties.get(name) for name in self.FIXED}
        self.api.call_if_there("DeleteFunctionEventInvokeConfig", **at)


class CodeSigningConfig(Resource):
    """Ref gives its ARN."""

    TYPE = "AWS::Lambda::CodeSigningConfig"
    KNOWN = frozenset({"AllowedPublishers", "CodeSigningPolicies", "Description", "Tags"})
    ATTRIBUTES = frozenset({"CodeSigningConfigArn", "CodeSigningConfigId"})

    def create(self) -> None:
        tags = {"Tags": tag_map(self.properties.get("Tags"))}
        made = self.api.call("CreateCodeSigningConfig", **self.given("CreateCodeSigningConfig") | tags)
        told = made["CodeSigningConfig"]
        self.physical_resource_id = told["CodeSigningConfigArn"]
        self.attributes = {name: told[name] for name in self.ATTRIBUTES}

    def change(self, old: Properties) -> None:
        arn = self.physical_resource_id
        settings = {"Description": ""} | self.given("UpdateCodeSigningConfig")
        self.api.call("UpdateCodeSigningConfig", CodeSigningConfigArn=arn, **settings)
        retag(self.api, arn, old.get("Tags"), self.properties.get("Tags"))

    def remove(self) -> None:
        self.api.call_if_there("DeleteCodeSigningConfig", CodeSigningConfigArn=self.physical_resource_id)


RESOURCES: tuple[type[Resource], ...] = (
    Function,
    Version,
    Alias,
    LayerVersion,
    LayerVersionPermission,
    Permission,
    Url,
    EventSourceMapping,
    EventInvokeConfig,
    CodeSigningConfig,
)
