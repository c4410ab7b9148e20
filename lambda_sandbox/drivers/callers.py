"""Whom a request comes from: the access key and the Region of its credential scope."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from lambda_sandbox.config import Config
from lambda_sandbox.http_server import Request
from lambda_sandbox.resources import Caller

_CREDENTIAL = re.compile(rb"Credential=([^/\s,]*)/\d+/([^/\s,]+)/([^/\s,]+)/aws4_request")


def account_of(config: Config, access_key: bytes, region: bytes) -> Caller:
    """Return whom an access key belongs to, in the Region of its credential scope."""
    key = access_key.decode("latin-1")
    account = key if len(key) == 12 and key.isdigit() else config.account_id
    return Caller(account, region.decode("latin-1") or config.region, key)


def credential_of(request: Request) -> tuple[bytes, bytes, bytes]:
    """Return access key, Region and service, from the header or a presigned address; all empty for an unsigned request."""
    found = _CREDENTIAL.search(request.header(b"authorization"))
    if found is None and b"X-Amz-Credential=" in request.target:
        query = parse_qs(urlsplit(request.target.decode("latin-1")).query)
        found = _CREDENTIAL.search(b"Credential=" + query.get("X-Amz-Credential", [""])[0].encode())
    return (found[1], found[2], found[3]) if found else (b"", b"", b"")
