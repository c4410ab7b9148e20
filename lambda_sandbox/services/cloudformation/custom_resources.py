"""``AWS::CloudFormation::CustomResource`` and ``Custom::…``: a function of the template's makes, changes and removes them.

Source: CloudFormation User Guide, "Create custom provisioning logic with custom resources", read 2026-11.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from lambda_sandbox.quotas import (
    CUSTOM_RESOURCE_SERVICE_TIMEOUT_DEFAULT_S,
    CUSTOM_RESOURCE_SERVICE_TIMEOUT_MAX_S,
)
from lambda_sandbox.services.cloudformation import custom_answers
from lambda_sandbox.services.cloudformation.changes import HalfMade
from lambda_sandbox.services.cloudformation.custom_answers import Answers
from lambda_sandbox.services.cloudformation.lambda_api import LambdaApi, connect
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, UnsupportedAttribute
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE, Forwarder

_PREFIX = "Custom::"
_TOKEN, _TIMEOUT = "ServiceToken", "ServiceTimeout"
_NO_ANSWER = (
    "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [{}]. If you "
    "are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can "
    "attach the updated version."
)


def install(parsing: Any, forwarder: Forwarder) -> None:
    """Have moto's ``parsing`` take our class for every ``Custom::`` type."""
    CustomResource.answers = Answers(forwarder)
    parsing.CustomModel = CustomResource


def is_custom(kind: str) -> bool:
    return kind.startswith(_PREFIX) or kind == CustomResource.TYPE


class CustomResource(Resource):
    """Ref gives the physical id that the function has chosen, GetAtt what it has sent as ``Data``."""

    TYPE = "AWS::CloudFormation::CustomResource"
    answers: ClassVar[Answers]

    def __init__(
        self, api: LambdaApi, name: str, properties: Properties, stack_id: str, logical_id: str, kind: str
    ) -> None:
        super().__init__(api, name, properties)
        self.stack_id = stack_id
        self.logical_resource_id = logical_id
        self.cf_resource_type = kind

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **place: Any,
    ) -> Self:
        properties = _texts(dict(cloudformation_json.get("Properties", {})))
        _check(properties)
        api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region_name)
        made = cls(
            api, resource_name, properties, place["StackId"], place["LogicalId"], place["ResourceType"]
        )
        try:
            answer = made._ask("Create")
        except CustomFailure as failure:
            # AWS: what a failed creation may have left is deleted by its function, under the id that it gave, or else ours.
            made.physical_resource_id = failure.physical_id or resource_name
            raise HalfMade(str(failure), made) from failure
        made._take(answer)
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
        """Return the same resource, or another where the function answers with another physical id."""
        old = original_resource
        properties = _texts(dict(cloudformation_json.get("Properties", {})))
        if properties == old.properties:
            return old
        _check(properties)
        if properties[_TOKEN] != old.properties[_TOKEN]:
            raise ValueError("Modifying service token is not allowed.")
        new = cls(old.api, old.name, properties, old.stack_id, old.logical_resource_id, old.cf_resource_type)
        new.physical_resource_id = old.physical_resource_id
        try:
            answer = new._ask("Update", old.properties)
        except CustomFailure:
            # AWS: the function is asked for what was before, with what it was to do as the old properties.
            old.properties = properties
            raise
        new._take(answer)
        if new.physical_resource_id != old.physical_resource_id:
            return new
        old.properties, old.attributes = new.properties, new.attributes
        return old

    def remove(self) -> None:
        self._ask("Delete")

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        if attribute_name not in self.attributes:
            raise UnsupportedAttribute(
                f"Vendor response doesn't contain {attribute_name} attribute in object "
                f"{self.stack_id}|{self.logical_resource_id}|{self.physical_resource_id}"
            )
        return self.attributes[attribute_name]

    def _take(self, answer: Mapping[str, Any]) -> None:
        self.physical_resource_id = answer["PhysicalResourceId"]
        self.attributes = dict(answer.get("Data") or {})

    def _ask(self, request_type: str, old: Properties | None = None) -> dict[str, Any]:
        """Have the function do something and return its answer. Raises ``CustomFailure``."""
        request_id = str(uuid.uuid4())
        awaited = self.answers.expect(self.stack_id, self.logical_resource_id, request_id, self.api.region)
        request: dict[str, Any] = {
            "RequestType": request_type,
            "ServiceToken": self.properties[_TOKEN],
            "ResponseURL": awaited.url,
            "StackId": self.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": self.logical_resource_id,
            "ResourceType": self.cf_resource_type,
            "ResourceProperties": self.properties,
        }
        if request_type != "Create":
            request["PhysicalResourceId"] = self.physical_resource_id
        if old is not None:
            request["OldResourceProperties"] = old
        self.api.call(
            "Invoke",
            FunctionName=self.properties[_TOKEN],
            InvocationType="Event",
            Payload=json.dumps(request).encode(),
        )
        seconds = float(self.properties.get(_TIMEOUT, CUSTOM_RESOURCE_SERVICE_TIMEOUT_DEFAULT_S))
        if not self.answers.wait(awaited, seconds):
            raise CustomFailure(_NO_ANSWER.format(request_id))
        return _judged(awaited.body, request)


class CustomFailure(RuntimeError):
    """A function did not do what it was asked for; ``physical_id`` is the one that it gave all the same."""

    def __init__(self, reason: str, physical_id: str = "") -> None:
        super().__init__(reason)
        self.physical_id = physical_id


def _judged(body: bytes | None, request: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = custom_answers.read(body, request)
    except ValueError as error:
        raise CustomFailure(str(error)) from None
    physical_id = answer.get("PhysicalResourceId") or request.get("PhysicalResourceId", "")
    if answer["Status"] == "FAILED":
        raise CustomFailure(
            f"Received response status [FAILED] from custom resource. Message returned: {answer['Reason']} "
            f"(RequestId: {request['RequestId']})",
            str(answer.get("PhysicalResourceId") or ""),
        )
    if not physical_id:
        raise CustomFailure("Invalid PhysicalResourceId: the function has to answer with one.")
    return {**answer, "PhysicalResourceId": str(physical_id)}


def _check(properties: Properties) -> None:
    """Raise ``ValueError`` for a provider that there is not here, or a time that CloudFormation does not wait."""
    token = str(properties.get(_TOKEN) or "")
    if not token:
        raise ValueError("A custom resource needs the property ServiceToken: the ARN of its function.")
    if ":sns:" in token:
        raise ValueError(
            "The sandbox has functions as providers of custom resources, and no SNS topics: name a function's ARN in "
            "ServiceToken."
        )
    seconds = properties.get(_TIMEOUT)
    if seconds is None:
        return
    if not str(seconds).isdecimal() or not 1 <= int(seconds) <= CUSTOM_RESOURCE_SERVICE_TIMEOUT_MAX_S:
        raise ValueError(
            f"ServiceTimeout is {seconds}; it must be a number of seconds from 1 to "
            f"{CUSTOM_RESOURCE_SERVICE_TIMEOUT_MAX_S}."
        )


def _texts(value: Any) -> Any:
    """AWS: numbers and booleans come to the function as texts."""
    if isinstance(value, Mapping):
        return {name: _texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
