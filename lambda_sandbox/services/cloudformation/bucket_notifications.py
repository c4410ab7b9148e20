"""``NotificationConfiguration`` of ``AWS::S3::Bucket``, as the public API takes it. Pure.

Source: CloudFormation's reference of AWS::S3::Bucket NotificationConfiguration, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The template's list, its name for the target, and both of them in the API.
_LISTS = {
    "LambdaConfigurations": ("Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
    "QueueConfigurations": ("Queue", "QueueConfigurations", "QueueArn"),
    "TopicConfigurations": ("Topic", "TopicConfigurations", "TopicArn"),
}
_BRIDGE = "EventBridgeConfiguration"


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
