"""Makes Python resolve names that end in ``.localhost`` to this machine, as RFC 6761 asks and many systems do not.

Browsers and curl do so by themselves; without it ``urlopen`` of an API's address fails wherever the resolver asks a name
server.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

_by_system: Callable[..., Any] | None = None


def install() -> None:
    """Answer look-ups of ``*.localhost`` in this process with the loopback address; a second call does nothing."""
    global _by_system
    if _by_system is not None:
        return
    _by_system = look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if _is_local(host) else host, *arguments, **options)

    socket.getaddrinfo = getaddrinfo


def uninstall() -> None:
    """Give the system's own look-up back; does nothing when ``install`` was not called."""
    global _by_system
    if _by_system is not None:
        socket.getaddrinfo = _by_system
        _by_system = None


def _is_local(host: Any) -> bool:
    name = host.decode("latin-1") if isinstance(host, bytes) else host
    return isinstance(name, str) and name.lower().rstrip(".").endswith(".localhost")
