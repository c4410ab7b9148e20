"""Debuggers on the command line: a function told to wait for one, and what an editor needs to attach."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_sandbox.server_client import ServerClient

_ROUTE = "/_sandbox/debug"
_WORKSPACE = "${workspaceFolder}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where the function waits. ``task`` is the folder of its code as it sees it, ``local`` as the editor does."""

    function: str
    port: int
    runtime: str
    task: str
    local: str = _WORKSPACE

    def text(self) -> str:
        """One line for people, and the entry of VS Code's ``launch.json``."""
        entry = json.dumps(self._python() if self.runtime.startswith("python") else self._node(), indent=2)
        return (
            f"{self.function} waits for a debugger at 127.0.0.1:{self.port} when it is invoked. "
            f"In VS Code's launch.json:\n{entry}"
        )

    def _python(self) -> dict[str, Any]:
        return {
            "name": f"Lambda: {self.function}",
            "type": "debugpy",
            "request": "attach",
            "connect": {"host": "127.0.0.1", "port": self.port},
            "pathMappings": [{"localRoot": self.local, "remoteRoot": self.task}],
        }

    def _node(self) -> dict[str, Any]:
        return {
            "name": f"Lambda: {self.function}",
            "type": "node",
            "request": "attach",
            "address": "127.0.0.1",
            "port": self.port,
            "localRoot": self.local,
            "remoteRoot": self.task,
        }


def begin(
    client: ServerClient, function: str, port: int | None = None, folder: Path | None = None
) -> Attachment:
    """Let the function wait from its next environment on. Raises ``SandboxFault`` with the sandbox's sentence."""
    answer = client.send("POST", _ROUTE, function=function, port=None if port is None else str(port))
    local = str(folder) if folder is not None else _WORKSPACE
    return Attachment(function, answer["port"], answer["runtime"], answer["task"], local)


def end(client: ServerClient, function: str) -> bool:
    """Return whether the function was debugged until now."""
    return bool(client.send("DELETE", _ROUTE, function=function)["debugged"])
