"""AWS::StepFunctions::StateMachine. moto's own takes a definition that is a text only, and nothing from S3.

Source: CloudFormation template reference, "AWS::StepFunctions::StateMachine", read 2026-11.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import yaml

from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_changes
from lambda_sandbox.services.cloudformation.subscriptions import small_letters
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE

_WAYS = ("Definition", "DefinitionString", "DefinitionS3Location")
_SETTINGS = ("EncryptionConfiguration", "LoggingConfiguration", "TracingConfiguration")
_PLACE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class StateMachine(Resource):
    """Ref gives its ARN."""

    TYPE = "AWS::StepFunctions::StateMachine"
    SERVICE = "stepfunctions"
    NAME = "StateMachineName"
    FIXED = frozenset({"StateMachineName", "StateMachineType"})
    KNOWN = frozenset({"DefinitionSubstitutions", "RoleArn", "Tags", *_WAYS, *_SETTINGS})
    ATTRIBUTES = frozenset({"Arn", "Name"})

    def create(self) -> None:
        answer = self.api.call(
            "CreateStateMachine",
            name=self.name,
            type=self.properties.get("StateMachineType"),
            tags=small_letters(self.properties.get("Tags")),
            **self._settings(),
        )
        self.physical_resource_id = answer["stateMachineArn"]
        self.attributes = {"Arn": answer["stateMachineArn"], "Name": self.name}

    def change(self, old: Properties) -> None:
        arn = self.physical_resource_id
        self.api.call("UpdateStateMachine", stateMachineArn=arn, **self._settings())
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagResource", resourceArn=arn, tagKeys=gone)
        if come:
            pairs = [{"key": key, "value": value} for key, value in come.items()]
            self.api.call("TagResource", resourceArn=arn, tags=pairs)

    def remove(self) -> None:
        self.api.call_if_there("DeleteStateMachine", stateMachineArn=self.physical_resource_id)

    def _settings(self) -> dict[str, Any]:
        given = {
            name[0].lower() + name[1:]: small_letters(self.properties[name])
            for name in _SETTINGS
            if name in self.properties
        }
        return {"definition": self._definition(), "roleArn": self.properties.get("RoleArn"), **given}

    def _definition(self) -> str:
        given = [name for name in _WAYS if name in self.properties]
        if len(given) != 1:
            raise ValueError(
                f"A state machine has one of {', '.join(_WAYS)}; this one has {len(given)} of them."
            )
        value = self.properties[given[0]]
        if given[0] == "DefinitionS3Location":
            value = self._from_s3(value)
        text = value if isinstance(value, str) else json.dumps(value)
        substitutions = self.properties.get("DefinitionSubstitutions") or {}
        return _PLACE.sub(lambda found: str(substitutions.get(found[1], found[0])), text)

    def _from_s3(self, place: Properties) -> Any:
        """Return the definition in an object of S3, which is JSON or YAML."""
        s3 = connect(os.environ[ENDPOINT_VARIABLE], self.api.account_id, self.api.region, "s3")
        told = s3.call("GetObject", Bucket=place["Bucket"], Key=place["Key"], VersionId=place.get("Version"))
        text = told["Body"].read().decode()
        return text if text.lstrip().startswith("{") else yaml.safe_load(text)


STATE_MACHINES: tuple[type[Resource], ...] = (StateMachine,)
