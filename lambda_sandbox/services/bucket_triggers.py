"""Makes moto's buckets notify as S3 does: functions through the sandbox's queue, deletions in versioned buckets included.

moto emits no event for a delete marker, one for tags and ACLs that were only part of a PutObject, and takes any function.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lambda_sandbox.services import rule_triggers, trace_headers
from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.triggers import s3_event
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.s3_configuration import Configuration, overlap
from lambda_sandbox.triggers.s3_event import Change

_numbers = itertools.count(time.time_ns())
_at_hand = threading.local()  # what the request of this thread is about
_TAGGED = "s3:ObjectTagging:Put"
# While a request of this kind is carried out, moto's word of that event is only a part of it.
_SILENT = {"s3:ObjectRemoved:Delete": ("deleting",), "s3:ObjectCreated:Put": ("completing",)}


def install(module: Any, forwarder: Forwarder) -> None:
    """Replace what ``moto.s3.responses`` and the modules behind it do with notifications."""
    models, notifications = sys.modules["moto.s3.models"], sys.modules["moto.s3.notifications"]
    notifier = _Notifier(notifications, forwarder)
    notifications.send_event = notifier.send_event  # type: ignore[attr-defined]
    notifications.send_test_event = notifier.send_test_event  # type: ignore[attr-defined]
    # moto calls functions itself when a bucket is made; AWS tells of that through CloudTrail, which is not emulated.
    models.events_send_notification = lambda **event: None  # type: ignore[attr-defined]
    _replace_deletion(models, notifier)
    _replace_completion(models)
    _replace_tagging(module)
    _replace_configuration(module, models, forwarder)


class _Notifier:
    """Takes moto's word that something changed, and tells every configuration that matches."""

    def __init__(self, notifications: Any, forwarder: Forwarder) -> None:
        self._notifications = notifications
        self._forwarder = forwarder

    def send_event(self, account_id: str, event_name: str, bucket: Any, key: Any) -> None:
        """moto's own call."""
        name = getattr(event_name, "value", event_name)
        if any(getattr(_at_hand, flag, False) for flag in _SILENT.get(name, ())):
            return
        if name == _TAGGED and not getattr(_at_hand, "tagging", False):
            return
        version = key.version_id if bucket.is_versioned else ""
        etag = key.etag.replace('"', "") if hasattr(key, "etag") else ""
        self.tell(name, bucket, key.name, size=getattr(key, "size", 0), etag=etag, version_id=version)

    def tell(self, event_name: str, bucket: Any, key: str, **about: Any) -> None:
        configured = bucket.notification_configuration
        if configured is None:
            return
        change = Change(
            event_name.removeprefix("s3:"),
            bucket.name,
            bucket.region_name,
            bucket.account_id,
            key,
            _now(),
            next(_numbers),
            **about,
        )
        for target in map(_configuration, configured.cloud_function):
            if target.matches(event_name, key):
                event = s3_event.notification(change, target.configuration_id)
                self._forwarder.deliver(delivery(change, target.target_arn, event))
        for send, targets in ((self._send_to_queue, configured.queue), (self._publish, configured.topic)):
            for target in map(_configuration, targets):
                if target.matches(event_name, key):
                    event = s3_event.notification(change, target.configuration_id)
                    send(bucket, target.target_arn, json.dumps(event))
        if configured.event_bridge is not None and change.detail_type:
            self._to_bus(change)

    def send_test_event(self, account_id: str, bucket: Any) -> None:
        """moto's own call: queues and topics hear of a new configuration."""
        configured = bucket.notification_configuration
        text = json.dumps(s3_event.configuration_test(bucket.name, _now()))
        for arn in {target.arn for target in configured.queue}:
            self._send_to_queue(bucket, arn, text)
        for arn in {target.arn for target in configured.topic}:
            self._publish(bucket, arn, text)

    def _may_send(self, bucket: Any, arn: str) -> bool:
        """Whether the policy of a queue or topic lets S3 in, asked where IAM is enforced. History shows what is missing."""
        return self._forwarder.may_send(_attempt(bucket, arn))

    def _send_to_queue(self, bucket: Any, arn: str, text: str) -> None:
        """moto swallows what goes wrong there: PutObject does not fail for a queue that is gone."""
        _, _, _, region, _, name = arn.split(":")
        if self._may_send(bucket, arn):
            self._notifications._send_sqs_message(bucket.account_id, json.loads(text), name, region)

    def _publish(self, bucket: Any, arn: str, text: str) -> None:
        from moto.sns.models import sns_backends

        try:
            if self._may_send(bucket, arn):
                topics = sns_backends[bucket.account_id][arn.split(":")[3]]
                topics.publish(text, arn=arn, subject="Amazon S3 Notification")
        except Exception as problem:  # AWS: PutObject does not fail for a topic that is gone
            print(f"a notification for {arn} was lost: {problem}", file=sys.stderr, flush=True)

    def _to_bus(self, change: Change) -> None:
        event = s3_event.bridge_event(change, str(uuid4()))
        rule_triggers.publish(change.account_id, change.region, "default", event)


def delivery(change: Change, function_arn: str, event: dict[str, Any]) -> Delivery:
    """Return the event on its way to a function. S3 gives its own account and the bucket to the function's policy."""
    return Delivery(
        function_arn,
        json.dumps(event),
        s3_event.PRINCIPAL,
        change.bucket_arn,
        change.account_id,
        trace_header=trace_headers.current(),
    )


def _configuration(target: Any) -> Configuration:
    rules = target.filters.get("S3Key", {}).get("FilterRule", []) if target.filters else []
    filters = {rule["Name"].lower(): rule["Value"] for rule in rules}
    return Configuration(
        target.id, target.arn, tuple(target.events), filters.get("prefix", ""), filters.get("suffix", "")
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- what moto gets wrong ------------------------------------------------------------------------------------


def _replace_deletion(models: Any, notifier: _Notifier) -> None:
    delete = models.S3Backend.delete_object

    def delete_object(
        self: Any, bucket_name: str, key_name: str, version_id: str | None = None, *args: Any, **options: Any
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        before = {str(key.version_id) for key in bucket.keys.getlist(key_name, [])}
        with _flag("deleting"):
            done, answer = delete(self, bucket_name, key_name, version_id, *args, **options)
        if done and bucket.is_versioned and version_id is None:
            marker = str(answer.get("version-id", ""))
            notifier.tell("s3:ObjectRemoved:DeleteMarkerCreated", bucket, key_name, version_id=marker)
        elif done and bucket.is_versioned and str(version_id) in before:
            notifier.tell("s3:ObjectRemoved:Delete", bucket, key_name, version_id=str(version_id))
        elif done and not bucket.is_versioned and before:
            notifier.tell("s3:ObjectRemoved:Delete", bucket, key_name)
        return done, answer

    models.S3Backend.delete_object = delete_object


def _replace_completion(models: Any) -> None:
    complete = models.S3Backend.complete_multipart_upload

    def complete_multipart_upload(self: Any, *args: Any, **options: Any) -> Any:
        with _flag("completing"):
            return complete(self, *args, **options)

    models.S3Backend.complete_multipart_upload = complete_multipart_upload


def _replace_tagging(responses: Any) -> None:
    tag = responses.S3Response.put_object_tagging

    def put_object_tagging(self: Any) -> Any:
        with _flag("tagging"):
            return tag(self)

    responses.S3Response.put_object_tagging = put_object_tagging


@contextmanager
def _flag(name: str) -> Iterator[None]:
    setattr(_at_hand, name, True)
    try:
        yield
    finally:
        setattr(_at_hand, name, False)


def _replace_configuration(responses: Any, models: Any, forwarder: Forwarder) -> None:
    configure = models.FakeBucket.set_notification_configuration
    read = responses.S3Response._notification_config_from_body

    def from_body(self: Any) -> Any:
        _at_hand.unchecked = str(self.headers.get("x-amz-skip-destination-validation", "")).lower() == "true"
        return read(self)

    def set_notification_configuration(self: Any, given: dict[str, Any] | None) -> None:
        configured = models.NotificationConfiguration(
            topic=(given or {}).get("TopicConfiguration"),
            queue=(given or {}).get("QueueConfiguration"),
            cloud_function=(given or {}).get("CloudFunctionConfiguration"),
        )
        listed = [*configured.cloud_function, *configured.topic, *configured.queue]
        targets = [_configuration(target) for target in listed]
        if overlap(targets) is not None:
            raise _error(
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            )
        unchecked, _at_hand.unchecked = getattr(_at_hand, "unchecked", False), False
        for target in targets:
            if not unchecked and forwarder.refusal(_attempt(self, target.target_arn)):
                raise _error("Unable to validate the following destination configurations")
        configure(self, given)

    responses.S3Response._notification_config_from_body = from_body
    models.FakeBucket.set_notification_configuration = set_notification_configuration


def _attempt(bucket: Any, target_arn: str) -> Delivery:
    """Return what a bucket asks permission for: an event without a content."""
    source = f"arn:aws:s3:::{bucket.name}"
    return Delivery(target_arn, "{}", s3_event.PRINCIPAL, source, bucket.account_id)


def _error(message: str) -> Exception:
    made: Exception = sys.modules["moto.s3.exceptions"].S3ClientError("InvalidArgument", message)
    return made
