"""One environment as the server holds it: its sockets, its output, its processes, its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import termios
from dataclasses import dataclass, field

from lambda_sandbox.environments.limits import ControlGroup
from lambda_sandbox.environments.memory import MemoryMeter
from lambda_sandbox.resources import Exit

_READ_BYTES = 65_536
_NO_BYTES = bytes(4)
_PIPE_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class RunningEnvironment:
    """``own_pids`` is true where the launcher is the first process of a pid namespace: its end is everybody's."""

    environment_id: str
    memory_mb: int
    control: socket.socket
    output_fd: int
    group: ControlGroup | None
    memory: MemoryMeter
    own_pids: bool
    tmp_key: str
    tmp_mb: int
    memory_bytes: int  # what the group may have: the function's memory without what is shared
    flavour: str = ""  # of the zygote that it was forked from
    process: subprocess.Popen[bytes] | None = None
    launcher_pid: int = 0
    runtime_pid: int = 0
    wait_status: int | None = None
    extension_pids: dict[str, int] = field(default_factory=dict)
    extension_output_fd: int = -1
    stopped: bool = False
    frozen: bool = False
    init_finished: bool = False
    over_memory: bool = False
    memory_watched: bool = False
    tmp_watch: int = -1
    wire: tuple[int, int] | None = None  # to the runtime's own client and from it, until it is served
    servers: list[asyncio.Server] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)
    datagrams: socket.socket | None = None  # what is sent to X-Ray's daemon
    opened: set[asyncio.Transport] = field(default_factory=set)  # connections on their way to the network

    def read_output(self) -> bytes | None:
        """Return some of what was printed, ``b""`` at the end, ``None`` when there is nothing yet."""
        try:
            return os.read(self.output_fd, _READ_BYTES)
        except BlockingIOError:
            return None

    def has_printed(self) -> bool:
        """Return whether something was printed and not been read: a third of the price of a read that finds nothing."""
        return fcntl.ioctl(self.output_fd, termios.FIONREAD, _NO_BYTES) != _NO_BYTES

    def read_all_output(self) -> list[bytes]:
        """Return what has been printed and not been read; never blocks."""
        chunks: list[bytes] = []
        while data := self.read_output():
            chunks.append(data)
        return chunks

    def charge_programs(self) -> None:
        """Init is over: what the runtime's programs take in memory is the function's, as on AWS."""
        programs = self.memory.charge_programs(self.tree())
        if programs and self.group is not None:
            self.memory_bytes -= programs
            # More may be in use by now: the next page that it asks for ends it.
            with contextlib.suppress(OSError):
                self.group.limit_memory(self.memory_bytes)

    def close_listeners(self) -> None:
        for server in self.servers:
            server.close()
        if not self.servers:
            for listener in self.listeners:
                listener.close()
        for end in self.wire or ():
            os.close(end)
        self.wire = None
        self.servers.clear()
        self.listeners.clear()

    def kill(self) -> None:
        """End the whole process tree; the launcher, if it has not told its process id yet, sees the socket's end."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)
        for pid in (self.runtime_pid, self.launcher_pid if self.own_pids else 0):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def signal_tree(self, number: int, *, extensions: bool = True) -> None:
        """Send a signal to the runtime and to everything that it started, and so to the extensions."""
        waiting = [self.runtime_pid] if self.runtime_pid else []
        if extensions:
            waiting += self.extension_pids.values()
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError):
                os.kill(pid, number)
                with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                    waiting.extend(map(int, file.read().split()))

    def tree(self) -> list[int]:
        """Return the runtime's process id and those of everything that it started."""
        found: list[int] = []
        waiting = [self.runtime_pid] if self.runtime_pid else []
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                waiting.extend(map(int, file.read().split()))
        return found

    def reaped(self) -> bool:
        """True when the kernel has let go of every process and the groups are deleted."""
        if self.process is not None and self.process.poll() is None:
            return False
        return self.group is None or self.group.remove()

    def exit(self, status: int | None = None) -> Exit:
        """Return how it ended, after its last process, or how the process with this wait ``status`` did."""
        # No status: the kernel took the launcher as well, as it does when a group runs out of memory.
        status = self.wait_status if status is None else status
        code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
        if code >= 0:
            return Exit(code=code)
        killed = self.group is not None and self.group.ran_out_of_memory()
        return Exit(signal=-code, out_of_memory=self.over_memory or killed)

    def close(self) -> None:
        self.control.close()
        os.close(self.output_fd)
        if self.extension_output_fd >= 0:
            os.close(self.extension_output_fd)
        self.memory.close()
        if self.group is not None:
            self.group.remove()


def output_pipe() -> tuple[int, int]:
    """Return the server's end, which never blocks, and the environment's."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    with contextlib.suppress(OSError):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer
