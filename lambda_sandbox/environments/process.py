"""Execution environments as real processes: start, output, memory, freeze, end. Everything runs on one asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lambda_sandbox.config import Config
from lambda_sandbox.environments import control_socket, node_modules
from lambda_sandbox.environments.admission import MemoryAdmission
from lambda_sandbox.environments.blanks import Ahead, Blanks, Kind
from lambda_sandbox.environments.companions import Companions
from lambda_sandbox.environments.factory import EnvironmentFactory
from lambda_sandbox.environments.flavours import BOTO3, PLAIN, Flavours, of_version
from lambda_sandbox.environments.folder import make_folder
from lambda_sandbox.environments.isolation import describe
from lambda_sandbox.environments.kept_groups import KeptGroups
from lambda_sandbox.environments.late_openings import LateOpenings
from lambda_sandbox.environments.layer_folders import LayerFolders
from lambda_sandbox.environments.listeners import Listeners
from lambda_sandbox.environments.memory_guard import MemoryGuard
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.openings import Opening, read_openings
from lambda_sandbox.environments.running import RunningEnvironment
from lambda_sandbox.environments.shared_libraries import SharedLibraries
from lambda_sandbox.environments.specification import specification
from lambda_sandbox.environments.variables import default_log_stream
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Exit, FunctionConfiguration, Isolation

_CLOSE_TIMEOUT_S = 5.0
# A connection is accepted in one turn of the event loop, gets its protocol in another and its data in a third; some to spare.
_LAST_TURNS = 10
# POLICY: an environment of which a process could not be frozen at once is looked at again after 25 ms, then after twice as long
# each time, for some seconds.
_LOOK_AGAIN_S, _LOOK_LAST_S = 0.025, 3.0
# POLICY: four processes wait to become environments (two in a sandbox of one notebook), so that a burst starts faster.
_LAUNCHERS, _LAUNCHERS_OF_A_FORK = 4, 2


class EnvironmentHost(Protocol):
    """Whoever owns the environments: gives a protocol for each connection, and is told what happens."""

    def runtime_api_protocol(self, environment_id: str) -> asyncio.Protocol: ...

    def endpoint_protocol(self, environment_id: str) -> asyncio.Protocol: ...

    def on_output(self, environment_id: str, data: bytes) -> None: ...

    def on_datagram(self, environment_id: str, data: bytes) -> None:
        """A function sent something to the address of X-Ray's daemon."""
        ...

    def on_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_extensions_started(self, environment_id: str, names: list[str]) -> None: ...

    def on_extension_output(self, environment_id: str, data: bytes) -> None: ...

    def on_extension_refused(self, environment_id: str, name: str, reason: str) -> None: ...

    def on_extension_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_runtime_exit(self, environment_id: str, exit_: Exit) -> None:
        """The runtime ended while extensions still run; ``on_exit`` follows when the last of them has ended."""
        ...


class ProcessEnvironments:
    """Real environments. The constructor waits (some 50 ms) while it finds out what the machine can enforce.

    With ``mother``, a zygote that many servers share, it finds that out in a few milliseconds.
    ``open_network`` reaches what ``allow_network`` opens; unless given, one that knows of no port of the server's own.
    Raises ``SandboxFault`` when the configuration asks for an isolation that the machine does not give.
    """

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        host: EnvironmentHost,
        mother: ZygoteProcess | None = None,
        open_network: OpenNetwork | None = None,
    ) -> None:
        self._config = config
        self._loop = loop
        self._host = host
        self._node_modules = node_modules.find(config.node_modules)
        self._folder, self._folder_lock = make_folder()
        try:
            self._factory = EnvironmentFactory(config, self._folder, mother)
        except BaseException:
            self._remove_folder()
            raise
        self._starter = self._factory.starter
        self._admission = MemoryAdmission(config.memory_budget_mb)
        self._flavours = Flavours()
        self._libraries = SharedLibraries()
        sizes = (_LAUNCHERS if mother is None else _LAUNCHERS_OF_A_FORK, config.blank_environments)
        sizes = sizes if self._starter.has_flavour(PLAIN) else (0, 0)
        self._blanks = Blanks(loop, *sizes, self._make_blank, self._end_blank, self._somebody_waits)
        self._tmp_keys: dict[str, str] = {}  # by environment: where its /tmp is, kept by a reset
        self._kept_groups = KeptGroups()
        self._environments: dict[str, RunningEnvironment] = {}
        self._ending: set[RunningEnvironment] = set()
        self._all_ended = asyncio.Event()
        makers = (host.runtime_api_protocol, host.endpoint_protocol)
        openings = read_openings(config.allow_network)
        network = open_network or OpenNetwork(frozenset)
        self._listeners = Listeners(loop, makers, self._on_datagram, network, openings)
        self._late_openings = LateOpenings(loop, network, isolated=self._starter.level != "process")
        charged = self._starter.keeps_tmp_size and "memory" in self._factory.controllers
        self._memory = MemoryGuard(loop, self._over_memory, tmp_is_charged=charged)
        self._layer_folders = LayerFolders(self._folder)
        self._companions = Companions(loop, host)
        self.isolation: Isolation = describe(self._starter, self._factory.groups, openings)

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
        self._factory.count += 1
        layer_folder = self._layer_folders.one_folder(layers)
        stream = log_stream or default_log_stream(function, environment_id)
        spec = specification(
            self._starter,
            self._factory.controllers,
            self._config.runtime_client,
            function,
            code,
            layer_folder,
            stream,
            self._factory.count,
            initialization_type,
            self._libraries.brought(code, layer_folder),
            self._node_modules,
        )
        spec["variables"].update(credentials or {})
        spec["opened"] = self._late_openings.places()
        flavour = PLAIN
        if not spec["commands"] and self._starter.has_flavour(PLAIN):
            flavour = self._flavours.flavour(code, layer_folder, function.environment.get("PYTHONPATH", ""))
        elif spec["fork"]:
            flavour = self._of_another_version(function, code, layer_folder, spec)
        self._begin(environment_id, function, (spec, code, layer_folder), flavour)

    def _of_another_version(
        self, function: FunctionConfiguration, code: Path, layers: Path | None, spec: dict[str, Any]
    ) -> str:
        """Return the flavour to fork in place of the command; plain, and the command stays, while none is preloaded."""
        kind = self._flavours.flavour(code, layers, function.environment.get("PYTHONPATH", ""))
        for flavour in (of_version(kind, spec["fork"]), of_version(PLAIN, spec["fork"])):
            if self._starter.has_flavour(flavour):
                spec["commands"] = ()
                return flavour
        return PLAIN

    def refusal(self, function: FunctionConfiguration, without: Collection[str] = ()) -> str:
        """Return why the machine has no room for another environment of ``function``, also if those in ``without`` ended;
        ``""`` when it has.
        """
        there = [one for name, one in self._environments.items() if name not in without]
        starting = sum(not environment.init_finished for environment in there)
        held = sum(environment.memory_mb for environment in there)
        return self._admission.refusal(function.memory_mb, held, starting, len(without))

    def terminate(self, environment_id: str) -> None:
        """Send SIGTERM to the runtime and to all that it started; ``stop`` follows when their time is over."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.terminate()

    def stop(self, environment_id: str, keep_tmp: bool = False) -> None:
        """End the whole process tree. Nothing is reported about this environment any more. Unknown ids are ignored."""
        environment = self._environments.pop(environment_id, None)
        if environment is not None:
            self._let_go(environment)
        if not keep_tmp:
            key = self._tmp_keys.pop(environment_id, "")
            if key:
                self._kept_groups.forget(key)
                self._starter.forget_tmp(key)

    def drain_output(self, environment_id: str) -> bytes:
        """Return what the environment has printed and ``on_output`` has not been given; never blocks."""
        environment = self._environments.get(environment_id)
        # Asked after every invocation, mostly in vain.
        if environment is None or not environment.has_printed():
            return b""
        return b"".join(environment.read_all_output())

    def drain_traces(self) -> None:
        """Hand the host what functions have sent to X-Ray's daemon and it has not been given; never blocks."""
        for environment in list(self._environments.values()):
            self._listeners.drain(environment)

    def _on_datagram(self, environment_id: str, data: bytes) -> None:
        self._host.on_datagram(environment_id, data)

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
            environment.charge_programs()

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

    def processes(self, environment_id: str) -> list[int]:
        """Return the process ids of an environment, the launcher's first; for those who measure."""
        environment = self._environments.get(environment_id)
        return [environment.launcher_pid, *environment.tree()] if environment is not None else []

    async def open(self, openings: Sequence[Opening]) -> None:
        """Let every environment reach these, those of ``allow_network`` and nothing else. Returns when all can."""
        await self._late_openings.replace(openings)

    def prepared(self) -> bool:
        """True when the interpreter with boto3 is there, and as many environments wait as shall; for those who measure."""
        return self._starter.has_flavour(BOTO3) and self._blanks.full()

    def freeze(self, environment_id: str) -> None:
        """Stop every process of the environment, also those whose parents have ended."""
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.frozen = True
            if not environment.freeze():
                self._freeze_soon(environment, _LOOK_AGAIN_S)

    def _freeze_soon(self, environment: RunningEnvironment, delay_s: float) -> None:
        if environment.freezing is not None:
            environment.freezing.cancel()
        environment.freezing = self._loop.call_later(delay_s, self._freeze_rest, environment, delay_s)

    def _freeze_rest(self, environment: RunningEnvironment, delay_s: float) -> None:
        """Look whether everything stands still, ever later: what waits for a stopped process in ``vfork`` never does."""
        if not environment.frozen or environment.stopped or environment.freeze_rest():
            return
        if delay_s < _LOOK_LAST_S:
            self._freeze_soon(environment, 2 * delay_s)

    def thaw(self, environment_id: str) -> None:
        environment = self._environments.get(environment_id)
        if environment is not None:
            environment.frozen = False
            if environment.freezing is not None:
                environment.freezing.cancel()
                environment.freezing = None
            environment.thaw()
            self._memory.thawed(environment)

    async def close(self) -> None:
        """End every environment and give everything back. Closing twice does nothing more."""
        self._blanks.close()
        for environment_id in list(self._environments):
            self.stop(environment_id)
        if self._ending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), _CLOSE_TIMEOUT_S)
        self._listeners.close()
        self._late_openings.close()
        self._memory.close()
        self._factory.close()
        self._remove_folder()

    # --- starting --------------------------------------------------------------------------------------

    def _begin(
        self,
        environment_id: str,
        function: FunctionConfiguration,
        request: tuple[dict[str, Any], Path, Path | None],
        flavour: str,
    ) -> None:
        """Take a waiting environment, or start one: always after a reset, whose ``/tmp`` belongs to the new one."""
        kept = environment_id in self._tmp_keys
        environment = None if kept else self._blanks.take(_kinds(request[0], flavour))
        if environment is not None:
            self._environments[environment_id] = environment
            self._tmp_keys[environment_id] = environment.tmp_key
            with contextlib.suppress(SandboxFault):  # it has just ended: that is then this environment's exit
                self._factory.furnish(environment, environment_id, function, request)
            self._listeners.connect_wire(environment)
            self._memory.watch(environment)
            return
        # A name used once: what forgets a /tmp and what makes one may be two zygotes, which do not wait for each other.
        key = self._tmp_keys.setdefault(environment_id, f"{environment_id}-{self._factory.count}")
        flavour = flavour if flavour == PLAIN or self._starter.has_flavour(flavour) else PLAIN
        environment = self._factory.launch(environment_id, key, function, request, flavour)
        self._kept_groups.follow(environment)
        self._environments[environment_id] = environment
        self._late_openings.expect(environment, request[0]["opened"])
        self._hear(environment)

    def _hear(self, environment: RunningEnvironment) -> None:
        self._loop.add_reader(environment.control.fileno(), self._on_control, environment)
        self._loop.add_reader(environment.output_fd, self._on_output, environment)
        self._memory.hear_kernel(environment)

    def _make_blank(self, kind: Kind) -> RunningEnvironment | None:
        environment = self._factory.blank(kind)
        if environment is not None:
            self._hear(environment)
            self._late_openings.welcome(environment)
        return environment

    def _end_blank(self, environment: RunningEnvironment) -> None:
        self._let_go(environment)
        self._starter.forget_tmp(environment.tmp_key)

    def _somebody_waits(self) -> bool:
        return any(not environment.init_finished for environment in self._environments.values())

    # --- what an environment says ----------------------------------------------------------------------

    def _on_control(self, environment: RunningEnvironment) -> None:
        try:
            message, fds, pid = control_socket.receive(environment.control)
        except BlockingIOError:
            return
        if not message:
            self._loop.remove_reader(environment.control.fileno())
            self._hear_out(environment, 0 if environment.stopped or environment.frozen else _LAST_TURNS)
            return
        if message["event"] == "listening":
            environment.launcher_pid = pid
            self._listeners.accept_on(environment, fds)
            if not environment.environment_id and not environment.stopped:
                self._memory.watch(environment)
        elif message["event"] == "running":
            environment.runtime_pid = pid
            environment.memory.watch(pid)
            if not environment.stopped:
                self._memory.watch(environment)
        elif message["event"] == "exited":
            environment.wait_status = message["status"]
        elif message["event"] == "opened":
            self._late_openings.heard(environment, message, fds)
        else:
            self._companions.heard(environment, message, fds, pid)
        if environment.stopped:
            self._kill(environment)

    def _on_output(self, environment: RunningEnvironment) -> None:
        data = environment.read_output()
        if data == b"":
            self._loop.remove_reader(environment.output_fd)
        elif data and environment.environment_id:  # nobody's log takes what a blank one says
            self._host.on_output(environment.environment_id, data)

    # --- the end ---------------------------------------------------------------------------------------

    def _hear_out(self, environment: RunningEnvironment, turns: int) -> None:
        """Let the event loop turn first: what the environment sent before it ended may lie in sockets that come after this one."""
        if turns:
            self._loop.call_soon(self._hear_out, environment, turns - 1)
        else:
            self._ended(environment)

    def _ended(self, environment: RunningEnvironment) -> None:
        """The launcher is gone, and with it every process of the environment."""
        self._companions.ended(environment)
        self._late_openings.ended(environment)
        if not environment.stopped:
            environment.stopped = True
            self._memory.forget(environment)
            environment.memory.peak_mb()
            self._loop.remove_reader(environment.output_fd)
            for data in environment.read_all_output():
                self._host.on_output(environment.environment_id, data)
            self._listeners.let_go(environment)
            self._ending.add(environment)
            self._all_ended.clear()
            environment.runtime_pid = environment.launcher_pid = 0  # the kernel may give the numbers away now
            if environment.environment_id:
                self._host.on_exit(environment.environment_id, environment.exit())
            else:
                self._blanks.lost(environment)
                self._starter.forget_tmp(environment.tmp_key)
            if self._environments.get(environment.environment_id) is environment:
                del self._environments[environment.environment_id]
        self._give_back(environment)

    def _let_go(self, environment: RunningEnvironment) -> None:
        """End it; nobody is told any more."""
        environment.stopped = True
        self._ending.add(environment)
        self._all_ended.clear()
        self._loop.remove_reader(environment.output_fd)
        if environment.extension_output_fd >= 0:
            self._loop.remove_reader(environment.extension_output_fd)
        self._listeners.let_go(environment)
        self._kill(environment)

    def _give_back(self, environment: RunningEnvironment) -> None:
        """Reap and delete what the kernel lets go only when the last process is gone; try again shortly if it is not."""
        kept = environment.tmp_key in self._tmp_keys.values()
        if kept and environment.is_gone():
            self._kept_groups.take(environment)
            kept = False
        if kept or not environment.reaped():
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
        self._memory.forget(environment)
        environment.kill()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder_lock >= 0:
            os.close(self._folder_lock)
            self._folder_lock = -1


def _kinds(spec: dict[str, Any], flavour: str) -> list[Kind]:
    """Return the blank environments that would do for a specification, the best first."""
    if not spec["commands"]:
        return [Kind(flavour, Ahead()), Kind(flavour, None)]
    others = [Kind(PLAIN, None), Kind(PLAIN, Ahead())]  # a command of its own takes the place of our client
    if spec["ahead"] is None:
        return others
    return [Kind(PLAIN, Ahead(spec["commands"][0], tuple(sorted(spec["ahead"].items())))), *others]
