from __future__ import annotations

import pytest

from lambda_sandbox.services.addressing import credential_scope, is_administration, path_style


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


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/moto-api/reset", "localhost"),
        ("/MOTO-API/seed?a=1", "localhost"),
        ("//moto-api/reset", "localhost"),
        ("/%6doto-api/reset", "localhost"),
        ("/_sandbox/identity", "localhost"),
        ("/%5Fsandbox/identity", "localhost"),
        ("http://localhost/moto-api/reset", "localhost"),
        ("/reset", "moto-api.localhost:9000"),
        ("/reset", "moto-api.s3.localhost"),
    ],
)
def test_what_is_meant_for_the_process_itself_is_known_however_it_is_written(target: str, host: str) -> None:
    assert is_administration(target.encode(), signed("s3", host))


@pytest.mark.parametrize(
    "target", ["/", "/photos/moto-api/reset", "/moto-apiary/cat.png", "/photos/_sandbox/x"]
)
def test_a_bucket_or_key_of_a_similar_name_is_not(target: str) -> None:
    assert not is_administration(target.encode(), signed("s3", "localhost"))
