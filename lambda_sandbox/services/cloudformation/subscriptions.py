"""What connects a function or a queue with a neighbour, where moto's stacks know no such type."""

from __future__ import annotations

import json
from typing import Any

from lambda_sandbox.services.cloudformation.resource import Properties, Resource


class TopicSubscription(Resource):
    """Ref gives the subscription's ARN."""

    TYPE = "AWS::SNS::Subscription"
    SERVICE = "sns"
    FIXED = frozenset({"TopicArn", "Protocol", "Endpoint"})
    KNOWN = frozenset(
        {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
    )
    ATTRIBUTES = frozenset({"Arn"})

    def create(self) -> None:
        at = {name: self.properties[name] for name in self.FIXED if name in self.properties}
        attributes = {
            name: attribute_text(self.properties[name]) for name in self.KNOWN & self.properties.keys()
        }
        answer = self.api.call("Subscribe", **at, Attributes=attributes, ReturnSubscriptionArn=True)
        self.physical_resource_id = answer["SubscriptionArn"]
        self.attributes = {"Arn": answer["SubscriptionArn"]}

    def change(self, old: Properties) -> None:
        for name in sorted(self.KNOWN & (self.properties.keys() | old.keys())):
            value = attribute_text(self.properties[name]) if name in self.properties else ""
            self.api.call(
                "SetSubscriptionAttributes",
                SubscriptionArn=self.physical_resource_id,
                AttributeName=name,
                AttributeValue=value,
            )

    def remove(self) -> None:
        self.api.call_if_there("Unsubscribe", SubscriptionArn=self.physical_resource_id)


class LogSubscription(Resource):
    """Ref gives the filter's name."""

    TYPE = "AWS::Logs::SubscriptionFilter"
    SERVICE = "logs"
    FIXED = frozenset({"FilterName", "LogGroupName"})
    KNOWN = frozenset({"DestinationArn", "FilterPattern", "RoleArn", "Distribution"})
    NAME = "FilterName"

    def create(self) -> None:
        self.api.call("PutSubscriptionFilter", **small_letters(self.properties) | {"filterName": self.name})
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        self.create()

    def remove(self) -> None:
        group = self.properties["LogGroupName"]
        self.api.call_if_there("DeleteSubscriptionFilter", logGroupName=group, filterName=self.name)


class TopicRule(Resource):
    """Ref gives the rule's name.

    POLICY: the name that CloudFormation makes for an IoT rule without one has underscores, since such names may have no hyphens.
    """

    TYPE = "AWS::IoT::TopicRule"
    SERVICE = "iot"
    FIXED = frozenset({"RuleName"})
    KNOWN = frozenset({"TopicRulePayload"})
    NAME = "RuleName"
    ATTRIBUTES = frozenset({"Arn"})

    def create(self) -> None:
        self.physical_resource_id = self.properties.get("RuleName") or self.name.replace("-", "_")
        self._call("CreateTopicRule")
        answer = self.api.call("GetTopicRule", ruleName=self.physical_resource_id)
        self.attributes = {"Arn": answer["ruleArn"]}

    def change(self, old: Properties) -> None:
        self._call("ReplaceTopicRule")

    def remove(self) -> None:
        self.api.call_if_there("DeleteTopicRule", ruleName=self.physical_resource_id)

    def _call(self, operation: str) -> None:
        payload = small_letters(self.properties["TopicRulePayload"])
        self.api.call(operation, ruleName=self.physical_resource_id, topicRulePayload=payload)


class QueuePolicy(Resource):
    """Ref gives its logical name."""

    TYPE = "AWS::SQS::QueuePolicy"
    SERVICE = "sqs"
    KNOWN = frozenset({"Queues", "PolicyDocument"})
    REQUIRED = KNOWN

    def create(self) -> None:
        self._set(self.properties["Queues"], attribute_text(self.properties["PolicyDocument"]))
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        self._set([queue for queue in old["Queues"] if queue not in self.properties["Queues"]], "")
        self.create()

    def remove(self) -> None:
        self._set(self.properties["Queues"], "")

    def _set(self, queues: list[str], policy: str) -> None:
        for url in queues:
            self.api.call("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


class TopicPolicy(Resource):
    """Ref gives its logical name."""

    TYPE = "AWS::SNS::TopicPolicy"
    SERVICE = "sns"
    KNOWN = frozenset({"Topics", "PolicyDocument"})
    REQUIRED = KNOWN

    def create(self) -> None:
        self._set(self.properties["Topics"], attribute_text(self.properties["PolicyDocument"]))
        self.physical_resource_id = self.name

    def change(self, old: Properties) -> None:
        self._set([topic for topic in old["Topics"] if topic not in self.properties["Topics"]], "")
        self.create()

    def remove(self) -> None:
        self._set(self.properties["Topics"], "")

    def _set(self, topics: list[str], policy: str) -> None:
        """AWS: without a policy of somebody's a topic has the one it was made with."""
        for arn in topics:
            self.api.call_if_there(
                "SetTopicAttributes",
                TopicArn=arn,
                AttributeName="Policy",
                AttributeValue=policy or json.dumps(_owners(arn)),
            )


class BucketPolicy(Resource):
    """Ref gives the bucket's name."""

    TYPE = "AWS::S3::BucketPolicy"
    SERVICE = "s3"
    FIXED = frozenset({"Bucket"})
    KNOWN = frozenset({"PolicyDocument"})
    REQUIRED = FIXED | KNOWN

    def create(self) -> None:
        bucket, policy = self.properties["Bucket"], attribute_text(self.properties["PolicyDocument"])
        self.api.call("PutBucketPolicy", Bucket=bucket, Policy=policy)
        self.physical_resource_id = bucket

    def change(self, old: Properties) -> None:
        self.create()

    def remove(self) -> None:
        self.api.call_if_there("DeleteBucketPolicy", Bucket=self.physical_resource_id)


def _owners(arn: str) -> dict[str, Any]:
    """Return the policy of a new topic: what its owner's account may do."""
    actions = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{each}" for each in actions],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


def attribute_text(value: Any) -> str:
    """Attributes of SNS are texts; a template may give a policy as an object and a switch as a boolean."""
    return value if isinstance(value, str) else json.dumps(value)


def small_letters(value: Any) -> Any:
    """The APIs of CloudWatch Logs and IoT begin their members with a small letter, stacks with a capital one."""
    if isinstance(value, list):
        return [small_letters(each) for each in value]
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: small_letters(each) for name, each in value.items()}
    return value


SUBSCRIPTIONS: tuple[type[Resource], ...] = (
    TopicSubscription,
    LogSubscription,
    TopicRule,
    QueuePolicy,
    TopicPolicy,
    BucketPolicy,
)
