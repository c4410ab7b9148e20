"""Holds every environment to its memory: the kernel where it tells, a look now and then where it does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from lambda_sandbox.environments.memory_watch import MemoryWatch
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.environments.tmp_files import TmpFiles


class MemoryGuard:
    """``on_excess(environment)`` is called for one that asked for more than its memory.

    ``tmp_is_charged``: the files of ``/tmp`` are charged to the environment's control group.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_excess: Callable[[RunningEnvironment], None],
        *,
        tmp_is_charged: bool,
    ) -> None:
        self._loop = loop
        self._on_excess = on_excess
        self._watch = MemoryWatch(loop, on_excess)
        self._tmp_files = TmpFiles(loop, self._watch) if tmp_is_charged else None

    def hear_kernel(self, environment: RunningEnvironment) -> None:
        """From the start: the kernel says when it has killed for memory."""
        if environment.group is not None and environment.group.oom_fd >= 0:
            self._loop.add_reader(environment.group.oom_fd, self._on_excess, environment)

    def watch(self, environment: RunningEnvironment) -> None:
        """A process of the environment is there. Of a blank one only ``/tmp`` is watched, which takes half a millisecond."""
        if self._tmp_files is not None:
            if not environment.memory_watched:
                self._tmp_files.watch(environment)
                environment.memory_watched = True
        elif environment.environment_id and sys.platform == "linux":
            self._watch.add(environment)

    def thawed(self, environment: RunningEnvironment) -> None:
        self._watch.resume(environment)

    def forget(self, environment: RunningEnvironment) -> None:
        self._watch.forget(environment)
        if self._tmp_files is not None:
            self._tmp_files.forget(environment)
        if environment.group is not None and environment.group.oom_fd >= 0:
            self._loop.remove_reader(environment.group.oom_fd)

    def close(self) -> None:
        self._watch.close()
        if self._tmp_files is not None:
            self._tmp_files.close()
