"""One running sandbox: started from the parts that ``wiring/`` puts together, emptied, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from lambda_sandbox.config import Config
from lambda_sandbox.drivers import otlp_export
from lambda_sandbox.drivers.alarm_actions import AlarmActions
from lambda_sandbox.drivers.alarm_clock import AlarmClock
from lambda_sandbox.drivers.alarm_keeper import AlarmKeeper
from lambda_sandbox.drivers.history_keeper import HistoryKeeper
from lambda_sandbox.drivers.otlp_export import OtlpExport
from lambda_sandbox.drivers.service_events import ServiceEvents
from lambda_sandbox.environments import delegation, node_modules
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.openings import read_openings, refuse_own_port
from lambda_sandbox.environments.process import ProcessEnvironments
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.http_server import HttpConnection
from lambda_sandbox.invocation.environment import State
from lambda_sandbox.stop_signals import stop_signals
from lambda_sandbox.wiring import listening, requests
from lambda_sandbox.wiring.durable import make_durable
from lambda_sandbox.wiring.finished_events import FinishedEvents
from lambda_sandbox.wiring.ground import Ground
from lambda_sandbox.wiring.inherited import Inherited
from lambda_sandbox.wiring.invoking import Invoking
from lambda_sandbox.wiring.mappings import MappingCounts, make_mappings
from lambda_sandbox.wiring.parts import Parts, make_parts
from lambda_sandbox.wiring.plane_bridge import PlaneBridge
from lambda_sandbox.wiring.triggers import Triggers

_BATCHES_GRACE_S = 2.0
_LOOK_AT_THE_CLOCK_S = 5.0


class Application:
    """One running sandbox. ``start`` returns when it answers; ``stop`` ends every process that it started, once.

    ``inherited`` is what the process that it is a fork of has made for it.
    """

    def __init__(self, config: Config, inherited: Inherited | None = None) -> None:
        self.config = config
        self._inherited = inherited or Inherited()
        self.port = config.port
        self._servers: list[asyncio.AbstractServer] = []
        self._otlp: OtlpExport | None = None
        self._keeping_time: asyncio.Task[None] | None = None
        self._history_keeper: HistoryKeeper | None = None  # where there is a folder for the state
        self._started = contextlib.AsyncExitStack()  # how each part ends, the last one first

    async def start(self) -> None:
        """Open the store, the neighbours and the listeners.

        Raises ``SandboxFault`` with what to do next; what had started by then has ended.
        """
        async with contextlib.AsyncExitStack() as started:
            await self._start(started)
            self._started = started.pop_all()

    async def stop(self) -> None:
        await self._started.aclose()

    async def _start(self, started: contextlib.AsyncExitStack) -> None:
        config = self.config
        check(config)
        self._loop = asyncio.get_running_loop()
        listener = listening.listener(config.host, config.port)
        started.callback(listener.close)
        self.port = listener.getsockname()[1]
        refuse_own_port(config.allow_network, self.port)
        self._ground = Ground(config)
        started.callback(self._ground.close)
        self._worker = ThreadPoolExecutor(1, "control-plane")
        # In a thread: what the control plane is doing may wait for an answer of this loop's.
        started.push_async_callback(asyncio.to_thread, self._worker.shutdown)
        base_url = f"http://127.0.0.1:{self.port}"
        self._parts = await make_parts(
            self._ground, self._worker, base_url, self._inner_connection, self._inherited.moto
        )
        self.driver = self._parts.driver
        if config.state is not None:
            self._history_keeper = HistoryKeeper(config.state, self.driver.history)
            started.push_async_callback(self._history_keeper.close)
        started.push_async_callback(self._parts.neighbours.stop)
        await self._parts.neighbours.start()
        self._wire(self._parts)
        self._environments = self._make_environments()
        started.push_async_callback(self._environments.close)
        started.push_async_callback(self._stop_working)
        self._servers = await listening.accept(self._endpoint, listener, config.listen_fd)
        await self._resume()

    async def _stop_working(self) -> None:
        """Take nothing in any more, from callers or by itself, and end what runs."""
        for server in self._servers:
            server.close()
        if self._keeping_time is not None:
            self._keeping_time.cancel()
        self._alarm_clock.stop()
        if self._otlp is not None:
            await self._otlp.stop()
        await self._mappings.stop(_BATCHES_GRACE_S if self._outlived() else 0.0)
        await self._triggers.schedules.stop()
        await self._triggers.deliveries.close()
        await self._finished.outbox.close()
        await self.driver.debugging.close()
        self._durable.close()
        self._service_events.close()
        self.driver.perform(self.driver.core.stop_all("the sandbox stops"))

    def _outlived(self) -> bool:
        """Whether a source of events goes on without this process, so that a batch in flight is worth waiting for."""
        config = self.config
        return bool(config.state or config.neighbours_socket or config.kafka_bootstrap_servers)

    # --- start ---------------------------------------------------------------------------------------

    def _wire(self, parts: Parts) -> None:
        """Put together what stands on ``parts``: each piece is told in a module of ``wiring/``."""
        identities = requests.make_identities(parts)
        self._invoking = Invoking(parts)
        permissions = requests.make_permissions(parts, identities)
        self._finished = FinishedEvents(parts, self._invoking, permissions)
        self._triggers = Triggers(parts, permissions, self._finished)
        self._service_events = ServiceEvents(parts.neighbours)
        self._durable = make_durable(parts, identities, self._service_events)
        self._log_copies = requests.make_log_copies(parts)
        own_routes = requests.make_own_routes(parts, self._invoking, self._triggers, self._reset)
        self._endpoint = requests.make_endpoint(parts, self._worker, identities, self._log_copies, own_routes)
        own_routes.seeing.durable_bill = self._durable.bill
        requests.open_front_doors(parts, self._endpoint, permissions, identities)
        self._counts = MappingCounts(parts)
        self._mappings = make_mappings(parts, self._invoking, self._finished.outbox, self._counts)
        AlarmKeeper(self._ground.store, self.driver.cloudwatch, self._ground.waiting_clock)
        actions = AlarmActions(
            self._ground.waiting_clock,
            parts.neighbours.forward,
            self._triggers.deliveries.deliver,
            permissions.refusal,
        )
        self._alarm_clock = AlarmClock(
            self.driver.cloudwatch,
            self._ground.waiting_clock,
            actions,
            self._service_events,
            self._endpoint.spawn,
        )
        self._hear(parts.bridge)

    def _hear(self, bridge: PlaneBridge) -> None:
        """Let the pieces hear of each other's changes."""
        bridge.function_changed = self._function_changed
        bridge.mappings_changed = self._mappings_changed
        bridge.provisioned_changed = self._provisioned_changed
        bridge.last_processing_result = self._mappings.last_processing_result
        self._endpoint.on_stream_write = self._mappings.wake
        self._endpoint.on_schedule_change = self._triggers.schedules.wake

    def _make_environments(self) -> ProcessEnvironments:
        config = replace(self.config, port=self.port)  # which was chosen only when it began to listen
        environments = ProcessEnvironments(
            config, self._loop, self.driver, self._inherited.mother, OpenNetwork(self._own_ports)
        )
        self.driver.environments = environments
        self.driver.xray.collect = environments.drain_traces
        self.driver.core.admission = environments.refusal
        self.driver.core.peak_memory_mb = environments.peak_memory_mb
        return environments

    def _own_ports(self) -> set[int]:
        return {self.port, *listening.ports(self._servers), *self.driver.debugging.ports()}

    async def _resume(self) -> None:
        """Take up what the state holds, and begin what goes on by itself."""
        self.driver.perform(self._parts.promises.at_start())
        self._finished.outbox.resume()
        if self.config.otlp:
            self._otlp = OtlpExport(self.config.otlp, self.driver.cloudwatch, self.driver.xray)
            self._otlp.start()
        self._triggers.deliveries.resume()
        self._invoking.resume_events()
        self._durable.restart()
        await self._mappings.sync()
        self._triggers.schedules.start()
        self._alarm_clock.arm()
        self._keeping_time = asyncio.create_task(self._keep_time(), name="time")

    async def _keep_time(self) -> None:
        """Take up the time that the machine has slept through, when nothing runs that it would count for."""
        while True:
            await asyncio.sleep(_LOOK_AT_THE_CLOCK_S)
            environments = self.driver.core.pool.environments.values()
            if all(each.state is State.FROZEN for each in environments) and self._ground.clock.catch_up():
                self._triggers.schedules.wake()
                self._alarm_clock.arm()

    def _inner_connection(self, environment_id: str) -> HttpConnection:
        return listening.inner_connection(self._endpoint, environment_id)

    # --- changes -------------------------------------------------------------------------------------

    def _function_changed(self, function_arn: str) -> None:
        self._endpoint.forget_resolved()
        self._durable.function_changed(function_arn)
        self.driver.perform(self._parts.promises.function_changed(function_arn))

    def _mappings_changed(self) -> None:
        self._counts.mappings_changed()
        self._endpoint.spawn(self._mappings.sync())

    def _provisioned_changed(self) -> None:
        self.driver.perform(self._parts.promises.provisioned_changed())

    async def _reset(self) -> None:
        """Empty the sandbox, first of what runs, then of what exists, then of what was seen."""
        await self.driver.debugging.close()
        self._durable.forget()
        self.driver.perform(self.driver.core.stop_all("the sandbox was reset"))
        self._finished.outbox.forget()
        self._triggers.deliveries.forget()
        await self._loop.run_in_executor(self._worker, self._parts.plane.reset)
        self._endpoint.forget_resolved()
        await self._mappings.sync()
        await self._parts.neighbours.reset()
        if self._endpoint.front_doors is not None:
            self._endpoint.front_doors.forget()
        if self._endpoint.gate is not None:
            self._endpoint.gate.forget()
        await self._clear_what_was_seen()

    async def _clear_what_was_seen(self) -> None:
        self.driver.history.clear()
        self.driver.core.faults.clear()
        if self._history_keeper is not None:
            await self._history_keeper.clear()
        self.driver.cloudwatch.clear()
        self.driver.xray.clear()
        self._alarm_clock.arm()
        self.driver.logs.clear()
        if self._log_copies is not None:
            self._log_copies.clear()


def check(config: Config) -> None:
    """Raise ``SandboxFault`` for what cannot be had together, before anything has started."""
    if config.enforce_iam and not config.neighbours:
        raise SandboxFault(
            "--enforce-iam reads users, roles and policies from the neighbours: start with them."
        )
    read_openings(config.allow_network)
    node_modules.find(config.node_modules)
    if config.otlp:
        otlp_export.check(config)


async def _run(config: Config, inherited: Inherited | None) -> None:
    application = Application(config, inherited)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    if not await _unless(stopping, application.start()):
        return
    try:
        await _serve_until(stopping, application)
    finally:
        await application.stop()


async def _unless(stopping: asyncio.Event, start: Coroutine[Any, Any, None]) -> bool:
    """Start, and return True; or give up, in order, when the sandbox is told to stop meanwhile."""
    starting, told = asyncio.create_task(start), asyncio.create_task(stopping.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not starting.done():
        starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return not starting.cancelled()


async def _serve_until(stopping: asyncio.Event, application: Application) -> None:
    config = application.config
    if config.stop_with_stdin:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stopping.set)
    environments = application.driver.environments
    assert environments is not None
    gc.collect()
    gc.freeze()  # what start-up made lives as long as the process: no collection need look at it again
    # An invocation leaves a dozen objects and no cycle behind: looking for cycles after every 700 costs a tenth of it.
    gc.set_threshold(50_000, 20, 50)
    print(
        f"ready http://{config.host}:{application.port} isolation {environments.isolation.level}", flush=True
    )
    await stopping.wait()


def serve(config: Config, inherited: Inherited | None = None) -> None:
    """Run the sandbox until SIGINT, SIGTERM or SIGHUP. Raises ``SandboxFault`` when it cannot start."""
    if inherited is None:  # a fork server has asked for itself, its zygote and its children
        delegation.ask_for_own_group()
    try:
        import uvloop
    except ImportError:  # Windows has none
        asyncio.run(_run(config, inherited))
    else:
        uvloop.run(_run(config, inherited))
