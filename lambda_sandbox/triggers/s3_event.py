"""What S3 tells of a change to an object: to functions, queues and topics, and to EventBridge.

Source: Amazon S3 User Guide, "Event message structure" and "EventBridge event message structure",
read 2026-11.

DIFFERS: in S3's events ``sourceIPAddress``, ``userIdentity`` and the request ids in ``responseElements`` are made up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

PRINCIPAL = "s3.amazonaws.com"
# AWS: records of these events have the later form; all others are 2.1.
_LATER_FORM = (
    "ObjectTagging",
    "ObjectAcl",
    "LifecycleExpiration",
    "LifecycleTransition",
    "IntelligentTiering",
)
_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
    "LifecycleTransition": "Object Storage Class Changed",
    "IntelligentTiering": "Object Access Tier Changed",
    "ObjectAcl:Put": "Object ACL Updated",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``name`` is without the prefix ``s3:``; ``time`` is ISO 8601 with milliseconds. ``number`` grows with every
    change, and its order is that of the sequencer. ``version_id`` is empty in a bucket without versioning."""

    name: str
    bucket: str
    region: str
    account_id: str
    key: str
    time: str
    number: int
    size: int = 0
    etag: str = ""
    version_id: str = ""

    @property
    def bucket_arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def detail_type(self) -> str:
        """The detail type on EventBridge, empty for an event that does not go there."""
        return _DETAIL_TYPES.get(self.name) or _DETAIL_TYPES.get(self.name.partition(":")[0], "")

    @property
    def request_id(self) -> str:
        return _digest(self)[:16].upper()


def notification(change: Change, configuration_id: str) -> dict[str, Any]:
    """Return the event of one notification configuration: always one record."""
    later = change.name.startswith(_LATER_FORM)
    record = {
        "eventVersion": "2.3" if later else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": change.region,
        "eventTime": change.time,
        "eventName": change.name,
        "userIdentity": {"principalId": f"AWS:{change.account_id}"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": change.request_id, "x-amz-id-2": _host_id(change)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": change.bucket,
                "ownerIdentity": {"principalId": change.account_id},
                "arn": change.bucket_arn,
            },
            "object": _object(change),
        },
    }
    return {"Records": [record]}


def configuration_test(bucket: str, time: str) -> dict[str, Any]:
    """Return what a queue or a topic gets when it is named in a notification configuration; functions get none."""
    digest = hashlib.sha256(f"{bucket} {time}".encode()).hexdigest()
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": time,
        "Bucket": bucket,
        "RequestId": digest[:16].upper(),
        "HostId": digest,
    }


def bridge_event(change: Change, event_id: str) -> dict[str, Any]:
    """Return the event on EventBridge's default bus. Its key is not URL-encoded."""
    kind, _, what = change.name.partition(":")
    about: dict[str, Any] = {"key": change.key}
    if kind != "ObjectRemoved":
        about["size"] = change.size
    if kind != "ObjectRemoved" or what == "DeleteMarkerCreated":
        about["etag"] = change.etag or _EMPTY_ETAG
    if change.version_id:
        about["version-id"] = change.version_id
    if kind in ("ObjectCreated", "ObjectRemoved"):
        about["sequencer"] = _sequencer(change)
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": change.bucket},
        "object": about,
        "request-id": change.request_id,
        "requester": change.account_id,
        "source-ip-address": "127.0.0.1",
    }
    if change.name in _REASONS:
        detail["reason"] = _REASONS[change.name]
    if kind == "ObjectRemoved":
        detail["deletion-type"] = "Permanently Deleted" if what == "Delete" else "Delete Marker Created"
    return {
        "version": "0",
        "id": event_id,
        "detail-type": change.detail_type,
        "source": "aws.s3",
        "account": change.account_id,
        "time": f"{change.time[:19]}Z",
        "region": change.region,
        "resources": [change.bucket_arn],
        "detail": detail,
    }


def _object(change: Change) -> dict[str, Any]:
    kind, _, what = change.name.partition(":")
    made: dict[str, Any] = {"key": quote_plus(change.key, safe="/")}
    if kind in ("ObjectCreated", "ObjectRestore"):
        made |= {"size": change.size, "eTag": change.etag}
    elif what == "DeleteMarkerCreated":
        made["eTag"] = _EMPTY_ETAG
    elif kind != "ObjectRemoved":
        made["eTag"] = change.etag
    if change.version_id:
        made["versionId"] = change.version_id
    if kind in ("ObjectCreated", "ObjectRemoved"):
        made["sequencer"] = _sequencer(change)
    return made


def _sequencer(change: Change) -> str:
    """AWS: compare two of the same key as text, the shorter one padded with zeros on the right."""
    return f"{change.number:018X}"


def _digest(change: Change) -> str:
    return hashlib.sha256(f"{change.bucket} {change.key} {change.number}".encode()).hexdigest()


def _host_id(change: Change) -> str:
    return _digest(change)[16:]
