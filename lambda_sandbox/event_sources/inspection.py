"""Whether an event source exists, and what a mapping has to know of it: one call to the neighbour that holds it."""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.event_sources.aws_json import Neighbour
from lambda_sandbox.event_sources.sqs import QueueClient, SqsError
from lambda_sandbox.resources import EventSourceState

# The JSON protocol's names, and the one that the query protocol had: AWS shows the latter in Lambda's message.
_NO_QUEUE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue")
_NO_QUEUE_SHOWN = "AWS.SimpleQueueService.NonExistentQueue"


async def inspect(neighbour: Neighbour, arn: str) -> EventSourceState | None:
    """Return what the neighbour says; ``None`` where nobody can tell: a neighbour that is down, another service."""
    service = arn.split(":")[2]
    if service == "sqs":
        return await _queue(neighbour, arn)
    if service == "kinesis":
        request = {"StreamARN": arn.split("/consumer/")[0]}
        return await _stream(neighbour, arn, "Kinesis_20131202.DescribeStreamSummary", request)
    if service == "dynamodb":
        return await _stream(neighbour, arn, "DynamoDBStreams_20120810.DescribeStream", {"StreamArn": arn})
    return None


async def _queue(neighbour: Neighbour, arn: str) -> EventSourceState | None:
    try:
        visibility_timeout_s = await QueueClient(neighbour, arn).visibility_timeout_s()
    except SqsError as error:
        if error.code not in _NO_QUEUE:
            return None
        message = str(error).partition(": ")[2]
        problem = f"SQS Error Code: {_NO_QUEUE_SHOWN}. SQS Error Message: {message}"
        return EventSourceState(exists=False, problem=problem)
    return EventSourceState(exists=True, visibility_timeout_s=visibility_timeout_s)


async def _stream(
    neighbour: Neighbour, arn: str, target: str, request: dict[str, Any]
) -> EventSourceState | None:
    _, _, service, region, account_id, _ = arn.split(":", 5)
    version = "1.1" if service == "kinesis" else "1.0"
    headers = [
        (b"Host", f"{'streams.' if service == 'dynamodb' else ''}{service}.{region}.amazonaws.com".encode()),
        (b"Content-Type", f"application/x-amz-json-{version}".encode()),
        (b"X-Amz-Target", target.encode()),
        (
            b"Authorization",
            f"AWS4-HMAC-SHA256 Credential={account_id}/20260101/{region}/{service}/aws4_request, "
            "SignedHeaders=host, Signature=0".encode(),
        ),
    ]
    status, _, answer = await neighbour.forward(b"POST", b"/", headers, json.dumps(request).encode())
    if status == 200:
        return EventSourceState(exists=True)
    try:
        code = str(json.loads(answer).get("__type", ""))
    except (ValueError, AttributeError):
        return None
    return EventSourceState(exists=False) if code.endswith("ResourceNotFoundException") else None
