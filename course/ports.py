"""Loopback ports: the wanted one, or the next that is free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
_TRIES = 100


def is_free(port: int) -> bool:
    """Tell whether a server could listen on ``port`` now. A port whose last connections still linger counts as free.

    Raises ``OSError`` for a port that only the machine's administrator may listen on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise OSError(
                    f"port {port} is the administrator's; name one from 1024 on (see python -m course --help)"
                ) from None
            return False
    return True


def choose(wanted: int, taken: Collection[int] = ()) -> int:
    """Return ``wanted`` or the next free port above it that is not in ``taken``; 0 asks for any free port.

    Raises ``OSError`` when a hundred ports in a row are in use.
    """
    if wanted == 0:
        return _any_free(taken)
    for port in range(wanted, min(wanted + _TRIES, 65536)):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port from {wanted} on; name another one (see python -m course --help)")


def _any_free(taken: Collection[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
