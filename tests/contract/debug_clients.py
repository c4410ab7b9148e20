"""Debuggers in a few lines: the Debug Adapter Protocol to debugpy, the Inspector Protocol's front page to Node."""

from __future__ import annotations

import json
import socket
from typing import Any


class DebugAdapter:
    """Speaks the Debug Adapter Protocol as an editor does. Events that are not asked for are kept until they are."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")
        self._sequence = 0
        self._kept: list[dict[str, Any]] = []

    def __enter__(self) -> DebugAdapter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return its response's body."""
        number = self.send(command, **arguments)
        answer = self._take(lambda m: m["type"] == "response" and m["request_seq"] == number)
        assert answer["success"], answer
        body: dict[str, Any] = answer.get("body") or {}
        return body

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request whose response comes later, as that of ``attach`` does."""
        self._sequence += 1
        request = {"seq": self._sequence, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._sequence

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event and return its body."""
        body: dict[str, Any] = self._take(lambda m: m["type"] == "event" and m["event"] == name).get(
            "body", {}
        )
        return body

    def attach(self, local: str, remote: str) -> None:
        """Shake hands, up to where breakpoints may be set; ``configurationDone`` lets the code run."""
        self.ask("initialize", clientID="test", adapterID="debugpy", pathFormat="path", linesStartAt1=True)
        self.send("attach", pathMappings=[{"localRoot": local, "remoteRoot": remote}], justMyCode=False)
        self.event("initialized")

    def _take(self, wanted: Any) -> dict[str, Any]:
        for number, message in enumerate(self._kept):
            if wanted(message):
                return self._kept.pop(number)
        while True:
            message = self._read()
            if wanted(message):
                return message
            self._kept.append(message)

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, f"the debugger hung up; it had said {self._kept}"
        message: dict[str, Any] = json.loads(self._file.read(length))
        return message
