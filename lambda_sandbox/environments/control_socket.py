"""The server's side of an environment's control socket: packets of JSON, descriptors that travel with them, who sent them."""

from __future__ import annotations

import array
import json
import select
import socket
import sys
from typing import Any

_READ_BYTES = 65_536
_MOST_DESCRIPTORS = 32  # a wire's two ends, three listeners, and one for each opening to the network
_Ancillary = list[tuple[int, int, bytes]]


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return the server's end, on which the kernel names each sender, and the environment's end."""
    server_side, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server_side.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return server_side, control


def send_with_fds(sock: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([json.dumps(message).encode()], ancillary)


def is_heard(sock: socket.socket) -> bool:
    """Return whether somebody still holds the other end."""
    poll = select.poll()
    # Its end is told even to those who ask for nothing.
    poll.register(sock, 0)
    return not poll.poll(0)


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int], int]:
    """Return a message, its descriptors and its sender's process id; ``{}`` at the end.

    Raises ``BlockingIOError`` and ``TimeoutError`` where there is none yet.
    """
    try:
        space = socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS) + socket.CMSG_SPACE(12)
        data, ancillary, _, _ = sock.recvmsg(_READ_BYTES, space)
    except (BlockingIOError, TimeoutError):
        raise
    except OSError:
        data, ancillary = b"", []
    return (json.loads(data) if data else {}), _descriptors(ancillary), sender(ancillary)


def sender(ancillary: _Ancillary) -> int:
    """Return the process id, in our own pid namespace, of whoever sent the packet; 0 if the kernel did not say."""
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int.from_bytes(content[:4], sys.byteorder)
    return 0


def _descriptors(ancillary: _Ancillary) -> list[int]:
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content)
    return list(fds)
