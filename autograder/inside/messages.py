"""What the fork server and its submissions say to the grader outside: one packet of JSON, perhaps with descriptors."""

from __future__ import annotations

import array
import json
import socket
import struct
import sys
import time
from typing import Any

MAX_PACKET = 1 << 17
_CREDENTIALS = struct.Struct("3i")
_SCM_CREDENTIALS = 2  # Linux


def send(control: socket.socket, message: dict[str, Any], handles: tuple[int, ...] = ()) -> None:
    """Send one object; ``handles`` are descriptors that go along."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handles))] if handles else []
    control.sendmsg([json.dumps(message).encode() + b"\n"], rights)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next packet's object and the descriptors that came along; ``({}, [])`` at the end."""
    data, handles, _ = _receive(control)
    message = json.loads(data) if data else {}
    return (message if isinstance(message, dict) else {}), handles


class Hearing:
    """The grader's side of a submission's control socket: what comes as lines, at most ``most`` bytes of it kept.

    ``sender`` is the process that spoke, by the number it has here; 0 where the kernel does not tell (not Linux).
    """

    def __init__(self, control: socket.socket, most: int) -> None:
        self.sender = 0
        self.handles: list[int] = []
        self._control = control
        self._most = most
        self._received = bytearray()
        if sys.platform == "linux":
            control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def line(self, deadline: float) -> dict[str, Any]:
        """Return the next object; ``{}`` if the other side ends, speaks no JSON, or says too much.

        ``deadline`` is in seconds of ``time.monotonic``. Raises TimeoutError.
        """
        while (end := self._received.find(b"\n")) < 0:
            self._control.settimeout(max(0.001, deadline - time.monotonic()))
            data, handles, sender = _receive(self._control)
            self.handles += handles
            self.sender = self.sender or sender
            self._received += data
            if not data or len(self._received) > self._most:
                return {}
        text = bytes(self._received[:end])
        del self._received[: end + 1]
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}


def _receive(control: socket.socket) -> tuple[bytes, list[int], int]:
    space = socket.CMSG_SPACE(16) + socket.CMSG_SPACE(_CREDENTIALS.size)
    data, ancillary, _, _ = control.recvmsg(MAX_PACKET, space)
    handles, sender = array.array("i"), 0
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            handles.frombytes(content[: len(content) - len(content) % handles.itemsize])
        elif (level, kind) == (socket.SOL_SOCKET, _SCM_CREDENTIALS) and sys.platform == "linux":
            sender = _CREDENTIALS.unpack_from(content)[0]
    return data, list(handles), sender
