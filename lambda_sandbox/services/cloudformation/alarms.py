"""Alarms of a stack: made in the sandbox's own CloudWatch, so that they watch, fire and notify like any other."""

from __future__ import annotations

from typing import Any, ClassVar

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_map

_OF_ALL = frozenset(
    {
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "InsufficientDataActions",
        "OKActions",
        "Tags",
    }
)


class MetricAlarm(Resource):
    """Ref gives the alarm's name."""

    TYPE = "AWS::CloudWatch::Alarm"
    SERVICE = "cloudwatch"
    NAME = "AlarmName"
    FIXED = frozenset({"AlarmName"})
    KNOWN = _OF_ALL | {
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluateLowSampleCountPercentile",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "MetricName",
        "Metrics",
        "Namespace",
        "Period",
        "Statistic",
        "Threshold",
        "ThresholdMetricId",
        "TreatMissingData",
        "Unit",
    }
    ATTRIBUTES = frozenset({"Arn"})
    PUT: ClassVar[str] = "PutMetricAlarm"
    KIND: ClassVar[str] = "MetricAlarm"

    def create(self) -> None:
        self._put()
        self.physical_resource_id = self.name
        found = self.api.call("DescribeAlarms", AlarmNames=[self.name], AlarmTypes=[self.KIND])
        self.attributes = {"Arn": found[f"{self.KIND}s"][0]["AlarmArn"]}

    def change(self, old: Properties) -> None:
        self._put()  # replaces every setting; tags are those of the first time
        before, after = tag_map(old.get("Tags")) or {}, tag_map(self.properties.get("Tags")) or {}
        arn, gone = self.attributes["Arn"], sorted(before.keys() - after.keys())
        if gone:
            self.api.call("UntagResource", ResourceARN=arn, TagKeys=gone)
        if after:
            pairs: list[dict[str, Any]] = [{"Key": key, "Value": value} for key, value in after.items()]
            self.api.call("TagResource", ResourceARN=arn, Tags=pairs)

    def remove(self) -> None:
        self.api.call("DeleteAlarms", AlarmNames=[self.name])

    def _put(self) -> None:
        self.api.call(self.PUT, **self.given(self.PUT) | {"AlarmName": self.name})


class CompositeAlarm(MetricAlarm):
    """Ref gives the alarm's name."""

    TYPE = "AWS::CloudWatch::CompositeAlarm"
    KNOWN = _OF_ALL | {"AlarmRule"}
    PUT = "PutCompositeAlarm"
    KIND = "CompositeAlarm"


ALARMS: tuple[type[Resource], ...] = (MetricAlarm, CompositeAlarm)
