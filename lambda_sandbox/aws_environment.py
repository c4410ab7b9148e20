"""The environment variables that point every boto3 session at the sandbox, and the way back."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from lambda_sandbox.config import ACCOUNT_ID, REGION, ROOT_SECRET

# Whatever could name another account, another endpoint or another file than the ones below.
_REMOVED = frozenset(
    {
        "AWS_CA_BUNDLE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
_LOOPBACK_NAMES = "127.0.0.1,localhost,::1"

_before: dict[str, str | None] | None = None


def settings(
    endpoint: str | None, environment: Mapping[str, str], account_id: str = ACCOUNT_ID, region: str = REGION
) -> dict[str, str | None]:
    """Return the variables to set; ``None`` stands for one to remove. Without ``endpoint`` botocore keeps AWS's names.

    The endpoint should carry an address, not ``localhost``: botocore then puts S3's bucket into the path.
    """
    wanted: dict[str, str | None] = dict.fromkeys(_REMOVED)
    wanted.update({name: None for name in environment if name.startswith("AWS_ENDPOINT_URL")})
    wanted.update(
        {
            # moto takes an access key of twelve digits for the account.
            "AWS_ACCESS_KEY_ID": account_id,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    if endpoint is not None:
        wanted["AWS_ENDPOINT_URL"] = endpoint
        for name in ("NO_PROXY", "no_proxy"):  # a proxy must not see, nor break, calls to loopback
            wanted[name] = ",".join(part for part in (environment.get(name), _LOOPBACK_NAMES) if part)
    return wanted


def apply(endpoint: str | None, account_id: str = ACCOUNT_ID, region: str = REGION) -> None:
    """Point this process at the sandbox; ``restore`` puts back what was there before the first call."""
    global _before
    restore()
    wanted = settings(endpoint, os.environ, account_id, region)
    _before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)


def restore() -> None:
    """Put the environment back as it was before ``apply``; does nothing otherwise."""
    global _before
    if _before is not None:
        _set(_before)
        _before = None


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "boto3" in sys.modules:  # its default session may have read the old variables
        sys.modules["boto3"].DEFAULT_SESSION = None  # type: ignore[attr-defined]
