"""An environment's network: a namespace with nothing but loopback, and the listeners by which it reaches the sandbox.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the zygote. Linux only.
"""

from __future__ import annotations

import _socket
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.environments import namespaces
else:
    import namespaces

RUNTIME_API_PORT, ENDPOINT_PORT, TRACES_PORT = 9001, 9000, 2000
_HERE = os.path.dirname(os.path.abspath(__file__))
_OPENINGS = os.path.join(_HERE, "openings.json")
_ENDPOINT_PORT = os.path.join(_HERE, "endpoint_port")


# Those of ``socket`` are more comfortable, and write to many pages of memory that a fork shares.
Listeners = tuple[_socket.socket, ...]


def _read_openings() -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports that are opened inside; there is no file where nothing is."""
    try:
        with open(_OPENINGS, encoding="ascii") as file:
            return tuple((address, port) for address, port in json.load(file))
    except OSError:
        return ()


def _read_endpoint_port() -> int:
    """Return where functions find the sandbox; there is no file where it is the usual place."""
    try:
        with open(_ENDPOINT_PORT, encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return ENDPOINT_PORT


_OPENED = _read_openings()
_ENDPOINT = _read_endpoint_port()


def listen(own_network: bool) -> Listeners:
    """Return the listeners for the Runtime API and the endpoint, the socket that is X-Ray's daemon's, and then one for
    each host and port that is opened.

    Where the network is the host's they have ports of their own, and nothing need be opened.
    """
    listeners = [listen_at(port if own_network else 0) for port in (RUNTIME_API_PORT, _ENDPOINT)]
    opened = _listen_for_opened() if own_network else []
    return (*listeners, _bind_datagrams(TRACES_PORT if own_network else 0), *opened)


def _listen_for_opened() -> list[_socket.socket]:
    for number, address in enumerate(sorted({address for address, _ in _OPENED})):
        if not address.startswith("127."):
            namespaces.add_address(address, number)
    return [listen_at(port, address) for address, port in _OPENED]


def listen_at(port: int, address: str = "127.0.0.1") -> _socket.socket:
    """Return a listener. Raises ``OSError``."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _bind_datagrams(port: int) -> _socket.socket:
    datagrams = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    datagrams.setblocking(False)
    return datagrams


def enter_new() -> Listeners:
    """Leave the network for a new namespace and return the listeners in it. Waits for a lock of the whole machine."""
    namespaces.unshare(namespaces.NEWNET)
    namespaces.loopback_up()
    return listen(own_network=True)


def try_out() -> None:
    """Find out now, not with the first environment, that what is opened cannot be listened on. Raises ``OSError``."""
    if not _OPENED:
        return
    reading, writing = os.pipe()
    if namespaces.fork() == 0:
        try:
            enter_new()
        except OSError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        if reason := answer.read():
            raise OSError(reason)
