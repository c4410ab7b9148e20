"""How a request for a neighbour names it: the Host header, the path and the credential scope."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urlsplit

from lambda_sandbox.http1 import Headers

# bucket.localhost, bucket.s3.localhost and bucket.s3.REGION.localhost, as SDKs write them.
_BUCKET_HOST = re.compile(
    rb"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])(?:\.s3(?:[.-][a-z0-9-]+)?)?\.(?P<rest>localhost(?::\d+)?)",
    re.IGNORECASE,
)
# Of the process that serves the neighbours, not of any of them: its own administration, and what only the sandbox asks for.
_OWN_PATH = re.compile(rb"/+(?:moto-api|_sandbox)(?:/|$)", re.IGNORECASE)
_SCOPE = re.compile(rb"Credential=(?P<key>[^/,\s]+)/[^/,\s]+/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/")


def credential_scope(headers: Headers) -> tuple[str, str]:
    """Return (service, Region) of a signed request, in lower case; both empty for an unsigned one."""
    for name, value in headers:
        if name.lower() == b"authorization":
            found = _SCOPE.search(value)
            if found:
                return found["service"].decode("latin-1").lower(), found["region"].decode("latin-1").lower()
    return "", ""


def access_key(headers: Headers) -> str:
    """Return the access key of a signed request, empty for an unsigned or presigned one."""
    for name, value in headers:
        if name.lower() == b"authorization":
            found = _SCOPE.search(value)
            if found:
                return found["key"].decode("latin-1")
    return ""


def path_style(target: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """Return the request with an S3 bucket moved from the host name into the path; others come back unchanged.

    A request counts as S3's when it is signed for S3 or not signed at all (presigned addresses carry their scope in the query).
    """
    host = next((value for name, value in headers if name.lower() == b"host"), b"")
    found = _BUCKET_HOST.fullmatch(host)
    if found is None or credential_scope(headers)[0] not in ("s3", "") or found["bucket"].lower() == b"s3":
        return target, headers
    moved = [(n, found["rest"] if n.lower() == b"host" else v) for n, v in headers]
    return b"/" + found["bucket"] + (target if target.startswith(b"/") else b"/" + target), moved


def is_administration(target: bytes, headers: Headers) -> bool:
    """Return whether a request means the neighbours' process itself, however its path is written, and no service."""
    path = path_style(target, headers)[0]
    if not path.startswith(b"/"):
        path = urlsplit(path).path
    return _OWN_PATH.match(unquote_to_bytes(path.partition(b"?")[0])) is not None
