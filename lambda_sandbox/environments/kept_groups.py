"""Control groups of ended processes whose files are still in ``/tmp``: a file's memory stays charged to who wrote it.

Were the group deleted after a reset, the kernel would charge the files to the sandbox as a whole, and nobody could tell any
more how much of what is in memory is ``/tmp`` and how much the function holds beside it.
"""

from __future__ import annotations

from lambda_sandbox.environments.limits import ControlGroup, shared_bytes
from lambda_sandbox.environments.memory import GroupMeter
from lambda_sandbox.environments.running import RunningEnvironment


class KeptGroups:
    """By the key of a ``/tmp``."""

    def __init__(self) -> None:
        self._groups: dict[str, list[ControlGroup]] = {}

    def follow(self, environment: RunningEnvironment) -> None:
        """Let the environment's meter know whose files it finds in its ``/tmp``."""
        if isinstance(environment.memory, GroupMeter):
            environment.memory.earlier = self._groups.setdefault(environment.tmp_key, [])

    def take(self, environment: RunningEnvironment) -> None:
        """Keep the group of an environment whose last process is gone, if files are charged to it."""
        group = environment.group
        if group is not None and isinstance(environment.memory, GroupMeter) and shared_bytes([group]):
            self._groups.setdefault(environment.tmp_key, []).append(group)
            environment.group = None

    def forget(self, tmp_key: str) -> None:
        """The ``/tmp`` is about to be deleted."""
        for group in self._groups.pop(tmp_key, ()):
            group.remove()
