"""Signatures as botocore makes them, and what is wrong with others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambda_sandbox.iam.signature import Signature, SignatureFault, read, sign, verify

SECRET = "not-a-real-secret"
KEYS = Credentials("AKIAEXAMPLE", SECRET, "token")
HOST = "http://127.0.0.1:9000"


def sent(request: AWSRequest) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """Return the request as it arrives on the wire."""
    prepared = request.prepare()
    target = prepared.url.removeprefix(HOST).encode()
    headers = [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in prepared.headers.items()
    ]
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"127.0.0.1:9000"))
    body = prepared.body or b""
    return (
        prepared.method.encode(),
        target,
        headers,
        body.encode() if isinstance(body, str) else bytes(body),
    )


def check(
    wire: tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes],
    secret: str = SECRET,
    now: float | None = None,
) -> Signature:
    method, target, headers, body = wire
    signature = read(target, headers)
    now = datetime.now(UTC).timestamp() if now is None else now
    verify(signature, secret, method, target, headers, body, now)
    return signature


def request(
    path: str, method: str = "GET", data: bytes = b"", params: dict[str, str] | None = None
) -> AWSRequest:
    made = AWSRequest(method, HOST + path, {"X-Custom": "  two   spaces "}, data, params)
    made.context["timestamp"] = None
    return made


@pytest.mark.parametrize(
    ("auth", "service", "path"),
    [
        (SigV4Auth, "lambda", "/2015-03-31/functions/?Marker=a%3D&MaxItems=5"),
        (SigV4Auth, "lambda", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1/invocations?Qualifier=a"),
        (SigV4Auth, "lambda", "/a/./b/../c//d/"),
        (SigV4Auth, "lambda", ""),
        (S3SigV4Auth, "s3", "/bucket/a%20key//with/../dots?versionId=1&acl"),
        (SigV4QueryAuth, "lambda", "/2015-03-31/functions/hello?a=b"),
        (S3SigV4QueryAuth, "s3", "/bucket/a%20key"),
    ],
    ids=["query", "ARN in the path", "dots in the path", "no path", "S3", "presigned", "S3 presigned"],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_botocore_signs_is_accepted(auth: Any, service: str, path: str, method: str) -> None:
    made = request(path, method, b"" if method == "GET" else b'{"a":1}')
    auth(KEYS, service, "us-east-1").add_auth(made)
    signature = check(sent(made))
    assert (signature.access_key, signature.service, signature.region, signature.token) == (
        "AKIAEXAMPLE",
        service,
        "us-east-1",
        "token",
    )


def signed(path: str = "/2015-03-31/functions/", data: bytes = b"body") -> Any:
    made = request(path, "POST", data)
    SigV4Auth(KEYS, "lambda", "us-east-1").add_auth(made)
    return sent(made)


def fault(wire: Any, **options: Any) -> str:
    with pytest.raises(SignatureFault) as caught:
        check(wire, **options)
    return caught.value.kind


def test_every_change_after_signing_is_seen() -> None:
    method, target, headers, body = signed()
    assert fault((method, target, headers, body), secret="other") == "mismatch"
    assert fault((b"PUT", target, headers, body)) == "mismatch"
    assert fault((method, target + b"?x=1", headers, body)) == "mismatch"
    assert fault((method, target, headers, b"changed")) == "mismatch"
    moved = [(name, b"elsewhere" if name == b"host" else value) for name, value in headers]
    assert fault((method, target, moved, body)) == "mismatch"


def test_a_signature_is_good_for_five_minutes() -> None:
    now = datetime.now(UTC).timestamp()
    wire = signed()
    assert check(wire, now=now + 290)
    assert fault(wire, now=now + 310) == "expired"
    assert fault(wire, now=now - 310) == "expired"


def test_an_address_is_good_for_as_long_as_it_says() -> None:
    now = datetime.now(UTC).timestamp()
    made = request("/bucket/key")
    S3SigV4QueryAuth(KEYS, "s3", "us-east-1", expires=60).add_auth(made)
    assert check(sent(made), now=now + 50)
    assert fault(sent(made), now=now + 70) == "expired"


@pytest.mark.parametrize(
    ("target", "authorization", "kind"),
    [
        (b"/", b"", "missing"),
        (b"/", b"Bearer token", "incomplete"),
        (b"/", b"AWS4-HMAC-SHA256 Credential=key, SignedHeaders=host, Signature=00", "incomplete"),
        (
            b"/",
            b"AWS4-HMAC-SHA256 Credential=key/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00",
            "incomplete",
        ),
        (b"/?X-Amz-Signature=00", b"", "incomplete"),
    ],
    ids=["none", "another scheme", "no scope", "no date", "bare"],
)
def test_what_is_no_signature_is_refused(target: bytes, authorization: bytes, kind: str) -> None:
    headers = [(b"host", b"localhost")]
    if authorization:
        headers.append((b"authorization", authorization))
    assert fault((b"GET", target, headers, b"")) == kind


def test_what_we_sign_ourselves_is_what_botocore_signs() -> None:
    target, body = "/2015-03-31/functions/a%3Ab/invocations?Qualifier=live", b"{}"
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    given = {"Host": "127.0.0.1:9000", "X-Amz-Invocation-Type": "Event"}
    ours = sign("POST", target, given, body, "key", SECRET, ("us-east-1", "lambda"), moment.timestamp())
    request = AWSRequest("POST", HOST + target, {**given, "X-Amz-Date": "20261121T120000Z"}, body)
    request.context["timestamp"] = "20261121T120000Z"
    auth = SigV4Auth(Credentials("key", SECRET), "lambda", "us-east-1")
    theirs = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert ours["Authorization"].endswith(f"Signature={theirs}")
