"""What the CDK puts into every template that it writes, beside the developer's own resources.

Source: CDK Developer Guide, "Version reporting", read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.services.cloudformation.resource import Properties, Resource


class Metadata(Resource):
    """AWS::CDK::Metadata: which constructs were used, told to nobody here."""

    TYPE = "AWS::CDK::Metadata"
    KNOWN = frozenset({"Analytics"})

    def create(self) -> None:
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        """There is nothing behind it."""

    def remove(self) -> None:
        """There is nothing behind it."""


CDK: tuple[type[Resource], ...] = (Metadata,)
