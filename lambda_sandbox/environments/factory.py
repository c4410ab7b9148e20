"""Makes environments: the sockets, the control group and the request to whoever starts the first process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.config import Config
from lambda_sandbox.environments import control_socket
from lambda_sandbox.environments.blanks import Kind
from lambda_sandbox.environments.flavours import PLAIN
from lambda_sandbox.environments.isolation import choose_starter
from lambda_sandbox.environments.limits import ControlGroup, find_control_groups
from lambda_sandbox.environments.memory import GroupMeter, MemoryMeter
from lambda_sandbox.environments.running import RunningEnvironment, output_pipe
from lambda_sandbox.environments.specification import blank_specification
from lambda_sandbox.environments.starters import StartRequest
from lambda_sandbox.environments.tree_memory import TreeMeter
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import FunctionConfiguration

_CORNER = "lambda-sandbox"
_BASELINE_PROCESSES = 2  # the launcher and the runtime
_BLANK_TMP_MB = 512  # what most functions have


class EnvironmentFactory:
    """Raises ``SandboxFault`` when the configuration asks for an isolation that the machine does not give."""

    def __init__(self, config: Config, folder: Path, mother: ZygoteProcess | None = None) -> None:
        self.starter = choose_starter(config, folder, mother)
        self.groups = find_control_groups(_CORNER)
        self.controllers = self.groups.controllers if self.groups is not None else frozenset[str]()
        self.count = 0

    def launch(
        self,
        environment_id: str,
        tmp_key: str,
        function: FunctionConfiguration,
        request: tuple[dict[str, Any], Path, Path | None],
        flavour: str = PLAIN,
    ) -> RunningEnvironment:
        """Start an environment for ``function``; ``request`` is specification, code and layers. Returns at once."""
        spec, code, layers = request
        shared = self._shared_bytes(flavour, spec)
        environment, control, writer = self._make(
            environment_id, tmp_key, function.memory_mb, function.ephemeral_storage_mb, shared, flavour
        )
        self._start(environment, control, writer, spec, code, layers, flavour)
        return environment

    def blank(self, kind: Kind) -> RunningEnvironment | None:
        """Start an environment for whom it may concern; ``None`` while there is no interpreter of that flavour."""
        flavour = kind.flavour
        if not self.starter.has_flavour(flavour):
            return None
        self.count += 1
        key = f"blank-{self.count}"
        environment, control, writer = self._make("", key, quotas.MEMORY_MB_MAX, _BLANK_TMP_MB, 0, flavour)
        spec = blank_specification(self.starter, self.controllers, self.count, kind.ahead)
        self._start(environment, control, writer, spec, None, None, flavour)
        return environment

    def furnish(
        self,
        environment: RunningEnvironment,
        environment_id: str,
        function: FunctionConfiguration,
        request: tuple[dict[str, Any], Path, Path | None],
    ) -> None:
        """Make a blank environment ``function``'s own. Raises ``SandboxFault`` when it has just ended."""
        spec, code, layers = request
        environment.environment_id = environment_id
        environment.memory_mb = function.memory_mb
        shared = self._shared_bytes(environment.flavour, spec)
        environment.memory_bytes = function.memory_mb * quotas.MIB - shared
        environment.tmp_mb = function.ephemeral_storage_mb
        environment.memory.suit(environment.memory_bytes, shared)
        message = {
            "spec": spec,
            "code": str(code),
            "layers": str(layers) if layers is not None else "",
            "tmp_mb": function.ephemeral_storage_mb,
        }
        try:
            if environment.group is not None and "memory" in self.controllers:
                environment.group.limit_memory(environment.memory_bytes)
            control_socket.send_with_fds(environment.control, message, [])
        except OSError as error:
            raise SandboxFault(f"a waiting environment has ended: {error}") from error

    def close(self) -> None:
        self.starter.close()
        if self.groups is not None:
            self.groups.close()

    def _shared_bytes(self, flavour: str, spec: dict[str, Any]) -> int:
        """Return what no group is charged for, because it is shared with the zygote: AWS counts the interpreter.

        A command of the runtime's own replaces what was forked, and shares nothing.
        """
        grouped = "memory" in self.controllers and not spec["commands"]
        return self.starter.baseline_bytes(flavour) if grouped else 0

    def _make(
        self, environment_id: str, tmp_key: str, memory_mb: int, tmp_mb: int, shared_bytes: int, flavour: str
    ) -> tuple[RunningEnvironment, Any, int]:
        memory_bytes = memory_mb * quotas.MIB - shared_bytes
        group = self._make_group(environment_id or tmp_key, memory_bytes)
        meter: MemoryMeter = TreeMeter(memory_bytes)
        if group is not None and "memory" in self.controllers:
            meter = GroupMeter(group, shared_bytes)
        try:
            server_side, control = control_socket.make_pair()
            reader, writer = output_pipe()
        except OSError as error:
            if group is not None:
                group.remove()
            raise SandboxFault(f"no pipes for an environment: {error}; stop some functions") from error
        environment = RunningEnvironment(
            environment_id,
            memory_mb,
            server_side,
            reader,
            group,
            meter,
            own_pids=self.starter.level != "process",
            tmp_key=tmp_key,
            tmp_mb=tmp_mb,
            memory_bytes=memory_bytes,
            flavour=flavour,
        )
        return environment, control, writer

    def _start(
        self,
        environment: RunningEnvironment,
        control: Any,
        writer: int,
        spec: dict[str, Any],
        code: Path | None,
        layers: Path | None,
        flavour: str,
    ) -> None:
        group = environment.group
        try:
            request = StartRequest(
                spec=spec,
                code=code,
                layers=layers,
                tmp_key=environment.tmp_key,
                tmp_mb=environment.tmp_mb,
                server_side=environment.control,
                control=control,
                output_fd=writer,
                group_fds=group.open_join_fds() if group is not None else [],
                flavour=flavour,
            )
            environment.process = self.starter.start(request)
        except BaseException:
            environment.close()
            raise
        finally:
            control.close()
            os.close(writer)
            if group is not None:
                group.close_join_fds()
        environment.control.setblocking(False)

    def _make_group(self, name: str, memory_bytes: int) -> ControlGroup | None:
        if self.groups is None:
            return None
        processes = quotas.PROCESSES + _BASELINE_PROCESSES
        try:
            return self.groups.create(f"{name}-{self.count}", memory_bytes, processes)
        except OSError as error:
            raise SandboxFault(
                f"no control group for an environment: {error}; stop some functions"
            ) from error
