"""Execution environments as real processes: start, output, memory, freeze, end. Everything runs on one asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from lambda_sandbox import quotas
from lambda_sandbox.config import Config
from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.admission import MemoryAdmission
from lambda_sandbox.environments.companions import Companions
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.environments.isolation import choose_starter, describe
from lambda_sandbox.environments.layer_folders import LayerFolders
from lambda_sandbox.environments.limits import ControlGroup, find_control_groups
from lambda_sandbox.environments.memory import GroupMeter, MemoryMeter
from lambda_sandbox.environments.memory_watch import MemoryWatch
from lambda_sandbox.environments.running import RunningEnvironment, output_pipe
from lambda_sandbox.environments.specification import specification
from lambda_sandbox.environments.starters import StartRequest
from lambda_sandbox.environments.tmp_files import TmpFiles
from lambda_sandbox.environments.tree_memory import TreeMeter
from lambda_sandbox.environments.variables import default_log_stream
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Exit, FunctionConfiguration, Isolation

_CORNER = "lambda-sandbox"
_CLOSE_TIMEOUT_S = 5.0
_BASELINE_PROCESSES = 2  # the launcher and the runtime


class EnvironmentHost(Protocol):
    """Whoever owns the environments: gives a protocol for each connection, and is told what happens."""

    def runtime_api_protocol(self, environment_id: str) -> asyncio.BaseProtocol: ...

    def endpoint_protocol(self, environment_id: str) -> asyncio.BaseProtocol: ...

    def on_output(self, environment_id: str, data: bytes) -> None: ...

    def on_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_extensions_started(self, environment_id: str, names: list[str]) -> None: ...

    def on_extension_output(self, environment_id: str, data: bytes) -> None: ...

    def on_extension_exit(self, environment_id: str, name: str) -> None: ...

    def on_runtime_exit(self, environment_id: str, exit_: Exit) -> None:
        """The runtime ended while extensions still run; ``on_exit`` follows when the last of them has ended."""
        ...


class ProcessEnvironments:
    """Real environments. The constructor waits (some 50 ms) while it finds out what the machine can enforce.

    Raises ``SandboxFault`` when the configuration asks for an isolation that the machine does not give.
    """

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, host: EnvironmentHost) -> None:
        self._config = config
        self._loop = loop
        self._host = host
        self._folder, self._folder_lock = make_folder()
        try:
            self._starter = choose_starter(config, self._folder)
        except BaseException:
            self._remove_folder()
            raise
        self._groups = find_control_groups(_CORNER)
        self._admission = MemoryAdmission(config.memory_budget_mb)
        self._controllers = self._groups.controllers if self._groups is not None else frozenset[str]()
        self._environments: dict[str, RunningEnvironment] = {}
        self._ending: set[RunningEnvironment] = set()
        self._all_ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        charged = self._starter.keeps_tmp_size and "memory" in self._controllers
        self._memory_watch = MemoryWatch(loop, self._over_memory)
        self._tmp_files = TmpFiles(loop, self._memory_watch) if charged else None
        self._layer_folders = LayerFolders(self._folder)
        self._companions = Companions(loop, host)
        self._count = 0
        self.isolation: Isolation = describe(self._starter, self._groups)

    # --- for the driver --------------------------------------------------------------------------------

    def start(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        code: Path,
        layers: Sequence[Path] = (),
        log_stream: str = "",
        initialization_type: str = "on-demand",
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        """Start an environment and return at once. The same id again, after a reset, finds its ``/tmp`` as it was.

        ``credentials`` are the variables that take the place of the dummies.

        A failure later on is an exit. Raises ``SandboxFault`` for a machine out of means.
        """
        self._count += 1
        layer_folder = self._layer_folders.one_folder(layers)
        stream = log_stream or default_log_stream(function, environment_id)
        spec = specification(
            self._starter,
            self._controllers,
            self._config.runtime_client,
            function,
            code,
            layer_folder,
            stream,
            self._count,
            initialization_type,
        )
        spec["variables"].update(credentials or {})
        environment = self._launch(environment_id, function, code, layer_folder, spec)
        self._environments[environment_id] = environment
        self._loop.add_reader(environment.control.fileno(), self._on_control, environment)
        self._loop.add_reader(environment.output_fd, self._on_output, environment)
        if environment.group is not None and environment.group.oom_fd >= 0:
            self._loop.add_reader(environment.group.oom_fd, self._over_memory, environment)

    def refusal(self, function: FunctionConfiguration) -> str:
        """Return why the machine has no room for another environment of ``function``; ``""`` when it has."""
        there = self._environments.values()
        starting = sum(not environment.init_finished for environment in there)
        held = sum(environment.memory_mb for environment in there)
        return self._admission.refusal(function.memory_mb, held, starting)

    def terminate(self, environment_id: str) -> None:
        """Send SIGTERM to the runtime and to all that it started; ``stop`` follows when their time is over."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.signal_tree(signal.SIGTERM, extensions=False)

    def stop(self, environment_id: str, keep_tmp: bool = False) -> None:
        """End the whole process tree. Nothing is reported about this environment any more. Unknown ids are ignored."""
        environment = self._environments.pop(environment_id, None)
        if environment is not None:
            environment.stopped = True
            self._ending.add(environment)
            self._all_ended.clear()
            self._loop.remove_reader(environment.output_fd)
            if environment.extension_output_fd >= 0:
                self._loop.remove_reader(environment.extension_output_fd)
            environment.close_listeners()
            self._kill(environment)
        if not keep_tmp:
            self._starter.forget_tmp(environment_id)

    def drain_output(self, environment_id: str) -> bytes:
        """Return what the environment has printed and ``on_output`` has not been given; never blocks."""
        environment = self._environments.get(environment_id)
        return b"".join(environment.read_all_output()) if environment is not None else b""

    def begin_invocation(self, environment_id: str) -> None:
        """An event is about to be delivered: the peak of memory is this invocation's from here on."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.memory.begin_invocation()

    def peak_memory_mb(self, environment_id: str) -> int:
        """Return the most memory since the invocation began, in MB rounded up; 0 before the runtime runs."""
        environment = self._environments.get(environment_id)
        return environment.memory.peak_mb() if environment is not None else 0

    def init_finished(self, environment_id: str) -> None:
        """From here on the environment has its share of the processors only."""
        environment = self._environments.get(environment_id)
        if environment is None:
            return
        environment.init_finished = True
        if environment.group is not None:
            with contextlib.suppress(OSError):
                environment.group.share_cpu(environment.memory_mb)

    def release_runtime(self, environment_id: str) -> None:
        """All extensions have registered: the runtime, which has waited, begins its init."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            self._companions.release(environment)

    async def connect(self, environment_id: str, port: int) -> socket.socket:
        """Return a connection to a listener inside the environment, made from inside. Raises ``ConnectionError``."""
        environment = self._environments.get(environment_id)
        if environment is None:
            raise ConnectionResetError("the environment is gone")
        return await self._companions.connect(environment, port)

    def freeze(self, environment_id: str) -> None:
        """Stop the runtime and all that it started. Costs some 20 µs."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.frozen = True
            environment.signal_tree(signal.SIGSTOP)

    def thaw(self, environment_id: str) -> None:
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.frozen = False
            environment.signal_tree(signal.SIGCONT)
            self._memory_watch.resume(environment)

    async def close(self) -> None:
        """End every environment and give everything back. Closing twice does nothing more."""
        for environment_id in list(self._environments):
            self.stop(environment_id)
        if self._ending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), _CLOSE_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        self._memory_watch.close()
        if self._tmp_files is not None:
            self._tmp_files.close()
        self._starter.close()
        if self._groups is not None:
            self._groups.close()
        self._remove_folder()

    # --- starting --------------------------------------------------------------------------------------

    def _launch(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        code: Path,
        layers: Path | None,
        spec: dict[str, Any],
    ) -> RunningEnvironment:
        # What is shared with the zygote is not charged to the group, yet it is the function's: AWS counts the interpreter.
        grouped = "memory" in self._controllers
        memory_bytes = function.memory_mb * quotas.MIB - (self._starter.baseline_bytes if grouped else 0)
        group = self._make_group(environment_id, memory_bytes)
        meter: MemoryMeter = TreeMeter(memory_bytes)
        if group is not None and grouped:
            meter = GroupMeter(group, self._starter.baseline_bytes)
        server_side, control = control_socket.make_pair()
        reader, writer = output_pipe()
        environment = RunningEnvironment(
            environment_id,
            function.memory_mb,
            server_side,
            reader,
            group,
            meter,
            own_pids=self._starter.level != "process",
            tmp_key=environment_id,
            tmp_mb=function.ephemeral_storage_mb,
            memory_bytes=memory_bytes,
        )
        try:
            fds = group.open_join_fds() if group is not None else []
            request = StartRequest(
                spec=spec,
                code=code,
                layers=layers,
                tmp_key=environment_id,
                tmp_mb=function.ephemeral_storage_mb,
                server_side=server_side,
                control=control,
                output_fd=writer,
                group_fds=fds,
            )
            environment.process = self._starter.start(request)
        except BaseException:
            environment.close()
            raise
        finally:
            control.close()
            os.close(writer)
            if group is not None:
                group.close_join_fds()
        server_side.setblocking(False)
        return environment

    def _make_group(self, environment_id: str, memory_bytes: int) -> ControlGroup | None:
        if self._groups is None:
            return None
        processes = quotas.PROCESSES + _BASELINE_PROCESSES
        try:
            return self._groups.create(f"{environment_id}-{self._count}", memory_bytes, processes)
        except OSError as error:
            raise SandboxFault(
                f"no control group for an environment: {error}; stop some functions"
            ) from error

    # --- what an environment says ----------------------------------------------------------------------

    def _on_control(self, environment: RunningEnvironment) -> None:
        try:
            message, fds, pid = control_socket.receive(environment.control)
        except BlockingIOError:
            return
        if not message:
            self._ended(environment)
            return
        if message["event"] == "listening":
            environment.launcher_pid = pid
            self._accept_on(environment, fds)
        elif message["event"] == "running":
            environment.runtime_pid = pid
            environment.memory.watch(pid)
            if not environment.stopped:
                self._watch_memory(environment)
        elif message["event"] == "exited":
            environment.wait_status = message["status"]
        else:
            self._companions.heard(environment, message, fds, pid)
        if environment.stopped:
            self._kill(environment)

    def _accept_on(self, environment: RunningEnvironment, fds: list[int]) -> None:
        makers = (self._host.runtime_api_protocol, self._host.endpoint_protocol)
        for fd, maker in zip(fds, makers, strict=True):
            listener = socket.socket(fileno=fd)
            if environment.stopped:
                listener.close()
                continue
            environment.listeners.append(listener)
            task = self._loop.create_task(self._serve(environment, listener, maker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, environment: RunningEnvironment, listener: socket.socket, maker: Any) -> None:
        server = await self._loop.create_server(lambda: maker(environment.environment_id), sock=listener)
        if environment.stopped:
            server.close()
        else:
            environment.servers.append(server)

    def _on_output(self, environment: RunningEnvironment) -> None:
        data = environment.read_output()
        if data:
            self._host.on_output(environment.environment_id, data)
        elif data is not None:
            self._loop.remove_reader(environment.output_fd)

    # --- the end ---------------------------------------------------------------------------------------

    def _ended(self, environment: RunningEnvironment) -> None:
        """The launcher is gone, and with it every process of the environment."""
        self._loop.remove_reader(environment.control.fileno())
        self._companions.ended(environment)
        if not environment.stopped:
            environment.stopped = True
            self._stop_watching(environment)
            environment.memory.peak_mb()
            self._loop.remove_reader(environment.output_fd)
            for data in environment.read_all_output():
                self._host.on_output(environment.environment_id, data)
            environment.close_listeners()
            self._ending.add(environment)
            self._all_ended.clear()
            environment.runtime_pid = environment.launcher_pid = 0  # the kernel may give the numbers away now
            self._host.on_exit(environment.environment_id, environment.exit())
            if self._environments.get(environment.environment_id) is environment:
                del self._environments[environment.environment_id]
        self._give_back(environment)

    def _give_back(self, environment: RunningEnvironment) -> None:
        """Reap and delete what the kernel lets go only when the last process is gone; try again shortly if it is not."""
        if not environment.reaped():
            self._loop.call_later(0.01, self._give_back, environment)
            return
        self._ending.discard(environment)
        if not self._ending:
            self._all_ended.set()
        environment.close()

    def _over_memory(self, environment: RunningEnvironment) -> None:
        """The function asked for more than its memory: AWS ends the whole environment."""
        environment.over_memory = True
        self._kill(environment)

    def _kill(self, environment: RunningEnvironment) -> None:
        self._stop_watching(environment)
        environment.kill()

    def _watch_memory(self, environment: RunningEnvironment) -> None:
        if self._tmp_files is not None:
            self._tmp_files.watch(environment)
        elif isinstance(environment.memory, TreeMeter) and sys.platform == "linux":
            self._memory_watch.add(environment)

    def _stop_watching(self, environment: RunningEnvironment) -> None:
        self._memory_watch.forget(environment)
        if self._tmp_files is not None:
            self._tmp_files.forget(environment)
        if environment.group is not None and environment.group.oom_fd >= 0:
            self._loop.remove_reader(environment.group.oom_fd)

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder_lock >= 0:
            os.close(self._folder_lock)
            self._folder_lock = -1
