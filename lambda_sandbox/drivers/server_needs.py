"""What the server driver needs of the rooms that it puts to work."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lambda_sandbox.environments.openings import Opening
from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import FunctionConfiguration, Isolation

Caller = Callable[[messages.Complete], None]


class Environments(Protocol):
    """What the driver needs of ``environments.process``."""

    @property
    def isolation(self) -> Isolation: ...

    def start(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        code: Path,
        layers: tuple[Path, ...],
        log_stream: str,
        initialization_type: str,
        credentials: Mapping[str, str],
    ) -> None: ...

    def init_finished(self, environment_id: str) -> None: ...

    def begin_invocation(self, environment_id: str) -> None: ...

    def freeze(self, environment_id: str) -> None: ...

    def thaw(self, environment_id: str) -> None: ...

    def terminate(self, environment_id: str) -> None: ...

    def stop(self, environment_id: str, keep_tmp: bool) -> None: ...

    def release_runtime(self, environment_id: str) -> None: ...

    async def connect(self, environment_id: str, port: int) -> socket.socket: ...

    async def open(self, openings: Sequence[Opening]) -> None: ...

    def drain_output(self, environment_id: str) -> bytes: ...

    def peak_memory_mb(self, environment_id: str) -> int: ...


class EventStore(Protocol):
    """Where asynchronous events survive a crash; every call is durable when it returns."""

    def put_event(self, event: Invocation) -> None: ...

    def forget_event(self, request_id: str) -> None: ...


class DurableExecutions(Protocol):
    """What starts a durable execution; the caller hears of its end, or of its start where it invoked asynchronously."""

    def start(self, invocation: Invocation, caller: Caller, name: str = "") -> None: ...
