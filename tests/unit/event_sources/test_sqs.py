from __future__ import annotations

import json

import pytest

from lambda_sandbox.event_sources.sqs import QueueName, to_message, to_record

ARN = "arn:aws:sqs:eu-west-1:000000000000:orders"
RECEIVED = {
    "MessageId": "059f36b4",
    "ReceiptHandle": "AQEB",
    "Body": "größe",
    "MD5OfBody": "e4e6",
    "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDA"},
}


def test_a_record_has_awss_members_and_no_others() -> None:
    assert to_record(QueueName.parse(ARN), RECEIVED) == {
        "messageId": "059f36b4",
        "receiptHandle": "AQEB",
        "body": "größe",
        "attributes": RECEIVED["Attributes"],
        "messageAttributes": {},
        "md5OfBody": "e4e6",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }


def test_message_attributes_come_in_lower_camel_case_with_their_empty_lists() -> None:
    attributes = {
        "a": {"DataType": "String", "StringValue": "v"},
        "b": {"DataType": "Binary", "BinaryValue": "AQ=="},
    }
    record = to_record(QueueName.parse(ARN), {**RECEIVED, "MessageAttributes": attributes})
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "a": {"stringValue": "v", "dataType": "String", **lists},
        "b": {"binaryValue": "AQ==", "dataType": "Binary", **lists},
    }


def test_the_record_on_the_wire_is_utf8() -> None:
    message = to_message(QueueName.parse(ARN), RECEIVED)
    assert "größe".encode() in message.record
    assert json.loads(message.record)["messageId"] == message.message_id


@pytest.mark.parametrize(("name", "group"), [("orders.fifo", "g1"), ("orders", None)])
def test_only_a_fifo_queue_orders_by_group(name: str, group: str | None) -> None:
    queue = QueueName.parse(f"arn:aws:sqs:us-east-1:000000000000:{name}")
    assert to_message(queue, {**RECEIVED, "Attributes": {"MessageGroupId": "g1"}}).group_id == group


@pytest.mark.parametrize("arn", ["orders", "arn:aws:kinesis:us-east-1:000000000000:stream/s", ""])
def test_what_is_no_queue_arn_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="not the ARN of an SQS queue"):
        QueueName.parse(arn)
