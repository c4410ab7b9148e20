"""Makes moto's topics hand messages for functions to the sandbox, filter them as AWS does, and know redrive policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.services import trace_headers
from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.triggers import sns_event
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.sns_filter import FilterPolicy

# Source: Amazon SNS Developer Guide, "Amazon SNS message delivery retries": AWS's own endpoints, 23 days; read 2026-11.
_ATTEMPTS, _AGE_S = 100_015, 23 * 86_400
_RAW_PROTOCOLS = ("sqs", "http", "https", "firehose")


def install(module: Any, forwarder: Forwarder) -> None:
    """Replace what ``moto.sns.models`` does with subscriptions."""
    _replace_publish(module.Subscription, forwarder)
    _replace_subscribe(module)
    _replace_attributes(module)


def _replace_publish(subscription_class: Any, forwarder: Forwarder) -> None:
    publish = subscription_class.publish

    def publish_or_deliver(
        self: Any,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        *args: Any,
        **options: Any,
    ) -> None:
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        for_protocol = message
        if options.get("message_structure") == "json":
            for_protocol = self._parse_message_structure(message, self.protocol)
        sent = _delivery(self, for_protocol, message_id, subject, message_attributes or {})
        if self.protocol == "lambda":
            forwarder.deliver(sent)
        elif self.protocol != "sqs" or forwarder.may_send(sent):
            publish(self, message, message_id, subject, message_attributes, *args, **options)
        elif sent.dead_letter_arn:  # the server finds the same, and sends it there
            forwarder.deliver(sent)

    subscription_class.publish = publish_or_deliver


def _delivery(
    subscription: Any, text: str, message_id: str, subject: str | None, attributes: dict[str, Any]
) -> Delivery:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    topic_arn = subscription.topic.arn
    message = sns_event.Message(topic_arn, subscription.arn, message_id, text, now, subject, attributes)
    redrive = json.loads(subscription.attributes.get("RedrivePolicy") or "{}")
    return Delivery(
        subscription.endpoint,
        json.dumps(sns_event.event(message)),
        sns_event.PRINCIPAL,
        topic_arn,
        topic_arn.split(":")[4],
        dead_letter_arn=redrive.get("deadLetterTargetArn", ""),
        dead_letter_body=sns_event.dead_letter(message),
        maximum_retry_attempts=_ATTEMPTS,
        maximum_event_age_s=_AGE_S,
        trace_header=trace_headers.current(),
    )


def _replace_subscribe(module: Any) -> None:
    subscribe = module.SNSBackend.subscribe

    def checked(self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol == "lambda":
            if not endpoint.startswith("arn:aws:lambda:") or endpoint.count(":") not in (6, 7):
                raise module.SNSInvalidParameter("Invalid parameter: Lambda endpoint ARN")
            if self.get_topic(topic_arn).fifo_topic:
                raise module.SNSInvalidParameter(
                    "Invalid parameter: Invalid parameter: Endpoint Reason: Please use FIFO SQS queue"
                )
        return subscribe(self, topic_arn, endpoint, protocol)

    module.SNSBackend.subscribe = checked


def _replace_attributes(module: Any) -> None:
    set_attributes = module.SNSBackend.set_subscription_attributes

    def checked(self: Any, arn: str, name: str, value: Any) -> None:
        subscription = self.subscriptions.get(arn)
        if subscription is not None:
            value = _checked(module, subscription, name, value)
        set_attributes(self, arn, name, value)
        if subscription is not None and name in ("FilterPolicy", "FilterPolicyScope"):
            scope: Any = subscription.attributes.get("FilterPolicyScope") or "MessageAttributes"
            policy = subscription._filter_policy
            subscription._filter_policy_matcher = FilterPolicy(policy, scope) if policy else None

    def validate(self: Any, value: Any, scope: Any) -> None:
        _filter_policy(module, value, scope or "MessageAttributes")

    module.SNSBackend.set_subscription_attributes = checked
    module.SNSBackend._validate_filter_policy = validate


def _checked(module: Any, subscription: Any, name: str, value: Any) -> Any:
    """Return the value as it is to be kept. Raises moto's error for one that AWS refuses."""
    if name == "RawMessageDelivery":
        raw = str(value).lower() == "true"
        if raw and subscription.protocol not in _RAW_PROTOCOLS:
            raise module.SNSInvalidParameter(
                f"Invalid parameter: Attributes Reason: RawMessageDelivery: Delivery protocol [{subscription.protocol}] "
                "does not support raw message delivery."
            )
        return raw
    if name == "FilterPolicyScope":
        if value not in ("MessageAttributes", "MessageBody"):
            raise module.SNSInvalidParameter(
                f"Invalid parameter: FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or "
                "MessageAttributes"
            )
        if subscription._filter_policy:
            _filter_policy(module, subscription._filter_policy, value)
    if name == "FilterPolicy" and value:
        _refuse_unreadable(module, value)
    if name == "RedrivePolicy" and value:
        _check_redrive(module, subscription, value)
    return value


def _refuse_unreadable(module: Any, text: str) -> None:
    try:
        json.loads(text)
    except ValueError as problem:
        sentence = f"Invalid parameter: FilterPolicy: failed to parse JSON. {problem}"
        raise module.SNSInvalidParameter(sentence) from None


def _filter_policy(module: Any, policy: Any, scope: Any) -> None:
    try:
        FilterPolicy(policy, scope)
    except (ValueError, AttributeError) as problem:
        raise module.SNSInvalidParameter(f"Invalid parameter: FilterPolicy: {problem}") from None


def _check_redrive(module: Any, subscription: Any, value: str) -> None:
    try:
        arn = json.loads(value)["deadLetterTargetArn"]
    except (ValueError, KeyError, TypeError):
        arn = ""
    parts = str(arn).split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise module.SNSInvalidParameter(
            "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid ARN"
        )
    if parts[3:5] != subscription.topic.arn.split(":")[3:5]:
        raise module.SNSInvalidParameter(
            "Invalid parameter: RedrivePolicy: deadLetterTargetArn must be in the same account and Region as the subscription"
        )
