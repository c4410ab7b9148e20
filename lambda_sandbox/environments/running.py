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
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambda_sandbox.environments import process_tree
from lambda_sandbox.environments.limits import ControlGroup
from lambda_sandbox.environments.memory import MemoryMeter
from lambda_sandbox.resources import Exit

_READ_BYTES = 65_536
_NO_BYTES = bytes(4)
_unread = bytearray(4)  # where the kernel puts its answer
_PIPE_BYTES = 1 << 20
_PROCESSES_AT_ONCE = 4_096  # more than the limit: only a race of forks and ends is cut short


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
    frozen_alone: bool = False  # the runtime, with one thread, was all there was to freeze
    freezing: asyncio.TimerHandle | None = None  # looks whether what was frozen stands still
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
        # Bytes that cannot be written to would take twice as long: they are tried last.
        fcntl.ioctl(self.output_fd, termios.FIONREAD, _unread)
        return _unread != _NO_BYTES

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

    def freeze(self) -> bool:
        """Stop every process, orphans as well. False if one may still run a moment: ``freeze_rest`` after it."""
        self.frozen_alone = False
        if self.runtime_pid and self.launcher_pid and not self.extension_pids:  # nearly always the end of it
            _send(self.runtime_pid, signal.SIGSTOP)
            self.frozen_alone = process_tree.is_alone(self.runtime_pid, self.launcher_pid)
            if self.frozen_alone:
                return True
        found: set[int] = set()
        known = -1
        while known < len(found) < _PROCESSES_AT_ONCE:
            known = len(found)
            # Each is stopped before its children are looked for: it starts no more of them.
            for pid in self._processes():
                if pid not in found:
                    found.add(pid)
                    _send(pid, signal.SIGSTOP)
        # Another thread can start a process, and another process send SIGCONT, until each has been scheduled and stopped.
        return False

    def freeze_rest(self) -> bool:
        """Stop what still runs after ``freeze``. Returns whether nothing did."""
        running = [pid for pid in self._processes() if not process_tree.at_rest(pid)]
        for pid in running:
            _send(pid, signal.SIGSTOP)
        return not running

    def thaw(self) -> None:
        """Let everything that ``freeze`` stopped run again."""
        # All are found before any runs again: who runs may end, and its children then move to where was already looked.
        alone = self.frozen_alone and self.runtime_pid
        for pid in [self.runtime_pid] if alone else list(self._processes()):
            _send(pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Send SIGTERM to the runtime and to everything that it started, not to extensions."""
        for pid in self.tree():
            _send(pid, signal.SIGTERM)

    def tree(self) -> list[int]:
        """Return the runtime's process id and those of everything that it started and whose parents still run."""
        pid = self.runtime_pid
        return [pid, *process_tree.descendants(pid)] if pid else []

    def _processes(self) -> Iterator[int]:
        """Yield every process but the launcher, each before what it started; one may come twice."""
        if self.runtime_pid:
            yield self.runtime_pid
        yield from self.extension_pids.values()
        if self.launcher_pid:
            yield from process_tree.descendants(self.launcher_pid)

    def is_gone(self) -> bool:
        """True when the kernel has let go of every process."""
        ended = self.process is None or self.process.poll() is not None
        return ended and (self.group is None or self.group.is_empty())

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


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):  # it has just ended
        os.kill(pid, number)
