"""Where a ``TemplateURL`` leads: to a bucket of the sandbox, however its address is written.

moto takes the first part of any host but ``localhost`` for the bucket; the CDK writes the endpoint's own address, and SDKs escape
the key.

Source: CloudFormation API Reference, "CreateStack", TemplateURL, and Amazon S3 User Guide, "Virtual hosting of buckets", read 2026-11.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import unquote, urlsplit

# The host of a bucket: the bucket's name, then S3's own host. Without a bucket the path begins with one.
_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?s3(?:[.-][a-z0-9.-]+)?\.(?:amazonaws\.com(?:\.cn)?|localhost)",
    re.IGNORECASE,
)
_LOCAL = ".localhost"


def install(models: Any, responses: Any) -> None:
    """Put our reading into moto's two modules that fetch templates."""

    def get_stack_from_s3_url(template_url: str, account_id: str, partition: str) -> str:
        from moto.s3.exceptions import S3ClientError
        from moto.s3.models import s3_backends

        found = place(template_url)
        if found is None:
            raise models.ValidationError(
                message=f"TemplateURL must be a supported URL: {template_url} names no object in S3."
            )
        try:
            key = s3_backends[account_id][partition].get_object(*found)
        except S3ClientError as error:
            raise models.ValidationError(message=f"S3 error: {error.message}") from None
        if key is None:
            raise models.ValidationError(message="S3 error: The specified key does not exist.")
        text: str = key.value.decode("utf-8")
        return text

    models.get_stack_from_s3_url = responses.get_stack_from_s3_url = get_stack_from_s3_url


def place(address: str) -> tuple[str, str] | None:
    """Return bucket and key of an address; ``None`` for one that names neither.

    >>> place("http://127.0.0.1:9000/templates/shop.json")
    ('templates', 'shop.json')
    >>> place("https://templates.s3.eu-west-1.amazonaws.com/a/shop.json")
    ('templates', 'a/shop.json')
    """
    parts = urlsplit(address)
    host, path = (parts.hostname or "").lower(), unquote(parts.path).lstrip("/")
    bucket = _bucket_of(host)
    if bucket is None:
        return None
    if not bucket:
        bucket, _, path = path.partition("/")
    return (bucket, path) if bucket and path else None


def _bucket_of(host: str) -> str | None:
    """Return the bucket that a host names, empty where the path names it, ``None`` for a host that is not S3's."""
    if host == "localhost" or _is_address(host):
        return ""
    found = _HOST.fullmatch(host)
    if found is not None:
        return found["bucket"] or ""
    # bucket.localhost: what SDKs make of http://localhost
    return host.removesuffix(_LOCAL) if host.endswith(_LOCAL) else None


def _is_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
