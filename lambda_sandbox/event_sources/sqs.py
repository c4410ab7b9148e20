"""SQS as an event source: the few calls a mapping makes, and the record a function sees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.event_sources import aws_json
from lambda_sandbox.event_sources.aws_json import Neighbour, ServiceError
from lambda_sandbox.event_sources.batching import Message

MESSAGES_PER_CALL = 10  # SQS: ReceiveMessage, DeleteMessageBatch and ChangeMessageVisibilityBatch
SqsError = ServiceError


@dataclass(frozen=True, slots=True)
class QueueName:
    """A queue's ARN, taken apart."""

    arn: str
    region: str
    account_id: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> QueueName:
        """Raises ``ValueError`` unless ``arn`` is that of a queue."""
        parts = arn.split(":")
        if len(parts) != 6 or parts[2] != "sqs":
            raise ValueError(f"{arn} is not the ARN of an SQS queue")
        return cls(arn, parts[3], parts[4], parts[5])

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class QueueClient:
    """Calls SQS's JSON protocol for one queue. Every call raises ``SqsError`` for an error answer."""

    def __init__(self, neighbour: Neighbour, queue_arn: str) -> None:
        self.queue = QueueName.parse(queue_arn)
        self._neighbour = neighbour

    async def receive(self, count: int, wait_s: int) -> list[Message]:
        """Return up to ``count`` messages (10 at most), waiting up to ``wait_s`` whole seconds for the first.

        They are invisible to others for the queue's visibility timeout.
        """
        answer = await self._call(
            "ReceiveMessage",
            {
                "MaxNumberOfMessages": min(count, MESSAGES_PER_CALL),
                "WaitTimeSeconds": wait_s,
                "MessageSystemAttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            },
        )
        return [to_message(self.queue, received) for received in answer.get("Messages") or []]

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete ``messages``; one that is already gone is no error."""
        for entries in _entries(messages):
            await self._call("DeleteMessageBatch", {"Entries": entries})

    async def release(self, messages: Sequence[Message]) -> None:
        """Make ``messages`` visible again at once."""
        for entries in _entries(messages, VisibilityTimeout=0):
            await self._call("ChangeMessageVisibilityBatch", {"Entries": entries})

    async def visibility_timeout_s(self) -> int:
        """Return for how many seconds a received message is hidden."""
        answer = await self._call("GetQueueAttributes", {"AttributeNames": ["VisibilityTimeout"]})
        return int(answer["Attributes"]["VisibilityTimeout"])

    async def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        queue = self.queue
        request = {"QueueUrl": f"http://localhost/{queue.account_id}/{queue.name}", **parameters}
        return await aws_json.call(
            self._neighbour, queue.arn, f"AmazonSQS.{operation}", request, version="1.0"
        )


def _entries(messages: Sequence[Message], **members: Any) -> list[list[dict[str, Any]]]:
    entries = [{"Id": str(n), "ReceiptHandle": m.receipt_handle, **members} for n, m in enumerate(messages)]
    return [entries[i : i + MESSAGES_PER_CALL] for i in range(0, len(entries), MESSAGES_PER_CALL)]


def trace_header(batch: Sequence[Message]) -> str:
    """Return the trace header that an invocation with ``batch`` continues: the longest, which has the most lineage.

    AWS counts how often a function came back to itself in this header, through a queue as well.
    """
    return max((message.trace_header for message in batch), key=len, default="")


def to_message(queue: QueueName, received: dict[str, Any]) -> Message:
    """Return a message of ReceiveMessage's answer as the batcher takes it."""
    record = json.dumps(to_record(queue, received), ensure_ascii=False, separators=(",", ":"))
    group_id = received.get("Attributes", {}).get("MessageGroupId") if queue.fifo else None
    trace = received.get("Attributes", {}).get("AWSTraceHeader", "")
    return Message(
        received["MessageId"], received["ReceiptHandle"], record.encode("utf-8", "replace"), group_id, trace
    )


def to_record(queue: QueueName, received: dict[str, Any]) -> dict[str, Any]:
    """Return the record of one message in a function's event.

    Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", example events (read 2026-11).
    """
    record = {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": received.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in (received.get("MessageAttributes") or {}).items()
        },
        "md5OfBody": received["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.region,
    }
    if received.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = received["MD5OfMessageAttributes"]
    return record


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        attribute["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        attribute["binaryValue"] = value["BinaryValue"]
    return {**attribute, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
