"""AWS::Scheduler::Schedule and AWS::Scheduler::ScheduleGroup; SAM's event ``ScheduleV2`` becomes the first."""

from __future__ import annotations

from lambda_sandbox.services.cloudformation.resource import Properties, Resource, retag_by_pairs, tag_pairs

_DEFAULT_GROUP = "default"


class Schedule(Resource):
    """Ref gives its name. One that goes to another group is another schedule, since groups hold their own names."""

    TYPE = "AWS::Scheduler::Schedule"
    SERVICE = "scheduler"
    NAME = "Name"
    FIXED = frozenset({"Name", "GroupName"})
    KNOWN = frozenset(
        {
            "Description",
            "EndDate",
            "FlexibleTimeWindow",
            "KmsKeyArn",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
            "Target",
        }
    )
    ATTRIBUTES = frozenset({"Arn"})

    def create(self) -> None:
        answer = self.api.call("CreateSchedule", **self.given("CreateSchedule") | {"Name": self.name})
        self.physical_resource_id = self.name
        self.attributes = {"Arn": answer["ScheduleArn"]}

    def change(self, old: Properties) -> None:
        """AWS: an update replaces all; what it does not name goes back to its default."""
        self.api.call("UpdateSchedule", **self.given("UpdateSchedule") | {"Name": self.name})

    def remove(self) -> None:
        group = self.properties.get("GroupName", _DEFAULT_GROUP)
        self.api.call_if_there("DeleteSchedule", Name=self.name, GroupName=group)


class ScheduleGroup(Resource):
    """Ref gives its name. AWS: the schedules of a group go with it."""

    TYPE = "AWS::Scheduler::ScheduleGroup"
    SERVICE = "scheduler"
    NAME = "Name"
    FIXED = frozenset({"Name"})
    KNOWN = frozenset({"Tags"})
    ATTRIBUTES = frozenset({"Arn", "CreationDate", "LastModificationDate", "State"})

    def create(self) -> None:
        pairs = tag_pairs(self.properties.get("Tags"))
        answer = self.api.call("CreateScheduleGroup", Name=self.name, Tags=pairs)
        told = self.api.call("GetScheduleGroup", Name=self.name)
        self.physical_resource_id = self.name
        self.attributes = {"Arn": answer["ScheduleGroupArn"], "State": told["State"]}
        self.attributes |= {
            name: told[name].isoformat() for name in ("CreationDate", "LastModificationDate") if name in told
        }

    def change(self, old: Properties) -> None:
        retag_by_pairs(self.api, self.attributes["Arn"], old.get("Tags"), self.properties.get("Tags"))

    def remove(self) -> None:
        self.api.call_if_there("DeleteScheduleGroup", Name=self.name)


SCHEDULES: tuple[type[Resource], ...] = (Schedule, ScheduleGroup)
