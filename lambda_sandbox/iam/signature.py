"""AWS Signature Version 4 as a server checks it: in the Authorization header or in the address.

Source: IAM User Guide, "Create a signed AWS API request", and S3 API Reference, "Authenticating requests: query parameters",
read 2026-11.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote

Headers = Sequence[tuple[bytes, bytes]]
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<signed>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-fA-F]+)"
)
_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_TIME = "%Y%m%dT%H%M%SZ"
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
# Source: IAM User Guide, "Troubleshoot signed requests": five minutes; S3 allows fifteen.
_SKEW_S = {"s3": 900.0}
_SKEW_DEFAULT_S = 300.0


class SignatureFault(Exception):
    """The request is not signed as it should be. ``kind`` is ``missing``, ``outdated``, ``incomplete``, ``mismatch`` or ``expired``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its own signature. ``expires_s`` is set for one in the address."""

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str
    moment: str
    token: str
    expires_s: int | None = None


def read(target: bytes, headers: Headers) -> Signature:
    """Return the signature of a request. Raises ``SignatureFault`` when there is none or it cannot be read."""
    given = {name: value.decode("latin-1") for name, value in headers}
    authorization = given.get(b"authorization", "")
    if authorization:
        found = _HEADER.fullmatch(authorization.strip())
        scope = _SCOPE.fullmatch(found["credential"]) if found else None
        if found is None or scope is None:
            raise SignatureFault("incomplete", "Authorization header is not a valid AWS Signature Version 4.")
        return Signature(
            scope["key"],
            scope["day"],
            scope["region"],
            scope["service"],
            tuple(found["signed"].split(";")),
            found["signature"].lower(),
            given.get(b"x-amz-date", ""),
            given.get(b"x-amz-security-token", ""),
        )
    return _presigned(target)


def _presigned(target: bytes) -> Signature:
    query = dict(parse_qsl(target.partition(b"?")[2].decode("latin-1"), keep_blank_values=True))
    # DIFFERS: with ``--enforce-iam`` S3 takes presigned URLs of version 4 only: give the client ``Config(signature_version="s3v4")``, since boto3 by
    # itself makes version 2 in us-east-1. Forms of a presigned POST are refused; without the option neither signature nor expiry is looked at.
    if query.keys() >= {"AWSAccessKeyId", "Signature", "Expires"}:
        raise SignatureFault(
            "outdated",
            "This URL is presigned by signature version 2, which the sandbox does not verify. Presign it by version 4: in boto3, "
            'boto3.client("s3", config=Config(signature_version="s3v4")).',
        )
    if "X-Amz-Signature" not in query:
        raise SignatureFault("missing", "Missing Authentication Token")
    scope = _SCOPE.fullmatch(query.get("X-Amz-Credential", ""))
    expires = query.get("X-Amz-Expires", "")
    if scope is None or query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or not expires.isdecimal():
        raise SignatureFault("incomplete", "The signature in the address is not complete.")
    return Signature(
        scope["key"],
        scope["day"],
        scope["region"],
        scope["service"],
        tuple(query.get("X-Amz-SignedHeaders", "").split(";")),
        query["X-Amz-Signature"].lower(),
        query.get("X-Amz-Date", ""),
        query.get("X-Amz-Security-Token", ""),
        int(expires),
    )


def verify(
    signature: Signature, secret: str, method: bytes, target: bytes, headers: Headers, body: bytes, now: float
) -> None:
    """Raise ``SignatureFault`` unless ``secret`` signed this very request lately; ``now`` is seconds since 1970."""
    _check_time(signature, now)
    if "host" not in signature.signed_headers or not signature.moment.startswith(signature.day):
        raise SignatureFault("incomplete", "The signature covers neither the host nor the day that it names.")
    wanted = _value(signature, secret, method, target, headers, body)
    if not hmac.compare_digest(wanted, signature.value):
        raise SignatureFault(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
            "Key and signing method. Consult the service documentation for details.",
        )


def _value(
    signature: Signature, secret: str, method: bytes, target: bytes, headers: Headers, body: bytes
) -> str:
    """Return what ``secret`` makes of the request."""
    request = canonical_request(signature, method, target, headers, body)
    scope = f"{signature.day}/{signature.region}/{signature.service}/aws4_request"
    digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{signature.moment}\n{scope}\n{digest}"
    key = _signing_key(secret, signature.day, signature.region, signature.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def canonical_request(
    signature: Signature, method: bytes, target: bytes, headers: Headers, body: bytes
) -> str:
    """Return the text that was signed."""
    path, _, query = target.decode("latin-1").partition("?")
    if signature.service != "s3":  # every other service has its path encoded once more
        path = quote(_without_dots(path), safe="/~")
    pairs = sorted(
        tuple(pair.partition("=")[::2])
        for pair in query.split("&")
        if pair and not pair.startswith("X-Amz-Signature=")
    )
    lines = [f"{name}:{_header(headers, name)}\n" for name in signature.signed_headers]
    return "\n".join(
        (
            method.decode("latin-1"),
            path or "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(lines),
            ";".join(signature.signed_headers),
            _body_hash(signature, headers, body),
        )
    )


def _check_time(signature: Signature, now: float) -> None:
    try:
        signed_at = datetime.strptime(signature.moment, _TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SignatureFault(
            "incomplete", "The date of the signature is missing or not ISO 8601 basic."
        ) from None
    skew = _SKEW_S.get(signature.service, _SKEW_DEFAULT_S)
    if signed_at - now > skew:
        raise SignatureFault(
            "expired", f"Signature not yet current: {signature.moment} is still later than {_text(now)}."
        )
    if now - signed_at > (skew if signature.expires_s is None else signature.expires_s):
        raise SignatureFault(
            "expired", f"Signature expired: {signature.moment} is now earlier than {_text(now)}."
        )


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def _header(headers: Headers, name: str) -> str:
    wanted = name.encode("latin-1")
    values = [value.decode("latin-1") for key, value in headers if key == wanted]
    return ",".join(" ".join(value.split()) for value in values)


def _body_hash(signature: Signature, headers: Headers, body: bytes) -> str:
    claimed = next((value.decode("latin-1") for key, value in headers if key == b"x-amz-content-sha256"), "")
    actual = hashlib.sha256(body).hexdigest() if body else _EMPTY_HASH
    if claimed and (claimed == actual or len(claimed) != len(actual)):
        return claimed  # UNSIGNED-PAYLOAD and the STREAMING forms say that the body was not hashed
    if signature.expires_s is not None and signature.service == "s3":
        return "UNSIGNED-PAYLOAD"
    return actual


def _without_dots(path: str) -> str:
    """Resolve ``.`` and ``..`` and join repeated slashes, as signers do for all services but S3."""
    kept: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del kept[-1:]
        elif step and step != ".":
            kept.append(step)
    tail = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{tail}"


@lru_cache(1024)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """A key holds for a day, a Region and a service: deriving it costs four hashes, so keep it."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def sign(
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    access_key: str,
    secret: str,
    scope: tuple[str, str],
    now: float,
) -> dict[str, str]:
    """Return ``headers``, among them ``Host``, with those that sign the request; ``scope`` is Region and service."""
    moment = _text(now)
    region, service = scope
    given = {**headers, "X-Amz-Date": moment}
    lower = sorted((name.lower().encode(), value.encode("latin-1")) for name, value in given.items())
    names = tuple(name.decode() for name, _ in lower)
    unsigned = Signature(access_key, moment[:8], region, service, names, "", moment, "")
    value = _value(unsigned, secret, method.encode(), target.encode(), lower, body)
    credential = f"{access_key}/{moment[:8]}/{region}/{service}/aws4_request"
    given["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={';'.join(names)}, Signature={value}"
    )
    return given
