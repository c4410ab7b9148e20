"""The event that a function gets for a message to a topic, and what goes to the subscription's dead-letter queue.

Source: AWS Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications", read 2026-11.

DIFFERS: messages of SNS are not signed: ``Signature``, ``SigningCertUrl`` and their like are placeholders. Code that verifies the
signature fails here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PRINCIPAL = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Message:
    """What was published to one subscription. ``timestamp`` is ISO 8601 with milliseconds; ``attributes`` are SNS's own
    ``{"name": {"Type": …, "Value": …}}``."""

    topic_arn: str
    subscription_arn: str
    message_id: str
    text: str
    timestamp: str
    subject: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def event(message: Message) -> dict[str, Any]:
    """Return the event: always one record."""
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": message.subscription_arn,
        "EventSource": "aws:sns",
        "Sns": _notification(message, "SigningCertUrl", "UnsubscribeUrl"),
    }
    return {"Records": [record]}


def dead_letter(message: Message) -> str:
    """Return the body of the message in a dead-letter queue: the notification as a queue's subscription gets it."""
    body = _notification(message, "SigningCertURL", "UnsubscribeURL")
    if message.subject is None:
        del body["Subject"]
    return json.dumps(body)


def _notification(message: Message, certificate: str, unsubscribe: str) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": message.message_id,
        "TopicArn": message.topic_arn,
        "Subject": message.subject,
        "Message": message.text,
        "Timestamp": message.timestamp,
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        certificate: "EXAMPLE",
        unsubscribe: "EXAMPLE",
        "MessageAttributes": dict(message.attributes),
    }
