from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambda_sandbox.services.cloudformation import passed_over
from lambda_sandbox.services.cloudformation.changes import HalfMade


def made_by(look: Callable[[Any], Any], kind: str = "AWS::Events::EventBus") -> Any:
    """Return a class like moto's, which makes its resource by looking at the properties in this way."""

    class Kind:
        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @staticmethod
        def cloudformation_name_type() -> str:
            return "Name"

        @classmethod
        def create_from_cloudformation_json(cls, name: str, body: Any, *place: str, **rest: str) -> Any:
            look(body["Properties"])
            return cls()

    passed_over.install(Kind)
    return Kind


def create(kind: Any, **properties: Any) -> Any:
    body = {"Type": kind.cloudformation_type(), "Properties": properties}
    return kind.create_from_cloudformation_json("n", body, "000000000000", "us-east-1", LogicalId="Bus")


def test_property_that_nobody_looks_at_is_refused_and_the_resource_handed_over() -> None:
    kind = made_by(lambda properties: properties.get("Policy"))
    with pytest.raises(
        HalfMade, match="does not emulate the property Tags of AWS::Events::EventBus"
    ) as refused:
        create(kind, Name="n", Policy={}, Tags=[])
    assert refused.value.resource.logical_resource_id == "Bus"
    assert refused.value.resource.cf_resource_type == "AWS::Events::EventBus"


@pytest.mark.parametrize(
    "look",
    [
        lambda properties: (properties["Policy"], properties.get("Tags")),
        lambda properties: properties.pop("Tags") or properties.pop("Policy", None),
        list,
        dict,
        lambda properties: properties.items(),
        lambda properties: properties.copy(),
        lambda properties: {**properties},
    ],
    ids=["names", "pop", "iteration", "dict", "items", "copy", "unpacking"],
)
def test_property_that_is_looked_at_in_any_way_is_taken(look: Callable[[Any], Any]) -> None:
    create(made_by(look), Name="n", Policy={}, Tags=[])


def test_properties_of_ec2_are_left_alone() -> None:
    create(made_by(lambda properties: None, "AWS::EC2::Subnet"), MapPublicIpOnLaunch=True)
