"""AWS::SecretsManager::Secret, AWS::SecretsManager::RotationSchedule and AWS::SSM::Parameter.

Source: CloudFormation template reference, the pages of these types, read 2026-11.
"""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.services.cloudformation.resource import (
    Properties,
    Resource,
    members_of,
    tag_changes,
    tag_pairs,
)

_GENERATE = "GenerateSecretString"
_ROTATION = frozenset({"RotateImmediatelyOnUpdate", "RotationLambdaARN", "RotationRules"})


class Secret(Resource):
    """Ref gives its ARN. AWS: a generated value stays until the way to generate it changes."""

    TYPE = "AWS::SecretsManager::Secret"
    SERVICE = "secretsmanager"
    NAME = "Name"
    FIXED = frozenset({"Name"})
    KNOWN = frozenset({"Description", "KmsKeyId", "SecretString", "Tags", _GENERATE})
    UNSERVED = frozenset({"ReplicaRegions", "Type"})
    ATTRIBUTES = frozenset({"Id"})

    def create(self) -> None:
        answer = self.api.call(
            "CreateSecret",
            Name=self.name,
            Description=self.properties.get("Description"),
            KmsKeyId=self.properties.get("KmsKeyId"),
            SecretString=self._value(),
            Tags=tag_pairs(self.properties.get("Tags")),
        )
        self.physical_resource_id = answer["ARN"]
        self.attributes = {"Id": answer["ARN"]}

    def change(self, old: Properties) -> None:
        changed = {name for name in self.KNOWN if self.properties.get(name) != old.get(name)}
        if changed & {"Description", "KmsKeyId"}:
            self.api.call(
                "UpdateSecret",
                SecretId=self.physical_resource_id,
                Description=self.properties.get("Description", ""),
                KmsKeyId=self.properties.get("KmsKeyId"),
            )
        value = self._value() if changed & {"SecretString", _GENERATE} else None
        if value is not None:
            self.api.call("PutSecretValue", SecretId=self.physical_resource_id, SecretString=value)
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagResource", SecretId=self.physical_resource_id, TagKeys=gone)
        if come:
            pairs = [{"Key": key, "Value": value} for key, value in come.items()]
            self.api.call("TagResource", SecretId=self.physical_resource_id, Tags=pairs)

    def remove(self) -> None:
        self.api.call_if_there(
            "DeleteSecret", SecretId=self.physical_resource_id, ForceDeleteWithoutRecovery=True
        )

    def _value(self) -> str | None:
        """Return what the secret is to hold, ``None`` for nothing. Raises ``ValueError``."""
        wish = self.properties.get(_GENERATE)
        if wish is None:
            given = self.properties.get("SecretString")
            return None if given is None else str(given)
        if "SecretString" in self.properties:
            raise ValueError("You can't specify both SecretString and GenerateSecretString for one secret.")
        password = self.api.call("GetRandomPassword", **members_of(self.api, "GetRandomPassword", wish))
        return _in_template(wish, str(password["RandomPassword"]))


def _in_template(wish: Properties, password: str) -> str:
    """Return the password, or the JSON object that the template for it asks for."""
    key, template = wish.get("GenerateStringKey"), wish.get("SecretStringTemplate")
    if key is None and template is None:
        return password
    if key is None or template is None:
        raise ValueError(
            "GenerateStringKey and SecretStringTemplate go together: name both, or none of them."
        )
    try:
        content = json.loads(template)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValueError("Could not parse SecretStringTemplate JSON: it must be the text of an object.")
    return json.dumps({**content, str(key): password})


class RotationSchedule(Resource):
    """Ref gives the secret's ARN. Its function rotates the secret at once, unless the template says otherwise."""

    TYPE = "AWS::SecretsManager::RotationSchedule"
    SERVICE = "secretsmanager"
    FIXED = frozenset({"SecretId"})
    REQUIRED = FIXED
    KNOWN = _ROTATION
    UNSERVED = frozenset(
        {"ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn", "HostedRotationLambda"}
    )

    def create(self) -> None:
        at_once = str(self.properties.get("RotateImmediatelyOnUpdate", True)).lower() == "true"
        answer = self.api.call("RotateSecret", **self.given("RotateSecret"), RotateImmediately=at_once)
        self.physical_resource_id = answer["ARN"]

    def change(self, old: Properties) -> None:
        self.create()

    def remove(self) -> None:
        self.api.call_if_there("CancelRotateSecret", SecretId=self.physical_resource_id)


class Parameter(Resource):
    """Ref gives its name. AWS: a template makes no ``SecureString``."""

    TYPE = "AWS::SSM::Parameter"
    SERVICE = "ssm"
    NAME = "Name"
    FIXED = frozenset({"Name"})
    KNOWN = frozenset(
        {"AllowedPattern", "DataType", "Description", "Policies", "Tags", "Tier", "Type", "Value"}
    )
    ATTRIBUTES = frozenset({"Type", "Value"})

    def create(self) -> None:
        self._put(overwrite=False)
        self._tag({})
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        self._put(overwrite=True)
        self._tag(old)

    def remove(self) -> None:
        self.api.call_if_there("DeleteParameter", Name=self.name)

    def _put(self, *, overwrite: bool) -> None:
        kind = self.properties.get("Type")
        if kind not in ("String", "StringList"):
            raise ValueError(f"A parameter of a stack is a String or a StringList, not {kind}.")
        given: dict[str, Any] = self.given("PutParameter")
        given.pop("Tags", None)  # of an existing parameter they are not changed in this way
        self.api.call("PutParameter", **given | {"Name": self.name, "Overwrite": overwrite})
        self.attributes = {"Type": kind, "Value": str(self.properties.get("Value", ""))}

    def _tag(self, old: Properties) -> None:
        """A template gives the tags as an object, not as pairs."""
        before, after = old.get("Tags") or {}, self.properties.get("Tags") or {}
        at = {"ResourceType": "Parameter", "ResourceId": self.name}
        gone = sorted(before.keys() - after.keys())
        if gone:
            self.api.call("RemoveTagsFromResource", **at, TagKeys=gone)
        if after:
            pairs = [{"Key": key, "Value": str(value)} for key, value in after.items()]
            self.api.call("AddTagsToResource", **at, Tags=pairs)


SECRETS_AND_PARAMETERS: tuple[type[Resource], ...] = (Secret, RotationSchedule, Parameter)
