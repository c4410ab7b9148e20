"""An environment's network: a namespace with nothing in it but loopback, and the listeners by which it reaches the sandbox.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the launcher. Linux only.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.environments import namespaces
else:
    import namespaces

RUNTIME_API_PORT, ENDPOINT_PORT, TRACES_PORT = 9001, 9000, 2000

Listeners = tuple[socket.socket, ...]


def listen(own_network: bool) -> Listeners:
    """Return the listeners for the Runtime API and the endpoint, and the socket that is X-Ray's daemon's.

    Where the network is the host's they have ports of their own.
    """
    listeners = [_listen(port if own_network else 0) for port in (RUNTIME_API_PORT, ENDPOINT_PORT)]
    return (*listeners, _bind_datagrams(TRACES_PORT if own_network else 0))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _bind_datagrams(port: int) -> socket.socket:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    datagrams.setblocking(False)
    return datagrams


def enter_new() -> Listeners:
    """Leave the network for a new namespace and return the listeners in it. Waits for a lock of the whole machine."""
    namespaces.unshare(namespaces.NEWNET)
    namespaces.loopback_up()
    return listen(own_network=True)
