"""``NotificationConfiguration`` of ``AWS::S3::Bucket``, which moto passes over: put by the public API, so that S3 asks as ever.

Source: CloudFormation's reference of AWS::S3::Bucket NotificationConfiguration, read 2026-11.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MethodType
from typing import Any

from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE

PROPERTY = "NotificationConfiguration"
# The template's list, its name for the target, and both of them in the API.
_LISTS = {
    "LambdaConfigurations": ("Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
    "QueueConfigurations": ("Queue", "QueueConfigurations", "QueueArn"),
    "TopicConfigurations": ("Topic", "TopicConfigurations", "TopicArn"),
}
_BRIDGE = "EventBridgeConfiguration"


def install(bucket: Any) -> None:
    """Change moto's bucket class in place: what its stacks create and update."""
    create, update = bucket.create_from_cloudformation_json, bucket.update_from_cloudformation_json

    def created(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **rest: Any
    ) -> Any:
        wanted = api_form((cloudformation_json.get("Properties") or {}).get(PROPERTY))
        made = create(resource_name, cloudformation_json, account_id, region_name, **rest)
        try:
            _configure(made, wanted, account_id, region_name)
        except Exception:  # the stack must not leave a bucket behind that it does not know of
            cls.delete_from_cloudformation_json(made.name, cloudformation_json, account_id, region_name)
            raise
        return made

    def updated(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        wanted = api_form((cloudformation_json.get("Properties") or {}).get(PROPERTY))
        after = update(original_resource, new_resource_name, cloudformation_json, account_id, region_name)
        if after is original_resource:  # a new one has been made by ``created``
            _configure(after, wanted, account_id, region_name)
        return after

    bucket.create_from_cloudformation_json = MethodType(created, bucket)
    bucket.update_from_cloudformation_json = MethodType(updated, bucket)


def api_form(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the template's configuration as ``PutBucketNotificationConfiguration`` takes it.

    Raises ``ValueError`` for a key that there is not.
    """
    given = given or {}
    unknown = sorted(given.keys() - _LISTS.keys() - {_BRIDGE})
    if unknown:
        raise ValueError(f"Properties validation failed: extraneous key [{unknown[0]}] is not permitted")
    made: dict[str, Any] = {}
    for name, (target, list_name, arn_name) in _LISTS.items():
        if given.get(name):
            made[list_name] = [_one(each, target, arn_name) for each in given[name]]
    enabled = (given.get(_BRIDGE) or {"EventBridgeEnabled": False}).get("EventBridgeEnabled", True)
    if str(enabled).lower() == "true":
        made[_BRIDGE] = {}
    return made


def _one(each: Mapping[str, Any], target: str, arn_name: str) -> dict[str, Any]:
    made: dict[str, Any] = {arn_name: each[target], "Events": [each["Event"]]}
    rules = ((each.get("Filter") or {}).get("S3Key") or {}).get("Rules")
    if rules:
        made["Filter"] = {"Key": {"FilterRules": rules}}
    return made


def _configure(bucket: Any, wanted: dict[str, Any], account_id: str, region_name: str) -> None:
    """Put the configuration; one that somebody else has put stays where the template says nothing of it."""
    if not wanted and not getattr(bucket, "notified_by_stack", False):
        return
    api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region_name, "s3")
    api.call("PutBucketNotificationConfiguration", Bucket=bucket.name, NotificationConfiguration=wanted)
    bucket.notified_by_stack = bool(wanted)
