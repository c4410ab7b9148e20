from __future__ import annotations

import pytest

from lambda_sandbox.services.addressing import credential_scope, path_style


def signed(service: str, host: str) -> list[tuple[bytes, bytes]]:
    scope = f"AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    return [(b"host", host.encode()), (b"authorization", scope.encode())]


@pytest.mark.parametrize(
    "host",
    [
        "photos.localhost:9000",
        "photos.s3.localhost:9000",
        "photos.s3.us-east-1.localhost:9000",
        "Photos.localhost:9000",
    ],
)
def test_a_bucket_in_the_host_name_moves_into_the_path(host: str) -> None:
    target, headers = path_style(b"/cat.png?acl", signed("s3", host))
    assert target.lower() == b"/photos/cat.png?acl"
    assert dict(headers)[b"host"] == b"localhost:9000"


@pytest.mark.parametrize(
    ("service", "host"),
    [
        pytest.param("s3", "localhost:9000", id="path style"),
        pytest.param("s3", "127.0.0.1:9000", id="an address"),
        pytest.param("s3", "s3.localhost:9000", id="the service's own name"),
        pytest.param("sqs", "queue.localhost:9000", id="another service"),
        pytest.param("s3", "photos.example.com", id="a host that is not local"),
    ],
)
def test_everything_else_stays_as_it_is(service: str, host: str) -> None:
    headers = signed(service, host)
    assert path_style(b"/cat.png", headers) == (b"/cat.png", headers)


def test_the_scope_of_an_unsigned_request_is_empty() -> None:
    assert credential_scope([(b"host", b"localhost")]) == ("", "")
    assert credential_scope(signed("dynamodb", "localhost")) == ("dynamodb", "us-east-1")
