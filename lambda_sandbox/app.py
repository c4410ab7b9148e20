"""Wires the parts: the only module that knows all the others."""

from __future__ import annotations

import asyncio
import errno
import functools
import gc
import signal
import socket
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lambda_sandbox.clock import RealClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers import otlp_export
from lambda_sandbox.drivers.alarm_actions import AlarmActions
from lambda_sandbox.drivers.alarm_clock import AlarmClock
from lambda_sandbox.drivers.deliveries import Deliveries, Pending
from lambda_sandbox.drivers.destinations import Destinations, Letter, event_for
from lambda_sandbox.drivers.duplicates import Duplicates
from lambda_sandbox.drivers.endpoint import Endpoint, EndpointConnection
from lambda_sandbox.drivers.environment_connection import EnvironmentConnection
from lambda_sandbox.drivers.front_door_wiring import make_front_doors
from lambda_sandbox.drivers.gate import Gate
from lambda_sandbox.drivers.history_keeper import HistoryKeeper
from lambda_sandbox.drivers.identities import Identities
from lambda_sandbox.drivers.log_copies import LogCopies
from lambda_sandbox.drivers.mapping_state import StoredCheckpoints, letter_of, letters
from lambda_sandbox.drivers.neighbour_door import NeighbourDoor
from lambda_sandbox.drivers.otlp_export import OtlpExport
from lambda_sandbox.drivers.outbox import Outbox
from lambda_sandbox.drivers.own_routes import OwnRoutes
from lambda_sandbox.drivers.promises import Promises
from lambda_sandbox.drivers.schedule_definitions import ScheduleDefinitions
from lambda_sandbox.drivers.schedules import Schedules
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.drivers.trigger_permissions import TriggerPermissions
from lambda_sandbox.drivers.trigger_routes import TriggerRoutes
from lambda_sandbox.drivers.waiting_clock import waiting_clock
from lambda_sandbox.environments.process import ProcessEnvironments
from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.errors import ResourceNotFoundException, SandboxFault
from lambda_sandbox.event_sources import inspection
from lambda_sandbox.event_sources.mappings import Mappings
from lambda_sandbox.event_sources.polling import Surroundings
from lambda_sandbox.gateway.codec import Codec
from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.http_server import HttpConnection
from lambda_sandbox.iam.credentials import RoleSessions
from lambda_sandbox.invocation import request
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import EventFinished, Invocation, InvocationResult, InvocationType
from lambda_sandbox.resources import (
    Caller,
    EventSourceMapping,
    EventSourceState,
    FunctionConfiguration,
    QueuedEvent,
)
from lambda_sandbox.services.neighbours import Neighbours
from lambda_sandbox.services.shared_neighbours import SharedNeighbours
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore
from lambda_sandbox.telemetry.neighbour_usage import OUTSIDE, Cause
from lambda_sandbox.triggers.schedules import Mark

_BATCHES_GRACE_S = 2.0


class Application:
    """One running sandbox. ``start`` returns when it answers; ``stop`` ends every process that it started.

    ``mother`` is a zygote that sandboxes share, each of which gets a fork of it.
    """

    def __init__(self, config: Config, mother: ZygoteProcess | None = None) -> None:
        self.config = config
        self._mother = mother
        self.port = config.port
        self._servers: list[asyncio.AbstractServer] = []
        self._otlp: OtlpExport | None = None
        self._counted: dict[str, EventSourceMapping] | None = None  # None: mappings changed, look again
        self._identities: Identities | None = None  # where IAM is enforced
        self._history_keeper: HistoryKeeper | None = None  # where there is a folder for the state

    async def start(self) -> None:
        """Open the store, the neighbours and the listeners. Raises ``SandboxFault`` with what to do next."""
        config = self.config
        if config.enforce_iam and not config.neighbours:
            raise SandboxFault(
                "--enforce-iam reads users, roles and policies from the neighbours: start with them."
            )
        if config.otlp:
            otlp_export.check(config)
        self._loop = asyncio.get_running_loop()
        listener = _listener(config.host, config.port)
        self.port = listener.getsockname()[1]
        self._worker = ThreadPoolExecutor(1, "control-plane")
        await self._loop.run_in_executor(self._worker, self._open_store)
        self._neighbours = _neighbours(config, f"http://127.0.0.1:{self.port}")
        await self._neighbours.start()
        self._wire()
        environments = ProcessEnvironments(config, self._loop, self.driver, self._mother)
        self.driver.environments = environments
        self.driver.xray.collect = environments.drain_traces
        self.driver.core.admission = environments.refusal
        self.driver.core.peak_memory_mb = environments.peak_memory_mb
        await self._listen(listener)
        if config.state is not None:
            self._history_keeper = HistoryKeeper(config.state, self.driver.history)
        self.driver.perform(self._promises.at_start())
        self._outbox.resume()
        if config.otlp:
            self._otlp = OtlpExport(config.otlp, self.driver.cloudwatch, self.driver.xray)
            self._otlp.start()
        self._deliveries.resume()
        self._resume_events()
        await self._mappings.sync()
        self._schedules.start()

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        self._alarm_clock.stop()
        if self._otlp is not None:
            await self._otlp.stop()
        await self._mappings.stop(_BATCHES_GRACE_S if self._outlived() else 0.0)
        await self._schedules.stop()
        await self._deliveries.close()
        await self._outbox.close()
        await self.driver.debugging.close()
        self.driver.perform(self.driver.core.stop_all("the sandbox stops"))
        assert isinstance(self.driver.environments, ProcessEnvironments)
        await self.driver.environments.close()
        await self._neighbours.stop()
        if self._history_keeper is not None:
            await self._history_keeper.close()
        self._worker.shutdown()
        self._store.close()
        self._code.close()

    def _outlived(self) -> bool:
        """Whether a source of events goes on without this process, so that a batch in flight is worth waiting for."""
        config = self.config
        return bool(config.state or config.neighbours_socket or config.kafka_bootstrap_servers)

    # --- wiring --------------------------------------------------------------------------------------

    def _open_store(self) -> None:
        self.clock = RealClock()
        self._store = Store(self.config.state)
        self.waiting_clock = waiting_clock(self.config, self.clock)
        self._code = CodeStore(self.config.state)
        self._model = LambdaModel.load()
        self._gateway = Codec(self._model)
        self.plane = ControlPlane(
            Context(
                config=self.config,
                clock=self.clock,
                store=self._store,
                code=self._code,
                fetch_object=self._fetch_object,
                on_change=self._on_change,
                on_mappings_change=self._on_mappings_change,
                on_provisioned_change=self._on_provisioned_change,
                on_concurrency_change=self._on_change,
                inspect_source=self._inspect_source,
                runtime_notice=self._runtime_notice,
                provisioned_status=lambda arn: self.driver.core.provisioned_status(arn),
                last_processing_result=lambda uuid: self._mappings.last_processing_result(uuid),
                base_url=lambda: f"http://127.0.0.1:{self.port}",
            )
        )

    def _runtime_notice(self, runtime: str) -> str:
        return registry.notice(runtime, self.config.runtime_client == "native")

    def _wire(self) -> None:
        config = self.config
        logs, history = LogStore(), History()
        core = Core(
            self.clock, account_limit=config.account_concurrency, idle_lifetime_s=config.idle_lifetime_s, seed=uuid.uuid4().hex,
            waiting_clock=self.waiting_clock,
        )  # fmt: skip
        self.driver = ServerDriver(
            self.clock,
            core,
            logs,
            history,
            self._store,
            self._code_directory,
            self._layer_directories,
            self._inner_connection,
        )
        self.driver.event_invoke_config = self.plane.event_invoke_config
        self.driver.runtime_notice = self._runtime_notice
        self._door = NeighbourDoor(self._neighbours, history, core.faults, self.clock, asyncio.sleep)
        self._destinations = Destinations(
            self.clock,
            self._door.forward,
            self._send_event,
            self.plane.event_invoke_config,
            note=lambda sentence: history.delivery(self.clock.now(), sentence),
        )
        self._outbox = Outbox(
            self.waiting_clock,
            letters(self._store),
            self._send_letter,
            lambda sentence: history.delivery(self.clock.now(), sentence),
            self._sleep,
        )
        gate = self._make_gate(history) if config.enforce_iam else None
        routes = self._wire_triggers(history)
        self._outbox.on_failure = self._letter_failed
        self._duplicates = Duplicates(
            config.duplicate_events,
            config.seed,
            core.faults,
            lambda rule, event: history.fault(
                self.clock.now(), rule.kind, event.request_id, event.function.function_name, str(rule)
            ),
        )
        self.driver.on_event_finished = self._event_finished
        self._promises = Promises(self._store, core)
        shared = config.neighbours_socket is not None
        copies = LogCopies(logs, self._neighbours.forward, prompt=shared) if config.log_copies else None
        self._log_copies = copies
        self._endpoint = Endpoint(
            config=config,
            driver=self.driver,
            model=self._model,
            gateway=self._gateway,
            plane=self.plane,
            neighbours=self._door if config.neighbours else None,
            log_copies=copies,
            own_routes=OwnRoutes(
                config,
                self.driver,
                self.plane.code_zip,
                self._reset,
                lambda: self._neighbours.status,
                self._debuggable,
                routes.answer,
            ),
            worker=self._worker,
            gate=gate,
        )
        around = Surroundings(
            invoke=self._invoke_by_arn,
            clock=self.waiting_clock,
            sleep=self._sleep,
            decide=lambda uuid, sentence: history.mapping_decision(self.clock.now(), uuid, sentence),
            count=self._count_events,
            iterator_age=self._iterator_age,
            discard=lambda mapping, discarded: self._outbox.post(letter_of(mapping, discarded)),
            checkpoints=StoredCheckpoints(self._store),
            batch=lambda *told: history.batch(self.clock.now(), *told),
        )
        self._mappings = Mappings(
            self.plane.mappings,
            self._neighbours,
            around,
            self._role_of,
            config.kafka_bootstrap_servers,
            lambda mapping: self._door.of(Cause(_name_of(mapping.function_arn), polls=True)),
        )
        self._endpoint.on_stream_write = self._mappings.wake
        self._endpoint.on_schedule_change = self._schedules.wake
        self._wire_front_doors()
        actions = AlarmActions(self.waiting_clock, self._neighbours.forward, self._deliveries.deliver)
        self._alarm_clock = AlarmClock(
            self.driver.cloudwatch, self.waiting_clock, actions, self._endpoint.spawn
        )

    def _wire_front_doors(self) -> None:
        if not self.config.neighbours:
            return  # what they serve is defined there
        doors = make_front_doors(
            self.config,
            self.driver,
            self.plane,
            self._neighbours,
            self.plane.resource_policy,
            self._identities,
            self._endpoint.spawn,
        )
        self._endpoint.front_doors = doors
        self._endpoint.own_routes.trust = doors.trust

    def _wire_triggers(self, history: History) -> TriggerRoutes:
        permissions = TriggerPermissions(
            self.plane.resource_policy,
            self._identities,
            lambda *told: history.denial(self.clock.now(), *told),
        )

        def note(sentence: str) -> None:
            history.delivery(self.clock.now(), sentence)

        self._deliveries = Deliveries(
            self.waiting_clock,
            self._store.collection("delivery", Pending, lambda each: (each.delivery_id,)),
            permissions.refusal,
            self._destinations.send,
            lambda letter: self._outbox.post(letter),
            note,
            self._sleep,
        )
        definitions = ScheduleDefinitions(self._neighbours, self.waiting_clock)
        self._schedules = Schedules(
            self.waiting_clock,
            definitions.read,
            definitions.delete,
            self._store.collection("schedule-mark", Mark, lambda each: (each.arn,)),
            self._deliveries.deliver,
            note,
            self.config.seed or 0,
        )
        return TriggerRoutes(self._deliveries, permissions, self._neighbours.token, note)

    def _make_gate(self, history: History) -> Gate:
        self.driver.role_sessions = RoleSessions()
        self._identities = Identities(self._neighbours, self.driver.role_sessions)
        return Gate(
            self.clock,
            self._identities,
            self._model,
            history,
            self.plane.resource_policy,
            lambda name, caller: self.plane.context.lookup.function(name, caller).role,
        )

    async def _listen(self, listener: socket.socket) -> None:
        outer = functools.partial(EndpointConnection, self._endpoint)
        self._servers.append(await self._loop.create_server(outer, sock=listener))
        if self.config.listen_fd is not None:
            inherited = socket.socket(fileno=self.config.listen_fd)
            inherited.setblocking(False)
            inner = functools.partial(EndpointConnection, self._endpoint, inner=True)
            self._servers.append(await self._loop.create_server(inner, sock=inherited))

    def _inner_connection(self, environment_id: str) -> HttpConnection:
        environment = self.driver.core.pool.environments.get(environment_id)
        account_id = environment.function.account_id if environment is not None else ""
        return EnvironmentConnection(self._endpoint, account_id, environment)

    def _code_directory(self, function: FunctionConfiguration) -> Path:
        if function.package_type == "Image":
            raise SandboxFault(f"The image {function.image_uri} cannot run: that needs a container engine.")
        return self._code.directory(function.code_sha256)

    def _layer_directories(self, function: FunctionConfiguration) -> tuple[Path, ...]:
        return tuple(self._code.directory(layer.code_sha256) for layer in function.layers)

    def _debuggable(self, name: str) -> tuple[FunctionConfiguration, str]:
        """Return a function and where it sees its code. Raises ``ApiError`` for one that there is not."""
        function = self.plane.resolve(name, None, Caller(self.config.account_id, self.config.region))
        environments = self.driver.environments
        bare = environments is not None and environments.isolation.level == "process"
        return function, str(self._code_directory(function)) if bare else "/var/task"

    # --- what the parts ask of each other ------------------------------------------------------------

    def _fetch_object(self, bucket: str, key: str, version: str | None) -> bytes:
        """Called in the worker thread; the neighbours live on the loop."""
        work = self._neighbours.fetch_object(bucket, key, version)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def _on_change(self, function_arn: str) -> None:
        self._loop.call_soon_threadsafe(self._function_changed, function_arn)

    def _count_events(self, uuid: str, metric: str, number: int) -> None:
        """Count what a mapping did; CloudWatch hears of it where the mapping's MetricsConfig asks for that."""
        self.driver.history.mapping_metric(uuid, metric, number)
        if self._counted is None:
            self._counted = {each.uuid: each for each in self.plane.mappings() if each.metrics}
        mapping = self._counted.get(uuid)
        if mapping is not None:
            lambda_metrics = self.driver.cloudwatch.of_lambda
            lambda_metrics.mapping_count(uuid, mapping.function_arn, metric, number, self.clock.now())

    def _letter_failed(self, letter: Letter) -> None:
        if letter.function_arn:
            lambda_metrics = self.driver.cloudwatch.of_lambda
            lambda_metrics.delivery_failed(letter.function_arn, letter.dead_letter, self.clock.now())

    def _iterator_age(self, function_arn: str, age_ms: float) -> None:
        self.driver.cloudwatch.of_lambda.iterator_age(function_arn, age_ms, self.clock.now())

    def _on_mappings_change(self) -> None:
        self._counted = None
        self._loop.call_soon_threadsafe(lambda: self._endpoint.spawn(self._mappings.sync()))

    def _function_changed(self, function_arn: str) -> None:
        self._endpoint.forget_resolved()
        self.driver.perform(self._promises.function_changed(function_arn))

    def _on_provisioned_change(self) -> None:
        self._loop.call_soon_threadsafe(lambda: self.driver.perform(self._promises.provisioned_changed()))

    def _find(self, function_arn: str) -> FunctionConfiguration | None:
        account, region = function_arn.split(":")[4], function_arn.split(":")[3]
        try:
            return self.plane.resolve(function_arn, None, Caller(account, region))
        except ResourceNotFoundException:
            return None

    def _inspect_source(self, arn: str) -> EventSourceState | None:
        """Called in the worker thread; the neighbours live on the loop."""
        if not self.config.neighbours:
            return None
        work = inspection.inspect(self._neighbours, arn)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def _event_finished(self, event: EventFinished) -> None:
        for letter in self._destinations.letters(event):
            self._outbox.post(letter)
        again = self._duplicates.drawn(event)
        if again is not None:
            self._loop.call_soon(self.driver.restore_event, again)

    async def _send_letter(self, letter: Letter) -> None:
        with self._door.on_behalf_of(Cause(letter.cause or OUTSIDE)):
            await self._destinations.send(letter)

    async def _sleep(self, seconds: float) -> None:
        """Sleep ``seconds`` of the clock that retries, windows and ages run by."""
        await asyncio.sleep(self.waiting_clock.real_s(seconds))

    def _role_of(self, function_arn: str) -> str:
        function = self._find(function_arn)
        return function.role if function is not None else ""

    def _send_event(self, function_arn: str, payload: bytes, trace_header: str) -> None:
        """Invoke a function that is another's destination. Raises ``ApiError`` when there is none."""
        event = event_for(self.plane, self.clock, function_arn, payload, trace_header)
        self.driver.invoke(event, lambda accepted: None)

    async def _invoke_by_arn(self, function_arn: str, payload: bytes, trace_header: str) -> InvocationResult:
        """Invoke for an event source mapping. Raises ``ApiError``: not found, or throttled."""
        account, region = function_arn.split(":")[4], function_arn.split(":")[3]
        route = self.plane.route(function_arn, None, Caller(account, region))
        function, routed = self.plane.choose(route)
        request_id, now = str(uuid.uuid4()), self.clock.now()
        invocation = Invocation(
            request_id,
            function,
            payload,
            now,
            trace_header=trace_header or request.trace_header(now, request_id),
            invoked_arn=route.invoked_arn,
            routed=routed,
        )
        return await self.driver.invoke_and_wait(invocation)

    def _resume_events(self) -> None:
        """Asynchronous events that were accepted before the last end of the process run now, or when they are due."""
        for event in self._store.events():
            function = self._find(event.function_arn)
            if function is None:
                self._store.forget_event(event.request_id)
            else:
                self.driver.restore_event(_invocation(event, function))

    async def _reset(self) -> None:
        await self.driver.debugging.close()
        self.driver.perform(self.driver.core.stop_all("the sandbox was reset"))
        self._outbox.forget()
        self._deliveries.forget()
        await self._loop.run_in_executor(self._worker, self.plane.reset)
        self._endpoint.forget_resolved()
        await self._mappings.sync()
        await self._neighbours.reset()
        if self._endpoint.front_doors is not None:
            self._endpoint.front_doors.forget()
        if self._endpoint.gate is not None:
            self._endpoint.gate.forget()
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


def _invocation(event: QueuedEvent, function: FunctionConfiguration) -> Invocation:
    return Invocation(
        event.request_id,
        function,
        event.payload,
        event.arrived_at,
        InvocationType.EVENT,
        event.client_context,
        event.trace_header,
        event.attempt,
        event.due_at,
        event.throttles,
        invoked_arn="" if event.function_arn == function.arn else event.function_arn,
        tenant_id=event.tenant_id,
        cognito_identity=event.cognito_identity,
    )


def _name_of(function_arn: str) -> str:
    return function_arn.split(":")[6]


def _neighbours(config: Config, endpoint: str) -> Neighbours:
    if config.neighbours_socket is not None:
        return SharedNeighbours(config, config.neighbours_socket, endpoint)
    return Neighbours(config, endpoint)


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as reason:
        listener.close()
        if reason.errno == errno.EADDRINUSE:
            raise SandboxFault(
                f"port {port} is in use; choose another with --port, or --port 0 for a free one"
            ) from None
        raise SandboxFault(f"cannot listen on {host}:{port}: {reason.strerror}") from None
    listener.listen(1024)
    listener.setblocking(False)
    return listener


async def _run(config: Config, mother: ZygoteProcess | None) -> None:
    application = Application(config, mother)
    await application.start()
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if config.stop_with_stdin:
        loop.add_reader(sys.stdin.fileno(), stopping.set)
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
    await application.stop()


def serve(config: Config, mother: ZygoteProcess | None = None) -> None:
    """Run the sandbox until SIGINT or SIGTERM. Raises ``SandboxFault`` when it cannot start."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        asyncio.run(_run(config, mother))
    else:
        uvloop.run(_run(config, mother))
