"""Packets of JSON on a control socket, and the descriptors that travel with them, as seen from inside an environment.

Standard library only: this file is mounted alone at ``/var/runtime`` beside the launcher.
"""

from __future__ import annotations

import _socket
import array
import json
from typing import Any

_MAX_PACKET = 1 << 18


def receive(control: _socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next object and the descriptors that came with it; ``{}`` at the end."""
    data, ancillary, _, _ = control.recvmsg(_MAX_PACKET, _socket.CMSG_SPACE(64))
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return (json.loads(data) if data else {}), list(fds)


def send(control: _socket.socket, message: dict[str, Any], sockets: tuple[_socket.socket, ...] = ()) -> None:
    send_fds(control, message, [sock.fileno() for sock in sockets])


def send_fds(control: _socket.socket, message: dict[str, Any], fds: list[int]) -> None:
    rights = array.array("i", fds)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if fds else []
    control.sendmsg([json.dumps(message).encode()], ancillary)
