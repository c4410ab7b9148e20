"""What all Lambda resources of a stack share: when to create, change, replace and delete, as moto's stacks ask for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from lambda_sandbox.services.cloudformation.lambda_api import LambdaApi, connect
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE

Properties = dict[str, Any]
_MEMBERS = {"KmsKeyArn": "KMSKeyArn"}  # CloudFormation spells it another way


class UnsupportedAttribute(ValueError):
    """GetAtt asked for what the type does not have."""


class Resource:
    """One resource. ``physical_resource_id`` is what Ref gives, ``attributes`` what GetAtt gives.

    ``NAME`` is the property that names it, where one does; ``FIXED`` are the properties that a living resource keeps,
    so that another value makes a new one; ``KNOWN`` are the others. ``UNSERVED`` are properties that AWS has and nothing here
    does anything with; ``REQUIRED`` are those that no resource can be without.
    """

    TYPE: ClassVar[str]
    SERVICE: ClassVar[str] = "lambda"
    NAME: ClassVar[str] = ""
    FIXED: ClassVar[frozenset[str]] = frozenset()
    KNOWN: ClassVar[frozenset[str]] = frozenset()
    UNSERVED: ClassVar[frozenset[str]] = frozenset()
    REQUIRED: ClassVar[frozenset[str]] = frozenset()
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()
    # Whether the name alone says which resource is meant, so that there cannot be a second while the first is there.
    UNIQUE: ClassVar[bool] = False

    cf_resource_type: str
    logical_resource_id: str

    def __init__(self, api: LambdaApi, name: str, properties: Properties) -> None:
        self.api = api
        self.name = name
        self.properties = properties
        self.physical_resource_id = ""
        self.attributes: dict[str, Any] = {}

    # --- what each type says ---------------------------------------------------------------------------------

    def create(self) -> None:
        raise NotImplementedError

    def change(self, old: Properties) -> None:
        """Bring the living resource from ``old`` to ``properties``; only types with properties in ``KNOWN`` need it."""
        raise NotImplementedError

    def remove(self) -> None:
        raise NotImplementedError

    def refuse_change(self, new: Properties) -> None:
        """Raise for properties that the living resource, which is as it was then, cannot be brought to."""

    # --- what moto calls -------------------------------------------------------------------------------------

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.NAME

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.ATTRIBUTES

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Self:
        properties = dict(cloudformation_json.get("Properties", {}))
        cls._refuse_properties(properties)
        api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region_name, cls.SERVICE)
        made = cls(api, resource_name, properties)
        made.create()
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        """Return the resource after the update: the same, or the new one that took its place."""
        new = dict(cloudformation_json.get("Properties", {}))
        old = original_resource.properties
        changed = {name for name in new.keys() | old.keys() if new.get(name) != old.get(name)}
        if not changed:
            return original_resource
        cls._refuse_properties(new)
        if changed <= cls.KNOWN:
            original_resource.refuse_change(new)
            original_resource.properties = new
            original_resource.change(old)
            return original_resource
        if cls.UNIQUE and cls.NAME in new and new[cls.NAME] == old.get(cls.NAME):
            raise ValueError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{new[cls.NAME]} and update the stack again."
            )
        # The old one goes in the clean-up of the update.
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )

    @classmethod
    def _refuse_properties(cls, properties: Properties) -> None:
        unserved = sorted(properties.keys() & cls.UNSERVED)
        if unserved:
            raise ValueError(
                f"The sandbox does not emulate the property {unserved[0]} of {cls.TYPE}: leave it out."
            )
        unknown = sorted(properties.keys() - cls.FIXED - cls.KNOWN)
        if unknown:
            raise ValueError(
                f"Properties validation failed: extraneous key [{unknown[0]}] is not permitted in {cls.TYPE}"
            )
        missing = sorted(cls.REQUIRED - properties.keys())
        if missing:
            raise ValueError(
                f"Properties validation failed: required key [{missing[0]}] not found in {cls.TYPE}"
            )

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove()

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        if attribute_name not in self.attributes:
            raise UnsupportedAttribute(
                f"Template error: resource {self.logical_resource_id} does not support attribute type "
                f"{attribute_name} in Fn::GetAtt"
            )
        return self.attributes[attribute_name]

    def is_created(self) -> bool:
        return True

    # --- for the types ---------------------------------------------------------------------------------------

    def given(self, operation: str) -> Properties:
        """Return the properties that are members of an operation's input."""
        return members_of(self.api, operation, self.properties)


def members_of(api: LambdaApi, operation: str, properties: Properties) -> Properties:
    """Return the properties that are members of an operation's input, under the member's name."""
    members = set(api.members(operation))
    named = {_MEMBERS.get(name, name): value for name, value in properties.items()}
    return {name: value for name, value in named.items() if name in members}


def tag_map(tags: Any) -> dict[str, str] | None:
    """Return ``Key`` and ``Value`` pairs as the API takes them."""
    return None if tags is None else {tag["Key"]: str(tag["Value"]) for tag in tags}


def tag_pairs(tags: Any) -> list[dict[str, str]] | None:
    """Return ``Key`` and ``Value`` pairs for an API that takes them so: the values are texts."""
    return (
        None
        if tags is None
        else [{"Key": key, "Value": value} for key, value in (tag_map(tags) or {}).items()]
    )


def tag_changes(old: Any, new: Any) -> tuple[list[str], dict[str, str]]:
    """Return the keys that go and the tags that come or have another value, between two lists of pairs."""
    before, after = tag_map(old) or {}, tag_map(new) or {}
    return sorted(before.keys() - after.keys()), dict(after.items() - before.items())


def retag(api: LambdaApi, arn: str, old: Any, new: Any) -> None:
    """Make the tags of a resource those of ``new``."""
    gone, come = tag_changes(old, new)
    if gone:
        api.call("UntagResource", Resource=arn, TagKeys=gone)
    if come:
        api.call("TagResource", Resource=arn, Tags=come)


def retag_by_pairs(api: LambdaApi, arn: str, old: Any, new: Any) -> None:
    """Do the same where the API takes tags as ``Key`` and ``Value`` pairs."""
    gone, come = tag_changes(old, new)
    if gone:
        api.call("UntagResource", ResourceArn=arn, TagKeys=gone)
    if come:
        pairs = [{"Key": key, "Value": value} for key, value in come.items()]
        api.call("TagResource", ResourceArn=arn, Tags=pairs)
