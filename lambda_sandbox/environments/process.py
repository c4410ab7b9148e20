"""Execution environments as real processes: start, output, memory, freeze, end. Everything runs on one asyncio loop."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lambda_sandbox import quotas
from lambda_sandbox.config import Config
from lambda_sandbox.environments.isolation import choose_starter, describe
from lambda_sandbox.environments.limits import ControlGroup, find_control_groups, resource_limits
from lambda_sandbox.environments.starters import StartRequest, sender
from lambda_sandbox.environments.variables import default_log_stream, variables
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Exit, FunctionConfiguration, Isolation

_CORNER = "lambda-sandbox"
_FOLDER = "lambda-sandbox-environments-"
_READ_BYTES = 65_536
_PIPE_BYTES = 1 << 20
_CLOSE_TIMEOUT_S = 5.0
_BASELINE_PROCESSES = 2  # the launcher and the runtime
# A bare interpreter's data segments, measured with /proc/PID/status VmData; it must not count as the function's.
_INTERPRETER_BYTES = 24 * quotas.MIB


class EnvironmentHost(Protocol):
    """Whoever owns the environments: gives a protocol for each connection, and is told what happens."""

    def runtime_api_protocol(self, environment_id: str) -> asyncio.BaseProtocol: ...

    def endpoint_protocol(self, environment_id: str) -> asyncio.BaseProtocol: ...

    def on_output(self, environment_id: str, data: bytes) -> None: ...

    def on_exit(self, environment_id: str, exit_: Exit) -> None: ...


@dataclass(slots=True, eq=False)
class _Environment:
    environment_id: str
    memory_mb: int
    control: socket.socket
    output_fd: int
    group: ControlGroup | None
    process: subprocess.Popen[bytes] | None = None
    launcher_pid: int = 0
    runtime_pid: int = 0
    status_fd: int = -1
    peak_mb: int = 0
    group_peak: int = 0
    wait_status: int | None = None
    stopped: bool = False
    servers: list[asyncio.Server] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)


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
        self._environments: dict[str, _Environment] = {}
        self._ending: set[_Environment] = set()
        self._all_ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._merged_layers: dict[tuple[Path, ...], Path] = {}
        self._count = 0
        self.isolation: Isolation = describe(self._starter, self._groups)

    def start(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        code: Path,
        layers: Sequence[Path] = (),
        log_stream: str = "",
    ) -> None:
        """Start an environment and return at once. The same id again, after a reset, finds its ``/tmp`` as it was.

        A failure later on is an exit. Raises ``SandboxFault`` for a runtime that is not Python, or a machine out of means.
        """
        if not function.runtime.startswith("python"):
            raise SandboxFault(
                f"the runtime {function.runtime} cannot run here: this release runs Python functions"
            )
        self._count += 1
        server_side, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server_side.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        group = self._make_group(environment_id, function)
        environment = _Environment(environment_id, function.memory_mb, server_side, reader, group)
        try:
            os.set_blocking(reader, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            layer_folder = self._layers(layers)
            request = StartRequest(
                spec=self._specification(environment_id, function, code, layer_folder, log_stream),
                code=code,
                layers=layer_folder,
                tmp_key=environment_id,
                tmp_mb=function.ephemeral_storage_mb,
                server_side=server_side,
                control=control,
                output_fd=writer,
                group_fds=group.open_join_fds() if group is not None else [],
            )
            environment.process = self._starter.start(request)
        except BaseException:
            self._discard(environment)
            raise
        finally:
            control.close()
            os.close(writer)
            if group is not None:
                group.close_join_fds()
        server_side.setblocking(False)
        self._environments[environment_id] = environment
        self._loop.add_reader(server_side.fileno(), self._on_control, environment)
        self._loop.add_reader(reader, self._on_output, environment)

    def stop(self, environment_id: str, keep_tmp: bool = False) -> None:
        """End the whole process tree. Nothing is reported about this environment any more. Unknown ids are ignored."""
        environment = self._environments.pop(environment_id, None)
        if environment is not None:
            environment.stopped = True
            self._ending.add(environment)
            self._all_ended.clear()
            self._loop.remove_reader(environment.output_fd)
            self._close_listeners(environment)
            self._kill(environment)
        if not keep_tmp:
            self._starter.forget_tmp(environment_id)

    def drain_output(self, environment_id: str) -> bytes:
        """Return what the environment has printed and ``on_output`` has not been given; never blocks."""
        environment = self._environments.get(environment_id)
        return b"".join(_read_all(environment.output_fd)) if environment is not None else b""

    def peak_memory_mb(self, environment_id: str) -> int:
        """Return the most memory that the environment has had, in MB rounded up; 0 before its runtime runs."""
        environment = self._environments.get(environment_id)
        if environment is None:
            return 0
        group_peak = environment.group.peak_bytes() if environment.group is not None else 0
        if group_peak and group_peak == environment.group_peak:
            return (
                environment.peak_mb
            )  # the whole tree has not grown: one cheap read, as on most warm invokes
        environment.group_peak = group_peak
        peak = _high_water_mark(environment.status_fd)
        if environment.group is not None and group_peak > peak:
            # Children; or pages of files and of /tmp, which are not the function's.
            peak = max(peak, group_peak - environment.group.file_bytes())
        environment.peak_mb = max(environment.peak_mb, -(-peak // quotas.MIB))
        return environment.peak_mb

    def init_finished(self, environment_id: str) -> None:
        """From here on the environment has its share of the processors only."""
        environment = self._environments.get(environment_id)
        if environment is not None and environment.group is not None:
            with contextlib.suppress(OSError):
                environment.group.share_cpu(environment.memory_mb)

    def freeze(self, environment_id: str) -> None:
        """Stop the runtime and all that it started. Costs some 20 µs."""
        self._signal_tree(environment_id, signal.SIGSTOP)

    def thaw(self, environment_id: str) -> None:
        self._signal_tree(environment_id, signal.SIGCONT)

    async def close(self) -> None:
        """End every environment and give everything back. Closing twice does nothing more."""
        for environment_id in list(self._environments):
            self.stop(environment_id)
        if self._ending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), _CLOSE_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        self._starter.close()
        if self._groups is not None:
            self._groups.close()
        self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder_lock >= 0:
            os.close(self._folder_lock)
            self._folder_lock = -1

    def _specification(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        code: Path,
        layers: Path | None,
        log_stream: str,
    ) -> dict[str, Any]:
        bare = self._starter.level == "process"
        controllers = self._groups.controllers if self._groups is not None else frozenset[str]()
        places = {
            "task": str(code),
            "runtime": str(self._starter.image.runtime),
            "layers": str(layers or "/opt"),
        }
        stream = log_stream or default_log_stream(function, environment_id)
        values = variables(function, stream, bare=True, **places) if bare else variables(function, stream)
        processes = None if bare or "pids" in controllers else quotas.PROCESSES
        return {
            "level": self._starter.level,
            "client": self._config.runtime_client,
            "python": self._starter.image.python,
            "task": values["LAMBDA_TASK_ROOT"],
            "variables": values,
            "rlimits": resource_limits(function, controllers, _INTERPRETER_BYTES, processes),
            "user": self._starter.user(self._count, "pids" in controllers),
            "mapped_user": self._starter.mapped_user,
        }

    def _make_group(self, environment_id: str, function: FunctionConfiguration) -> ControlGroup | None:
        if self._groups is None:
            return None
        # What is shared with the zygote is not charged to the group, yet it is the function's: AWS counts the interpreter.
        memory = function.memory_mb * quotas.MIB - self._starter.baseline_bytes
        try:
            return self._groups.create(
                f"{environment_id}-{self._count}", memory, quotas.PROCESSES + _BASELINE_PROCESSES
            )
        except OSError as error:
            raise SandboxFault(
                f"no control group for an environment: {error}; stop some functions"
            ) from error

    def _layers(self, layers: Sequence[Path]) -> Path | None:
        """Return one folder with all layers, later ones over earlier ones; AWS unpacks them so into /opt."""
        if len(layers) < 2:
            return layers[0] if layers else None
        key = tuple(layers)
        if key not in self._merged_layers:
            merged = self._folder / f"layers-{len(self._merged_layers)}"
            for layer in layers:
                shutil.copytree(layer, merged, symlinks=True, dirs_exist_ok=True)
            self._merged_layers[key] = merged
        return self._merged_layers[key]

    def _on_control(self, environment: _Environment) -> None:
        try:
            space = socket.CMSG_SPACE(64) + socket.CMSG_SPACE(12)
            data, ancillary, _, _ = environment.control.recvmsg(_READ_BYTES, space)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        if not data:
            self._ended(environment)
            return
        message = json.loads(data)
        if message["event"] == "listening":
            environment.launcher_pid = sender(ancillary)
            self._accept_on(environment, _received_fds(ancillary))
        elif message["event"] == "running":
            environment.runtime_pid = sender(ancillary)
            with contextlib.suppress(OSError):
                environment.status_fd = os.open(
                    f"/proc/{environment.runtime_pid}/status", os.O_RDONLY | os.O_CLOEXEC
                )
        elif message["event"] == "exited":
            environment.wait_status = message["status"]
        if environment.stopped:
            self._kill(environment)

    def _accept_on(self, environment: _Environment, fds: list[int]) -> None:
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

    async def _serve(self, environment: _Environment, listener: socket.socket, maker: Any) -> None:
        server = await self._loop.create_server(lambda: maker(environment.environment_id), sock=listener)
        if environment.stopped:
            server.close()
        else:
            environment.servers.append(server)

    def _on_output(self, environment: _Environment) -> None:
        try:
            data = os.read(environment.output_fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._host.on_output(environment.environment_id, data)
        else:
            self._loop.remove_reader(environment.output_fd)

    def _ended(self, environment: _Environment) -> None:
        """The launcher is gone, and with it every process of the environment."""
        self._loop.remove_reader(environment.control.fileno())
        if not environment.stopped:
            environment.stopped = True
            self.peak_memory_mb(environment.environment_id)
            self._loop.remove_reader(environment.output_fd)
            for data in _read_all(environment.output_fd):
                self._host.on_output(environment.environment_id, data)
            self._close_listeners(environment)
            self._ending.add(environment)
            self._all_ended.clear()
            environment.runtime_pid = environment.launcher_pid = 0  # the kernel may give the numbers away now
            self._host.on_exit(environment.environment_id, _exit_of(environment))
            if self._environments.get(environment.environment_id) is environment:
                del self._environments[environment.environment_id]
        self._give_back(environment)

    def _give_back(self, environment: _Environment) -> None:
        """Reap and delete what the kernel lets go only when the last process is gone; try again shortly if it is not."""
        reaped = environment.process is None or environment.process.poll() is not None
        if not reaped or (environment.group is not None and not environment.group.remove()):
            self._loop.call_later(0.01, self._give_back, environment)
            return
        self._ending.discard(environment)
        if not self._ending:
            self._all_ended.set()
        self._discard(environment)

    def _discard(self, environment: _Environment) -> None:
        environment.control.close()
        os.close(environment.output_fd)
        if environment.status_fd >= 0:
            os.close(environment.status_fd)
        if environment.group is not None:
            environment.group.remove()

    def _close_listeners(self, environment: _Environment) -> None:
        for server in environment.servers:
            server.close()
        if not environment.servers:
            for listener in environment.listeners:
                listener.close()
        environment.servers.clear()
        environment.listeners.clear()

    def _kill(self, environment: _Environment) -> None:
        # The launcher sees this end too, should it not have told its process id yet.
        with contextlib.suppress(OSError):
            environment.control.shutdown(socket.SHUT_WR)
        for pid in (
            environment.runtime_pid,
            environment.launcher_pid if self._starter.level != "process" else 0,
        ):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _signal_tree(self, environment_id: str, number: int) -> None:
        environment = self._environments.get(environment_id)
        waiting = [environment.runtime_pid] if environment is not None and environment.runtime_pid else []
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError):
                os.kill(pid, number)
                with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                    waiting.extend(map(int, file.read().split()))


def make_folder(parent: Path | None = None) -> tuple[Path, int]:
    """Return a new private folder and the descriptor whose lock says that it is in use.

    Folders whose owner was killed hold no lock any more and are removed. ``parent`` is the system's place for such folders.
    """
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_uid == os.getuid():
                lock = _lock(left)
                shutil.rmtree(left, ignore_errors=True)
                os.close(lock)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=parent))
        with contextlib.suppress(OSError):  # another server took it for a left one, before it was locked
            return folder, _lock(folder)


def _lock(folder: Path) -> int:
    """Lock a folder and return the descriptor that holds the lock. Raises ``OSError`` when it is in use."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _read_all(fd: int) -> list[bytes]:
    chunks: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while data := os.read(fd, _READ_BYTES):
            chunks.append(data)
    return chunks


def _received_fds(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content)
    return list(fds)


def _high_water_mark(status_fd: int) -> int:
    """Return the peak resident bytes from an open ``/proc/PID/status``; 0 when the process is gone."""
    if status_fd < 0:
        return 0
    try:
        text = os.pread(status_fd, 2048, 0)
    except OSError:
        return 0
    start = text.find(b"VmHWM:")
    return int(text[start + 6 : text.index(b"kB", start)]) * 1024 if start >= 0 else 0


def _exit_of(environment: _Environment) -> Exit:
    # No status: the kernel took the launcher as well, as it does when a group runs out of memory.
    code = (
        os.waitstatus_to_exitcode(environment.wait_status)
        if environment.wait_status is not None
        else -signal.SIGKILL
    )
    if code >= 0:
        return Exit(code=code)
    group = environment.group
    return Exit(signal=-code, out_of_memory=group is not None and group.ran_out_of_memory())
