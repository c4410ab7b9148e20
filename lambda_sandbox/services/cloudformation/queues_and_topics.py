"""AWS::SQS::Queue and AWS::SNS::Topic.

moto's own take a few of their properties in an update, keep the old name, and lose a topic's subscriptions.
"""

from __future__ import annotations

from typing import Any

from lambda_sandbox.services.cloudformation.resource import (
    Properties,
    Resource,
    retag_by_pairs,
    tag_changes,
    tag_map,
    tag_pairs,
)
from lambda_sandbox.services.cloudformation.subscriptions import attribute_text

_FIFO = ".fifo"
# What the attributes of a queue go back to when their property leaves the template.
_QUEUE_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
_TOPIC_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DisplayName": "",
    "FifoThroughputScope": "Topic",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}


class Queue(Resource):
    """Ref gives its URL."""

    TYPE = "AWS::SQS::Queue"
    SERVICE = "sqs"
    NAME = "QueueName"
    FIXED = frozenset({"QueueName", "FifoQueue"})
    KNOWN = frozenset({"Tags", *_QUEUE_DEFAULTS})
    ATTRIBUTES = frozenset({"Arn", "QueueName", "QueueUrl"})

    def create(self) -> None:
        name = _full_name(self, self.properties.get("FifoQueue"))
        attributes = {
            member: attribute_text(value)
            for member, value in self.properties.items()
            if member in _QUEUE_DEFAULTS
        }
        if _is_true(self.properties.get("FifoQueue")):
            attributes["FifoQueue"] = "true"
        answer = self.api.call(
            "CreateQueue", QueueName=name, Attributes=attributes, tags=tag_map(self.properties.get("Tags"))
        )
        url = self.physical_resource_id = answer["QueueUrl"]
        told = self.api.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
        self.attributes = {"Arn": told["Attributes"]["QueueArn"], "QueueName": name, "QueueUrl": url}

    def change(self, old: Properties) -> None:
        url = self.physical_resource_id
        attributes = _changed(self.properties, old, _QUEUE_DEFAULTS)
        if attributes:
            self.api.call("SetQueueAttributes", QueueUrl=url, Attributes=attributes)
        gone, come = tag_changes(old.get("Tags"), self.properties.get("Tags"))
        if gone:
            self.api.call("UntagQueue", QueueUrl=url, TagKeys=gone)
        if come:
            self.api.call("TagQueue", QueueUrl=url, Tags=come)

    def remove(self) -> None:
        self.api.call_if_there("DeleteQueue", QueueUrl=self.physical_resource_id)


class Topic(Resource):
    """Ref gives its ARN. AWS: subscriptions of the template go with the topic, since a topic's deletion deletes them."""

    TYPE = "AWS::SNS::Topic"
    SERVICE = "sns"
    NAME = "TopicName"
    FIXED = frozenset({"TopicName", "FifoTopic"})
    KNOWN = frozenset({"Tags", "Subscription", *_TOPIC_DEFAULTS})
    ATTRIBUTES = frozenset({"TopicArn", "TopicName"})

    def create(self) -> None:
        name = _full_name(self, self.properties.get("FifoTopic"))
        attributes = {
            member: attribute_text(value)
            for member, value in self.properties.items()
            if member in _TOPIC_DEFAULTS
        }
        if _is_true(self.properties.get("FifoTopic")):
            attributes["FifoTopic"] = "true"
        answer = self.api.call(
            "CreateTopic", Name=name, Attributes=attributes, Tags=tag_pairs(self.properties.get("Tags"))
        )
        arn = self.physical_resource_id = answer["TopicArn"]
        self.attributes = {"TopicArn": arn, "TopicName": name}
        self._subscribe([])

    def change(self, old: Properties) -> None:
        arn = self.physical_resource_id
        for member, value in _changed(self.properties, old, _TOPIC_DEFAULTS).items():
            self.api.call("SetTopicAttributes", TopicArn=arn, AttributeName=member, AttributeValue=value)
        self._subscribe(old.get("Subscription") or [])
        retag_by_pairs(self.api, arn, old.get("Tags"), self.properties.get("Tags"))

    def remove(self) -> None:
        self.api.call_if_there("DeleteTopic", TopicArn=self.physical_resource_id)

    def _subscribe(self, old: list[Any]) -> None:
        """Bring the subscriptions from ``old`` to those of the properties."""
        wanted = self.properties.get("Subscription") or []
        for each in wanted:
            if each not in old:
                self.api.call("Subscribe", TopicArn=self.physical_resource_id, **each)
        gone = [(each["Protocol"], each["Endpoint"]) for each in old if each not in wanted]
        if not gone:
            return
        there = self.api.call("ListSubscriptionsByTopic", TopicArn=self.physical_resource_id)
        for each in there["Subscriptions"]:
            if (each["Protocol"], each["Endpoint"]) in gone:
                self.api.call("Unsubscribe", SubscriptionArn=each["SubscriptionArn"])


def _full_name(resource: Resource, fifo: Any) -> str:
    """Return the name; AWS gives one that it makes for a FIFO queue or topic the suffix that such names must have."""
    made = resource.NAME not in resource.properties
    return f"{resource.name}{_FIFO}" if made and _is_true(fifo) else resource.name


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _changed(new: Properties, old: Properties, defaults: dict[str, str]) -> dict[str, str]:
    """Return the attributes that an update sets; one that left the template gets its default again."""
    return {
        member: attribute_text(new[member]) if member in new else default
        for member, default in defaults.items()
        if new.get(member) != old.get(member)
    }


QUEUES_AND_TOPICS: tuple[type[Resource], ...] = (Queue, Topic)
