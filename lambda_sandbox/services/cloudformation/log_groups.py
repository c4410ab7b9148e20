"""AWS::Logs::LogGroup, whose retention moto sets once and never changes."""

from __future__ import annotations

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_changes, tag_map


class LogGroup(Resource):
    """Ref gives its name; its ARN ends in ``:*``, as AWS's does."""

    TYPE = "AWS::Logs::LogGroup"
    SERVICE = "logs"
    NAME = "LogGroupName"
    UNIQUE = True
    FIXED = frozenset({"LogGroupName", "LogGroupClass", "KmsKeyId"})
    KNOWN = frozenset({"RetentionInDays", "Tags"})
    ATTRIBUTES = frozenset({"Arn"})

    def create(self) -> None:
        self.api.call(
            "CreateLogGroup",
            logGroupName=self.name,
            kmsKeyId=self.properties.get("KmsKeyId"),
            logGroupClass=self.properties.get("LogGroupClass"),
            tags=tag_map(self.properties.get("Tags")),
        )
        self.physical_resource_id = self.name
        self.attributes = {"Arn": f"{self._arn}:*"}
        self._retain()

    def change(self, old: Properties) -> None:
        if self.properties.get("RetentionInDays") != old.get("RetentionInDays"):
            self._retain()
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagResource", resourceArn=self._arn, tagKeys=gone)
        if come:
            self.api.call("TagResource", resourceArn=self._arn, tags=come)

    def remove(self) -> None:
        self.api.call_if_there("DeleteLogGroup", logGroupName=self.name)

    @property
    def _arn(self) -> str:
        told = self.api.call("DescribeLogGroups", logGroupNamePrefix=self.name)["logGroups"]
        arn: str = next(each["arn"] for each in told if each["logGroupName"] == self.name)
        return arn.removesuffix(":*")

    def _retain(self) -> None:
        days = self.properties.get("RetentionInDays")
        if days is None:
            self.api.call("DeleteRetentionPolicy", logGroupName=self.name)
        else:
            self.api.call("PutRetentionPolicy", logGroupName=self.name, retentionInDays=days)


LOG_GROUPS: tuple[type[Resource], ...] = (LogGroup,)
