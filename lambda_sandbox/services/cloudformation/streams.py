"""AWS::Kinesis::Stream. moto's own passes over the mode and the encryption of a stream.

Source: CloudFormation template reference, "AWS::Kinesis::Stream", read 2026-11.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_changes, tag_map

_RETENTION_H = 24
_ENCRYPTION = "StreamEncryption"


class Stream(Resource):
    """Ref gives its name."""

    TYPE = "AWS::Kinesis::Stream"
    SERVICE = "kinesis"
    NAME = "Name"
    FIXED = frozenset({"Name"})
    KNOWN = frozenset({"RetentionPeriodHours", "ShardCount", "StreamModeDetails", "Tags", _ENCRYPTION})
    UNSERVED = frozenset(
        {"DesiredShardLevelMetrics", "MaxRecordSizeInKiB", "WarmThroughputMiBps", "WarmThroughput"}
    )
    ATTRIBUTES = frozenset({"Arn"})

    def create(self) -> None:
        shards = self.properties.get("ShardCount", None if _mode(self.properties) == "ON_DEMAND" else 1)
        self.api.call(
            "CreateStream",
            StreamName=self.name,
            ShardCount=shards,
            StreamModeDetails=self.properties.get("StreamModeDetails"),
            Tags=tag_map(self.properties.get("Tags")),
        )
        self.physical_resource_id = self.name
        told = self.api.call("DescribeStreamSummary", StreamName=self.name)["StreamDescriptionSummary"]
        self.attributes = {"Arn": told["StreamARN"]}
        self._retain({})
        self._encrypt({})

    def change(self, old: Properties) -> None:
        if _mode(self.properties) != _mode(old):
            details = {"StreamMode": _mode(self.properties)}
            self.api.call("UpdateStreamMode", StreamARN=self.attributes["Arn"], StreamModeDetails=details)
        shards = self.properties.get("ShardCount", 1)
        if _mode(self.properties) == "PROVISIONED" and str(shards) != str(old.get("ShardCount", 1)):
            self.api.call(
                "UpdateShardCount",
                StreamName=self.name,
                TargetShardCount=shards,
                ScalingType="UNIFORM_SCALING",
            )
        self._retain(old)
        self._encrypt(old)
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("RemoveTagsFromStream", StreamName=self.name, TagKeys=gone)
        if come:
            self.api.call("AddTagsToStream", StreamName=self.name, Tags=come)

    def remove(self) -> None:
        self.api.call_if_there("DeleteStream", StreamName=self.name, EnforceConsumerDeletion=True)

    def _retain(self, old: Properties) -> None:
        before, after = (
            int(each.get("RetentionPeriodHours", _RETENTION_H)) for each in (old, self.properties)
        )
        if after != before:
            operation = "Increase" if after > before else "Decrease"
            self.api.call(
                f"{operation}StreamRetentionPeriod", StreamName=self.name, RetentionPeriodHours=after
            )

    def _encrypt(self, old: Properties) -> None:
        wanted, before = self.properties.get(_ENCRYPTION), old.get(_ENCRYPTION)
        if wanted == before:
            return
        if wanted:
            self.api.call("StartStreamEncryption", StreamName=self.name, **wanted)
        elif before:
            self.api.call("StopStreamEncryption", StreamName=self.name, **before)


def _mode(properties: Properties) -> Any:
    return (properties.get("StreamModeDetails") or {}).get("StreamMode", "PROVISIONED")


STREAMS: tuple[type[Resource], ...] = (Stream,)
