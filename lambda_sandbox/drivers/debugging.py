"""Debuggers from outside to functions inside: which functions wait for one, and the bytes between the two.

An environment has no network that a debugger could reach. So the sandbox listens for it on loopback, connects to the
listener inside through the environment's launcher, and passes on what comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lambda_sandbox.drivers import debug_layer
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.invocation.core_state import WATCHDOG
from lambda_sandbox.resources import FunctionConfiguration

# A debugger that is early waits for its environment: how often it is looked whether that listens by now.
_LOOK_AGAIN_S = 0.05
_CHUNK_BYTES = 65_536
_PORTS = {"python": 5678, "nodejs": 9229}  # debugpy's and Node's own

Connect = Callable[[str, int], Awaitable[socket.socket]]


@dataclass
class _Listener:
    """Where the debugger listens inside an environment, and how many talk to it.

    ``ready_port`` is 0 where a debugger may come at any time, and once it was found open.
    """

    port: int
    ready_port: int
    connections: int = 0


@dataclass(eq=False)
class _Debugged:
    """One function under a debugger, with its environments from the oldest on."""

    server: asyncio.Server
    listeners: dict[str, _Listener] = field(default_factory=dict)
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def port(self) -> int:
        port: int = self.server.sockets[0].getsockname()[1]
        return port


class Debugging:
    """``connect(environment_id, port)`` reaches a listener inside; ``retire(function_arn)`` ends what runs undebugged."""

    def __init__(self, connect: Connect, retire: Callable[[str], None]) -> None:
        self._connect = connect
        self._retire = retire
        self._debugged: dict[str, _Debugged] = {}
        self._environments: dict[str, str] = {}  # the function's ARN, by environment
        self._layer: Path | None = None
        self._layer_lock = -1

    async def begin(self, function: FunctionConfiguration, port: int | None) -> int:
        """Let every new environment of the function wait for a debugger at ``port``; return the port.

        0 is a free one, ``None`` what debuggers of the language expect.

        Raises ``SandboxFault`` for a runtime without debugger, for debugpy not installed, and for a port in use.
        """
        language = debug_layer.language(function)
        chosen = _PORTS[language] if port is None else port
        if self._layer is None:
            await self._make_layer()
        await self.end(function.arn)
        self._debugged[function.arn] = await self._listen(function.arn, chosen)
        self._retire(function.arn)
        return self._debugged[function.arn].port

    async def end(self, function_arn: str) -> bool:
        """Return whether the function was debugged; its environments retire, and the next runs as ever."""
        debugged = self._debugged.pop(function_arn, None)
        if debugged is None:
            return False
        debugged.server.close()
        for task in debugged.connections:
            task.cancel()
        self._retire(function_arn)
        return True

    async def close(self) -> None:
        """End all debugging; may be called more than once."""
        for function_arn in list(self._debugged):
            await self.end(function_arn)
        if self._layer is not None:
            shutil.rmtree(self._layer, ignore_errors=True)
            os.close(self._layer_lock)
            self._layer = None

    def ports(self) -> set[int]:
        """Return where debuggers are listened for."""
        return {debugged.port for debugged in self._debugged.values()}

    # --- for the driver --------------------------------------------------------------------------------

    def equip(
        self, environment_id: str, function: FunctionConfiguration, layers: Sequence[Path]
    ) -> tuple[FunctionConfiguration, tuple[Path, ...]]:
        """Return what an environment is started with: as it is, or under a debugger."""
        debugged = self._debugged.get(function.arn)
        if debugged is None or self._layer is None:
            return function, tuple(layers)
        # Not fixed ones: without a network of its own an environment shares the host's.
        port, ready_port = _free_ports(2)
        waits = debug_layer.language(function) == "python"
        debugged.listeners[environment_id] = _Listener(port, ready_port if waits else 0)
        self._environments[environment_id] = function.arn
        return debug_layer.equipped(function, port, ready_port), (*layers, self._layer)

    def holds(self, environment_id: str) -> bool:
        """Return whether the environment is under a debugger: it is not frozen, and nothing in it times out."""
        return environment_id in self._environments

    def ignores(self, timer: tuple[str, str]) -> bool:
        """Return whether a timer of the core counts for nothing, since somebody is thinking at a breakpoint."""
        return timer[0] == WATCHDOG and timer[1] in self._environments

    def forget(self, environment_id: str) -> None:
        """The environment is gone."""
        debugged = self._debugged.get(self._environments.pop(environment_id, ""))
        if debugged is not None:
            debugged.listeners.pop(environment_id, None)

    # --- parts -----------------------------------------------------------------------------------------

    async def _make_layer(self) -> None:
        folder, lock = make_folder()  # locked: what a killed server leaves is removed by the next
        try:
            await asyncio.get_running_loop().run_in_executor(None, debug_layer.make, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            raise
        self._layer, self._layer_lock = folder, lock

    async def _listen(self, function_arn: str, port: int) -> _Debugged:
        try:
            server = await asyncio.start_server(
                lambda reader, writer: self._serve(function_arn, reader, writer), "127.0.0.1", port
            )
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise SandboxFault(
                f"no debugger can be heard on port {port} ({os.strerror(error.errno)}): choose another, or 0 for a free one"
            ) from None
        return _Debugged(server)

    async def _serve(
        self, function_arn: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Join a debugger with an environment, whenever there is one."""
        debugged, task = self._debugged.get(function_arn), asyncio.current_task()
        if debugged is None or task is None:
            writer.close()
            return
        debugged.connections.add(task)
        try:
            reached = await self._reach(debugged, reader)
            if reached is not None:
                await _join(reader, writer, *reached)
        except (OSError, asyncio.CancelledError):
            pass  # one of the two has gone
        finally:
            debugged.connections.discard(task)
            writer.close()

    async def _reach(
        self, debugged: _Debugged, reader: asyncio.StreamReader
    ) -> tuple[socket.socket, _Listener] | None:
        """Return a connection to an environment, or ``None`` when the debugger hung up before there was one."""
        while not reader.at_eof():
            # An environment without a debugger waits for one; the oldest has waited longest.
            for environment_id, listener in sorted(
                debugged.listeners.items(), key=lambda pair: pair[1].connections
            ):
                with contextlib.suppress(ConnectionError):
                    return await self._enter(environment_id, listener), listener
            await asyncio.sleep(_LOOK_AGAIN_S)
        return None

    async def _enter(self, environment_id: str, listener: _Listener) -> socket.socket:
        """Raises ``ConnectionError`` while nobody listens."""
        if listener.ready_port:
            (await self._connect(environment_id, listener.ready_port)).close()
            listener.ready_port = 0
        return await self._connect(environment_id, listener.port)


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: socket.socket, listener: _Listener
) -> None:
    """Pass bytes on in both directions until one side ends."""
    inner_reader, inner_writer = await asyncio.open_connection(sock=inside)
    listener.connections += 1
    ways = [
        asyncio.ensure_future(_pass_on(reader, inner_writer)),
        asyncio.ensure_future(_pass_on(inner_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        listener.connections -= 1
        inner_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:  # all at once, so that they differ
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
