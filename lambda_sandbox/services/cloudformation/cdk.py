"""What the CDK puts into the templates that it writes, beside the developer's own resources, and nothing here needs.

Source: CDK Developer Guide, "Version reporting"; CloudFormation template reference, "AWS::ApiGateway::Account", read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.services.cloudformation.resource import Properties, Resource


class _NothingBehind(Resource):
    """A resource that stands in the stack's list and nowhere else."""

    def create(self) -> None:
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        """There is nothing behind it."""

    def remove(self) -> None:
        """There is nothing behind it."""


class Metadata(_NothingBehind):
    """AWS::CDK::Metadata: which constructs were used, told to nobody here."""

    TYPE = "AWS::CDK::Metadata"
    KNOWN = frozenset({"Analytics"})


class Account(_NothingBehind):
    """AWS::ApiGateway::Account: the role by which API Gateway would write logs, which no stage can ask for here.

    DIFFERS: ``AWS::ApiGateway::Account`` of a stack changes nothing. ``UpdateAccount`` is refused, and so are the logs of stages.
    """

    TYPE = "AWS::ApiGateway::Account"
    KNOWN = frozenset({"CloudWatchRoleArn"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        super().create()
        self.attributes = {"Id": self.name}


CDK: tuple[type[Resource], ...] = (Metadata, Account)
