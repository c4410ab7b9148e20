from __future__ import annotations

import pytest

from lambda_sandbox.services.moto_process import Reach

OWN = "http://127.0.0.1:9000"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "a.localhost", b"localhost", "127.9.9.9"])
def test_loopback_is_allowed(host: str | bytes) -> None:
    Reach()("socket.connect", (None, (host, 80)))
    Reach()("socket.getaddrinfo", (host, 80, 0, 0, 0))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "example.com", b"example.com", "::ffff:8.8.8.8"]
)
@pytest.mark.parametrize("own", ["", OWN])
def test_every_other_address_is_refused(host: str | bytes, own: str) -> None:
    with pytest.raises(PermissionError, match="no network"):
        Reach(own)("socket.connect", (None, (host, 80)))
    with pytest.raises(PermissionError, match="no network"):
        Reach(own)("socket.getaddrinfo", (host, 80, 0, 0, 0))


@pytest.mark.parametrize("address", [("127.0.0.1", 9001), ("127.0.0.2", 9000), ("::1", 9000, 0, 0)])
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto"])
def test_with_an_address_of_its_own_nothing_else_of_this_machine_is_reached(
    event: str, address: tuple[object, ...]
) -> None:
    Reach(OWN)(event, (None, ("127.0.0.1", 9000)))
    with pytest.raises(PermissionError, match="nothing but the sandbox itself"):
        Reach(OWN)(event, (None, address))


@pytest.mark.parametrize("path", ["/var/run/docker.sock", "/tmp/some.sock", "\0abstract", b"/run/x"])
def test_no_unix_socket_is_reached_but_that_of_a_database(path: str | bytes) -> None:
    Reach()("socket.connect", (None, "/tmp/lambda-sandbox-postgres-a1b2/.s.PGSQL.5432"))
    with pytest.raises(PermissionError, match="no other program"):
        Reach()("socket.connect", (None, path))
