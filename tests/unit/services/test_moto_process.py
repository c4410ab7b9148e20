from __future__ import annotations

import pytest

from lambda_sandbox.services.moto_process import refuse_network


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "a.localhost", b"localhost", "127.9.9.9"])
def test_loopback_is_allowed(host: str | bytes) -> None:
    refuse_network("socket.connect", (None, (host, 80)))
    refuse_network("socket.getaddrinfo", (host, 80, 0, 0, 0))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "example.com", b"example.com", "::ffff:8.8.8.8"]
)
def test_every_other_address_is_refused(host: str | bytes) -> None:
    with pytest.raises(PermissionError, match="no network"):
        refuse_network("socket.connect", (None, (host, 80)))
    with pytest.raises(PermissionError, match="no network"):
        refuse_network("socket.getaddrinfo", (host, 80, 0, 0, 0))


def test_a_unix_socket_is_not_the_network() -> None:
    refuse_network("socket.connect", (None, "/tmp/some.sock"))
