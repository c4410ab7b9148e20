"""Refuses the properties that moto's own resource types never look at: the stack would be complete without them.

DIFFERS: of resources of EC2 in a stack some properties have no effect and are not refused: no function's network depends on them here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MethodType
from typing import Any

from lambda_sandbox.services.cloudformation.changes import HalfMade

# Nothing of EC2 has an effect on a function here; an inner stack is asked for what it needs by ``nested_stacks``.
_EXEMPT = ("AWS::EC2::", "AWS::CloudFormation::")


class Seen(dict[str, Any]):
    """Properties that know which of them were looked at. Whoever goes through all of them has seen them all."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.unseen = set(properties)

    def __getitem__(self, name: str) -> Any:
        self.unseen.discard(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.unseen.discard(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self.unseen.discard(name)
        return super().pop(name, *default)

    def __iter__(self) -> Iterator[str]:
        self.unseen.clear()
        return super().__iter__()

    def keys(self) -> Any:
        self.unseen.clear()
        return super().keys()

    def items(self) -> Any:
        self.unseen.clear()
        return super().items()

    def copy(self) -> Any:
        self.unseen.clear()
        return super().copy()


def install(kind: Any) -> None:
    """Change one of moto's resource classes in place."""
    if str(kind.cloudformation_type()).startswith(_EXEMPT):
        return
    create = kind.create_from_cloudformation_json

    def create_from_cloudformation_json(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **rest: Any
    ) -> Any:
        seen = Seen(cloudformation_json.get("Properties") or {})
        body = {**cloudformation_json, "Properties": seen}
        made = create(resource_name, body, account_id, region_name, **rest)
        unseen = sorted(seen.unseen - {cls.cloudformation_name_type()})
        if unseen and made is not None:
            made.cf_resource_type = cloudformation_json["Type"]
            made.logical_resource_id = rest.get("LogicalId", "")
            raise HalfMade(
                f"The sandbox does not emulate the property {unseen[0]} of {cloudformation_json['Type']}: leave it out.",
                made,
            )
        return made

    kind.create_from_cloudformation_json = MethodType(create_from_cloudformation_json, kind)
