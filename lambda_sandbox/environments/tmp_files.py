"""Keeps files of ``/tmp`` apart from the memory limit.

A tmpfs's pages are charged to the control group that writes them, so a limit of the function's memory alone would make a full
``/tmp`` end the function. Until a function puts something into ``/tmp`` the kernel holds it to its memory, exactly. The
first file there (inotify tells) raises the group's limit by the size of ``/tmp``, and from then on the server looks every few
milliseconds at what is left without those files.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct

from lambda_sandbox import quotas
from lambda_sandbox.environments.memory import GroupMeter
from lambda_sandbox.environments.memory_watch import MemoryWatch
from lambda_sandbox.environments.running import RunningEnvironment

_CREATED, _MOVED_HERE = 0x100, 0x80
_EVENT = struct.Struct("iIII")


class TmpFiles:
    """Watches the ``/tmp`` of every environment until something is in it; then ``watch`` has the environment."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watch: MemoryWatch) -> None:
        self._loop = loop
        self._watch = watch
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched: dict[int, RunningEnvironment] = {}
        if self._fd >= 0:
            loop.add_reader(self._fd, self._on_created)

    def watch(self, environment: RunningEnvironment) -> None:
        """The environment's runtime or, while that is not there, its launcher: its ``/tmp`` can be seen through them."""
        path = f"/proc/{environment.runtime_pid or environment.launcher_pid}/root/tmp"
        assert isinstance(environment.memory, GroupMeter)
        try:
            environment.memory.tmp_fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return  # it has ended again
        number = self._libc.inotify_add_watch(self._fd, path.encode(), _CREATED | _MOVED_HERE)
        if number < 0 or self._in_use_already(path):
            self._use(environment)
        else:
            self._watched[number] = environment
            environment.tmp_watch = number

    def forget(self, environment: RunningEnvironment) -> None:
        if self._watched.pop(environment.tmp_watch, None) is not None:
            self._libc.inotify_rm_watch(self._fd, environment.tmp_watch)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _in_use_already(path: str) -> bool:
        """True after a reset, or when the runtime was quicker than we were."""
        with contextlib.suppress(OSError), os.scandir(path) as entries:
            return any(entries)
        return False

    def _on_created(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, 65_536)
            place = 0
            while place < len(data):
                number, _, _, length = _EVENT.unpack_from(data, place)
                place += _EVENT.size + length
                environment = self._watched.get(number)
                if environment is not None and not environment.stopped:
                    self.forget(environment)
                    self._use(environment)

    def _use(self, environment: RunningEnvironment) -> None:
        assert environment.group is not None
        whole = environment.memory_bytes + environment.tmp_mb * quotas.MIB
        with contextlib.suppress(OSError):
            environment.group.limit_memory(whole)
        self._watch.add(environment)
