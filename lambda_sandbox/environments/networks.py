"""Network namespaces made in advance, with their listeners in them: making one waits for a lock of the whole machine.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the zygote. Linux only.
"""

from __future__ import annotations

import json
import os
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.environments import namespaces
else:
    import namespaces

RUNTIME_API_PORT, ENDPOINT_PORT, TRACES_PORT = 9001, 9000, 2000
_SPARE = 8
_QUIET_MS = 20
_OPENINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openings.json")


Listeners = tuple[socket.socket, ...]


def _read_openings() -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports that are opened inside; there is no file where nothing is."""
    try:
        with open(_OPENINGS, encoding="ascii") as file:
            return tuple((address, port) for address, port in json.load(file))
    except OSError:
        return ()


_OPENED = _read_openings()


def listen(own_network: bool) -> Listeners:
    """Return the listeners for the Runtime API and the endpoint, the socket that is X-Ray's daemon's, and then one for
    each host and port that is opened.

    Where the network is the host's they have ports of their own, and nothing need be opened.
    """
    listeners = [_listen(port if own_network else 0) for port in (RUNTIME_API_PORT, ENDPOINT_PORT)]
    opened = _listen_for_opened() if own_network else []
    return (*listeners, _bind_datagrams(TRACES_PORT if own_network else 0), *opened)


def _listen_for_opened() -> list[socket.socket]:
    for number, address in enumerate(sorted({address for address, _ in _OPENED})):
        if not address.startswith("127."):
            namespaces.add_address(address, number)
    return [_listen(port, address) for address, port in _OPENED]


def _listen(port: int, address: str = "127.0.0.1") -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _bind_datagrams(port: int) -> socket.socket:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    datagrams.setblocking(False)
    return datagrams


class SpareNetworks:
    """Namespaces that nobody has been in. Each is given to one environment and never again."""

    def __init__(self) -> None:
        # Without root only a namespace of one's own can be entered again; and a zygote needs no network.
        namespaces.unshare(namespaces.NEWNET)
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._spare: list[tuple[int, Listeners]] = []
        if _OPENED:
            self._make()  # what cannot be listened on is found out at once, not by the first environment

    def fill(self, requests: socket.socket) -> None:
        """Make namespaces until there are enough, as long as no request comes."""
        if len(self._spare) >= _SPARE:
            return
        idle = select.poll()
        idle.register(requests, select.POLLIN)
        while len(self._spare) < _SPARE and not idle.poll(_QUIET_MS):
            try:
                self._make()
            except OSError:
                return  # the machine has no more of them to give; an environment then says so itself

    def _make(self) -> None:
        namespaces.unshare(namespaces.NEWNET)
        try:
            namespaces.loopback_up()
            listeners = listen(own_network=True)
            entry = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self._spare.append((entry, listeners))
        finally:
            namespaces.join(self._own, namespaces.NEWNET)

    def enter(self) -> Listeners:
        """Called in an environment's first process: be in the last namespace, or in a new one. Return its listeners."""
        listeners: Listeners = ()
        if self._spare:
            entry, listeners = self._spare.pop()
            namespaces.join(entry, namespaces.NEWNET)
            os.close(entry)
        else:
            namespaces.unshare(namespaces.NEWNET)
            namespaces.loopback_up()
            listeners = listen(own_network=True)
        self.close()
        return tuple(map(_lowered, listeners)) if _OPENED else listeners

    def given(self) -> None:
        """Called in the zygote once an environment has been forked, which has the last namespace."""
        if self._spare:
            _close(*self._spare.pop())

    def close(self) -> None:
        for spare in self._spare:
            _close(*spare)
        self._spare.clear()
        os.close(self._own)


def _lowered(sock: socket.socket) -> socket.socket:
    """Return it under the lowest free descriptor: the runtime closes low ones only, and many openings reach beyond."""
    lower = sock.dup()
    if lower.fileno() > sock.fileno():
        lower.close()
        return sock
    sock.close()
    return lower


def _close(entry: int, listeners: Listeners) -> None:
    os.close(entry)
    for listener in listeners:
        listener.close()
