"""First processes made in advance, each in namespaces of its own with its listeners: nobody waits for the kernel to make them.

One is given to one environment and never again. What it lacks is what makes it somebody's: control group, output, code and
the runtime's process. Standard library only: this file is mounted alone at ``/var/runtime`` beside the zygote. Linux only.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_sandbox.environments import packets
else:
    import packets

TMP_MB = 512  # until it is known for whom it is
_QUIET_MS = 20

Make = Callable[[str], socket.socket]


class Spares:
    """``make(tmp)`` forks one whose ``/tmp`` is the folder ``tmp``, and returns the socket on which it waits for its request.

    ``forget(tmp)`` gives that folder back, for one that could not be made. ``kept`` is how many there shall be; none until
    the server says so.
    """

    kept = 0

    def __init__(self, make: Make, forget: Callable[[str], None]) -> None:
        self._make = make
        self._forget = forget
        self._waiting: list[tuple[str, socket.socket]] = []
        self._made = 0

    def fill(self, requests: socket.socket) -> None:
        """Make some until there are enough, as long as no request comes."""
        if len(self._waiting) >= self.kept:
            return
        idle = select.poll()
        idle.register(requests, select.POLLIN)
        while len(self._waiting) < self.kept and not idle.poll(_QUIET_MS):
            self._made += 1
            tmp = f"spare-{os.getpid()}-{self._made}"
            try:
                self._waiting.append((tmp, self._make(tmp)))
            except OSError:
                self._forget(tmp)
                return  # the machine has no more to give; an environment then says so itself

    def give(self, request: dict[str, Any], fds: list[int]) -> str:
        """Have the oldest take the request, and return the name of its ``/tmp``; empty when there is none."""
        while self._waiting:
            tmp, orders = self._waiting.pop(0)
            with orders:
                try:
                    packets.send_fds(orders, request, fds)
                except OSError:
                    self._forget(tmp)
                    continue  # it could not be made, and has ended
            return tmp
        return ""

    def close(self) -> None:
        """Let go of them: they end, or in a fork stay with the parent."""
        for _, orders in self._waiting:
            orders.close()
        self._waiting.clear()
