"""AWS::S3::Bucket. moto's own passes over versioning, CORS and more, and loses a bucket that gets another name at once.

Source: CloudFormation template reference, "AWS::S3::Bucket", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.cloudformation import bucket_lifecycle
from lambda_sandbox.services.cloudformation.bucket_notifications import api_form
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, tag_pairs

_CORS_MEMBERS = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}
_NOTIFICATIONS = "NotificationConfiguration"
# Property -> (operation that puts it, its member, operation that takes it away)
_SETTINGS = {
    "BucketEncryption": (
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        "DeleteBucketEncryption",
    ),
    "CorsConfiguration": ("PutBucketCors", "CORSConfiguration", "DeleteBucketCors"),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    "OwnershipControls": ("PutBucketOwnershipControls", "OwnershipControls", "DeleteBucketOwnershipControls"),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        "DeletePublicAccessBlock",
    ),
    "Tags": ("PutBucketTagging", "Tagging", "DeleteBucketTagging"),
    "VersioningConfiguration": ("PutBucketVersioning", "VersioningConfiguration", ""),
}
_ACL = "AccessControl"
_PRIVATE = "Private"
_HOME = "us-east-1"  # the one Region that CreateBucket does not name


class Bucket(Resource):
    """Ref gives its name. AWS: one that holds objects cannot be deleted, and neither can its stack."""

    TYPE = "AWS::S3::Bucket"
    SERVICE = "s3"
    NAME = "BucketName"
    FIXED = frozenset({"BucketName"})
    KNOWN = frozenset({_ACL, _NOTIFICATIONS, *_SETTINGS})
    UNSERVED = frozenset(
        {
            "AbacStatus",
            "AccelerateConfiguration",
            "AnalyticsConfigurations",
            "BucketNamePrefix",
            "BucketNamespace",
            "IntelligentTieringConfigurations",
            "InventoryConfigurations",
            "LoggingConfiguration",
            "MetadataConfiguration",
            "MetadataTableConfiguration",
            "MetricsConfigurations",
            "ObjectLockConfiguration",
            "ObjectLockEnabled",
            "ReplicationConfiguration",
            "WebsiteConfiguration",
        }
    )
    ATTRIBUTES = frozenset({"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"})

    def create(self) -> None:
        wanted = api_form(self.properties.get(_NOTIFICATIONS))
        region = self.api.region
        place = None if region == _HOME else {"LocationConstraint": region}
        if self._is_there():
            raise ValueError(f"{self.name} already exists")
        self.api.call("CreateBucket", Bucket=self.name, CreateBucketConfiguration=place)
        self.physical_resource_id = self.name
        try:
            self._configure({})
            if wanted:
                self._notify(wanted)
        except Exception:  # the stack must not leave a bucket behind that it does not know of
            self.remove()
            raise
        self.attributes = {
            "Arn": f"arn:aws:s3:::{self.name}",
            "DomainName": f"{self.name}.s3.amazonaws.com",
            "DualStackDomainName": f"{self.name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{self.name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{self.name}.s3-website-{region}.amazonaws.com",
        }

    def refuse_change(self, new: Properties) -> None:
        api_form(new.get(_NOTIFICATIONS))

    def change(self, old: Properties) -> None:
        self._configure(old)
        wanted = api_form(self.properties.get(_NOTIFICATIONS))
        # What somebody else has put stays where the template says nothing of it.
        if wanted != api_form(old.get(_NOTIFICATIONS)):
            self._notify(wanted)

    def remove(self) -> None:
        self.api.call_if_there("DeleteBucket", Bucket=self.name)

    def _is_there(self) -> bool:
        told = self.api.call("ListBuckets")
        return self.name in [each["Name"] for each in told["Buckets"]]

    def _notify(self, wanted: Mapping[str, Any]) -> None:
        self.api.call(
            "PutBucketNotificationConfiguration", Bucket=self.name, NotificationConfiguration=wanted
        )

    def _configure(self, old: Properties) -> None:
        """Bring the settings from those in ``old`` to the template's."""
        if self.properties.get(_ACL, _PRIVATE) != old.get(_ACL, _PRIVATE):
            self.api.call("PutBucketAcl", Bucket=self.name, ACL=_canned(self.properties.get(_ACL, _PRIVATE)))
        for name, (put, member, take) in _SETTINGS.items():
            wanted = self.properties.get(name)
            if wanted == old.get(name):
                continue
            if wanted is not None:
                self.api.call(put, Bucket=self.name, **{member: _api_form(name, wanted)})
            elif take:
                self.api.call(take, Bucket=self.name)
            else:  # AWS: versioning that was on once can be suspended only
                self.api.call(put, Bucket=self.name, **{member: {"Status": "Suspended"}})


def _api_form(name: str, wanted: Any) -> Any:
    if name == "Tags":
        return {"TagSet": tag_pairs(wanted)}
    if name == "LifecycleConfiguration":
        return bucket_lifecycle.api_form(wanted)
    if name == "BucketEncryption":
        return {
            "Rules": [_encryption(rule) for rule in wanted.get("ServerSideEncryptionConfiguration") or []]
        }
    if name != "CorsConfiguration":
        return wanted
    rules = [
        {_CORS_MEMBERS.get(member, member): value for member, value in rule.items()}
        for rule in wanted.get("CorsRules") or []
    ]
    return {"CORSRules": rules}


def _canned(name: str) -> str:
    """Return a canned ACL as the API spells it: ``LogDeliveryWrite`` is ``log-delivery-write``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _encryption(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {names.get(member, member): value for member, value in rule.items()}


BUCKETS: tuple[type[Resource], ...] = (Bucket,)
