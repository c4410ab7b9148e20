"""Which permission it takes to send something to a function, queue, topic, bus, bucket or state machine.

Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations", the permissions of each destination;
Amazon SQS Developer Guide, "Amazon SQS API permissions: Actions and resource reference", read 2026-11.
"""

from __future__ import annotations

from typing import Literal

from lambda_sandbox.iam.lambda_requests import Asked

Setting = Literal["DeadLetterConfig", "DestinationConfig", "Mapping"]

_ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "events": "events:PutEvents",
    "s3": "s3:PutObject",
    "states": "states:StartExecution",
}


def needed(target_arn: str, key: str = "*") -> Asked | None:
    """Return what has to be allowed, ``None`` for a target of any other service. ``key`` is an object's, in a bucket."""
    service = target_arn.split(":")[2]
    action = _ACTIONS.get(service)
    if action is None:
        return None
    return Asked(action, f"{target_arn}/{key}" if service == "s3" else target_arn)


def config_refusal(setting: Setting, target_arn: str) -> str:
    """Return AWS's sentence for a setting whose target the execution role may not send to.

    ``Mapping`` is the ``DestinationConfig`` of a mapping. UNCONFIRMED: the sentence of a mapping for other targets than queues and topics.
    """
    asked = needed(target_arn)
    assert asked is not None
    operation = asked.action.partition(":")[2]
    if setting == "DestinationConfig":
        return f"The function's execution role does not have permissions to call {operation} on {target_arn}"
    who = "provided" if setting == "DeadLetterConfig" else "function"
    service = target_arn.split(":")[2]
    return f"The {who} execution role does not have permissions to call {operation} on {_NAMES[service]}"


_NAMES = {
    "sqs": "SQS",
    "sns": "SNS",
    "s3": "S3",
    "lambda": "Lambda",
    "events": "EventBridge",
    "states": "Step Functions",
}
