"""Network namespaces made in advance: making one waits for a lock of the whole machine, entering one does not.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the zygote. Linux only.
"""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.environments import namespaces
else:
    import namespaces

_SPARE = 8
_QUIET_MS = 20


class SpareNetworks:
    """Namespaces that nobody has been in. Each is given to one environment and never again."""

    def __init__(self) -> None:
        # Without root only a namespace of one's own can be entered again; and a zygote needs no network.
        namespaces.unshare(namespaces.NEWNET)
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._spare: list[int] = []

    def fill(self, requests: socket.socket) -> None:
        """Make namespaces until there are enough, as long as no request comes."""
        if len(self._spare) >= _SPARE:
            return
        idle = select.poll()
        idle.register(requests, select.POLLIN)
        while len(self._spare) < _SPARE and not idle.poll(_QUIET_MS):
            try:
                namespaces.unshare(namespaces.NEWNET)
            except OSError:
                return  # the machine has no more of them to give; an environment then says so itself
            namespaces.loopback_up()
            self._spare.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            namespaces.join(self._own, namespaces.NEWNET)

    def enter(self) -> None:
        """Called in an environment's first process: be in the last namespace, or in a new one."""
        if self._spare:
            namespaces.join(self._spare[-1], namespaces.NEWNET)
        else:
            namespaces.unshare(namespaces.NEWNET)
            namespaces.loopback_up()
        self.close()

    def given(self) -> None:
        """Called in the zygote once an environment has been forked, which has the last namespace."""
        if self._spare:
            os.close(self._spare.pop())

    def close(self) -> None:
        for fd in (*self._spare, self._own):
            os.close(fd)
        self._spare.clear()
