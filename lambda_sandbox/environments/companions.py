"""What runs beside the runtime: external extensions, and connections to listeners that they open inside.

An environment without extensions never comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import defaultdict
from typing import Any, Protocol

from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.resources import Exit

_READ_BYTES = 65_536


class CompanionHost(Protocol):
    """Whoever owns the environments."""

    def on_extensions_started(self, environment_id: str, names: list[str]) -> None: ...

    def on_extension_output(self, environment_id: str, data: bytes) -> None: ...

    def on_extension_refused(self, environment_id: str, name: str, reason: str) -> None: ...

    def on_extension_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_runtime_exit(self, environment_id: str, exit_: Exit) -> None: ...


class Companions:
    """Hears what a launcher says of extensions, and asks it for connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: CompanionHost) -> None:
        self._loop = loop
        self._host = host
        self._connecting: dict[tuple[RunningEnvironment, int], list[asyncio.Future[socket.socket]]] = (
            defaultdict(list)
        )

    def heard(
        self, environment: RunningEnvironment, message: dict[str, Any], fds: list[int], pid: int
    ) -> None:
        """Take up a packet of the launcher or of an extension."""
        match message["event"]:
            case "extensions":
                self._listen(environment, fds[0])
                if not environment.stopped:
                    self._host.on_extensions_started(environment.environment_id, message["names"])
            case "extension":
                environment.extension_pids[message["name"]] = pid
            case "extension_refused":
                if not environment.stopped:
                    self._host.on_extension_refused(
                        environment.environment_id, message["name"], message["reason"]
                    )
            case "extension_exited":
                environment.extension_pids.pop(message["name"], None)
                if not environment.stopped:
                    ended = environment.exit(message["status"])
                    self._host.on_extension_exit(environment.environment_id, ended)
            case "runtime_exited":
                environment.runtime_pid = 0  # the kernel may give the number away now
                if not environment.stopped:
                    ended = environment.exit(message["status"])
                    self._host.on_runtime_exit(environment.environment_id, ended)
            case "connected":
                self._connected(environment, message["port"], fds)

    def release(self, environment: RunningEnvironment) -> None:
        self._ask(environment, {"op": "run"})

    async def connect(self, environment: RunningEnvironment, port: int) -> socket.socket:
        """Return a connected socket. Raises ``ConnectionError``."""
        waiting: asyncio.Future[socket.socket] = self._loop.create_future()
        self._connecting[environment, port].append(waiting)
        self._ask(environment, {"op": "connect", "port": port})
        return await waiting

    def ended(self, environment: RunningEnvironment) -> None:
        """The environment's last process is gone: take what its extensions still printed."""
        for place in [place for place in self._connecting if place[0] is environment]:
            for waiting in self._connecting.pop(place):
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError("the environment ended"))
        if environment.extension_output_fd >= 0 and not environment.stopped:
            self._loop.remove_reader(environment.extension_output_fd)
            while self._read(environment):
                pass

    def _ask(self, environment: RunningEnvironment, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # its end is heard by itself
            control_socket.send_with_fds(environment.control, message, [])

    def _listen(self, environment: RunningEnvironment, fd: int) -> None:
        os.set_blocking(fd, False)
        environment.extension_output_fd = fd
        if not environment.stopped:
            self._loop.add_reader(fd, self._read, environment)

    def _read(self, environment: RunningEnvironment) -> bool:
        try:
            data = os.read(environment.extension_output_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._host.on_extension_output(environment.environment_id, data)
        else:
            self._loop.remove_reader(environment.extension_output_fd)
        return bool(data)

    def _connected(self, environment: RunningEnvironment, port: int, fds: list[int]) -> None:
        waiting = self._connecting.get((environment, port))
        connection = socket.socket(fileno=fds[0]) if fds else None
        future = waiting.pop(0) if waiting else None
        if future is None or future.done():
            if connection is not None:
                connection.close()
        elif connection is not None:
            connection.setblocking(False)
            future.set_result(connection)
        else:
            future.set_exception(ConnectionRefusedError(f"nobody listens on port {port} inside"))
