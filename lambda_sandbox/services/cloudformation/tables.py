"""AWS::DynamoDB::Table: changed in place as DynamoDB changes it; another key or name makes another table.

moto's own changes nothing, and passes over time to live, backups and more.

Source: CloudFormation template reference, "AWS::DynamoDB::Table", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambda_sandbox.services.cloudformation.resource import (
    Properties,
    Resource,
    tag_changes,
    tag_pairs,
)

_INDEXES, _STREAM, _BACKUPS = (
    "GlobalSecondaryIndexes",
    "StreamSpecification",
    "PointInTimeRecoverySpecification",
)
_BILLING = ("BillingMode", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")


class Table(Resource):
    """Ref gives its name."""

    TYPE = "AWS::DynamoDB::Table"
    SERVICE = "dynamodb"
    NAME = "TableName"
    UNIQUE = True
    FIXED = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})
    KNOWN = frozenset(
        {
            "AttributeDefinitions",
            "DeletionProtectionEnabled",
            "SSESpecification",
            "TableClass",
            "Tags",
            "TimeToLiveSpecification",
            _INDEXES,
            _STREAM,
            _BACKUPS,
            *_BILLING,
        }
    )
    UNSERVED = frozenset(
        {
            "ContributorInsightsSpecification",
            "ImportSourceSpecification",
            "KinesisStreamSpecification",
            "ResourcePolicy",
        }
    )
    REQUIRED = frozenset({"KeySchema"})
    ATTRIBUTES = frozenset({"Arn", "StreamArn", "TableId"})

    def create(self) -> None:
        given = self.given("CreateTable") | {"TableName": self.name}
        given["Tags"] = tag_pairs(self.properties.get("Tags"))
        given[_STREAM] = _stream(self.properties)
        given["SSESpecification"] = _encryption(self.properties)
        self.api.call("CreateTable", **given)
        self.physical_resource_id = self.name
        try:
            self._set_expiry({})
            self._set_backups({})
        except Exception:
            self.remove()
            raise
        self._look()

    def refuse_change(self, new: Properties) -> None:
        before, after = _by_name(self.properties), _by_name(new)
        for name in before.keys() & after.keys():
            if _fixed(before[name]) != _fixed(after[name]):
                raise ValueError(
                    "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights Specification. "
                    "You can create a new GSI with a different name."
                )
        if len(before.keys() ^ after.keys()) > 1:
            raise ValueError("Cannot perform more than one GSI creation or deletion in a single update")

    def change(self, old: Properties) -> None:
        changed = {
            name for name in self.properties.keys() | old.keys() if self.properties.get(name) != old.get(name)
        }
        if changed & {*_BILLING, "DeletionProtectionEnabled", "SSESpecification", "TableClass"}:
            self._set_table()
        for each in _index_updates(old, self.properties):
            self.api.call(
                "UpdateTable",
                TableName=self.name,
                AttributeDefinitions=self.properties.get("AttributeDefinitions"),
                GlobalSecondaryIndexUpdates=[each],
            )
        if _STREAM in changed:
            self._set_stream(old)
        if "TimeToLiveSpecification" in changed:
            self._set_expiry(old)
        if _BACKUPS in changed:
            self._set_backups(old)
        if "Tags" in changed:
            self._retag(old)
        self._look()

    def remove(self) -> None:
        self.api.call_if_there("DeleteTable", TableName=self.name)

    def _retag(self, old: Properties) -> None:
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagResource", ResourceArn=self.attributes["Arn"], TagKeys=gone)
        if come:
            pairs = [{"Key": key, "Value": value} for key, value in come.items()]
            self.api.call("TagResource", ResourceArn=self.attributes["Arn"], Tags=pairs)

    def _look(self) -> None:
        told = self.api.call("DescribeTable", TableName=self.name)["Table"]
        self.attributes = {"Arn": told["TableArn"], "TableId": told.get("TableId", "")}
        if told.get("StreamSpecification", {}).get("StreamEnabled"):
            self.attributes["StreamArn"] = told["LatestStreamArn"]

    def _set_table(self) -> None:
        settings = {
            name: self.properties.get(name) for name in (*_BILLING, "TableClass") if name in self.properties
        }
        settings["SSESpecification"] = _encryption(self.properties)
        settings["BillingMode"] = self.properties.get("BillingMode", "PROVISIONED")
        settings["DeletionProtectionEnabled"] = self.properties.get("DeletionProtectionEnabled", False)
        self.api.call("UpdateTable", TableName=self.name, **settings)

    def _set_stream(self, old: Properties) -> None:
        """A table with a stream has to lose it before it gets another."""
        new = _stream(self.properties)
        if _stream(old) is not None:
            self.api.call("UpdateTable", TableName=self.name, StreamSpecification={"StreamEnabled": False})
        if new is not None:
            self.api.call("UpdateTable", TableName=self.name, StreamSpecification=new)

    def _set_expiry(self, old: Properties) -> None:
        before, after = _expiry(old), _expiry(self.properties)
        for attribute, enabled in ((before, False), (after, True)):
            if attribute and before != after:
                self.api.call(
                    "UpdateTimeToLive",
                    TableName=self.name,
                    TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled},
                )

    def _set_backups(self, old: Properties) -> None:
        if self.properties.get(_BACKUPS) or old.get(_BACKUPS):
            wanted = self.properties.get(_BACKUPS) or {"PointInTimeRecoveryEnabled": False}
            self.api.call(
                "UpdateContinuousBackups", TableName=self.name, PointInTimeRecoverySpecification=wanted
            )


def _stream(properties: Properties) -> Properties | None:
    """Return what DynamoDB takes: a template names the view only."""
    given = properties.get(_STREAM)
    return {"StreamEnabled": True, "StreamViewType": given.get("StreamViewType")} if given else None


def _encryption(properties: Properties) -> Properties | None:
    """Return what DynamoDB takes, which calls a member by another name."""
    given = properties.get("SSESpecification")
    return (
        {"Enabled" if name == "SSEEnabled" else name: value for name, value in given.items()}
        if given
        else None
    )


def _expiry(properties: Properties) -> str:
    """Return the attribute by which items expire, empty for none."""
    given = properties.get("TimeToLiveSpecification") or {}
    return str(given.get("AttributeName", "")) if str(given.get("Enabled")).lower() == "true" else ""


def _by_name(properties: Properties) -> dict[str, Properties]:
    return {each["IndexName"]: each for each in properties.get(_INDEXES) or []}


def _fixed(index: Properties) -> Properties:
    return {name: index.get(name) for name in ("KeySchema", "Projection")}


def _index_updates(old: Properties, new: Properties) -> Iterator[dict[str, Any]]:
    before, after = _by_name(old), _by_name(new)
    for name in before.keys() - after.keys():
        yield {"Delete": {"IndexName": name}}
    for name in after.keys() - before.keys():
        yield {"Create": after[name]}
    for name in before.keys() & after.keys():
        throughput = after[name].get("ProvisionedThroughput")
        if throughput and throughput != before[name].get("ProvisionedThroughput"):
            yield {"Update": {"IndexName": name, "ProvisionedThroughput": throughput}}


TABLES: tuple[type[Resource], ...] = (Table,)
