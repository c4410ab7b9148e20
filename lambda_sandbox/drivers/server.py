"""The server driver: carries out what the core decides, with real processes, real sockets and real time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.drivers.debugging import Debugging
from lambda_sandbox.drivers.extension_events import ExtensionEvents
from lambda_sandbox.drivers.function_logs import FunctionLogs
from lambda_sandbox.drivers.response_streams import ResponseStreams, StreamedResponse
from lambda_sandbox.drivers.server_needs import Caller, DurableExecutions, Environments, EventStore
from lambda_sandbox.drivers.telemetry_streams import TelemetryStreams
from lambda_sandbox.drivers.xray import XRay
from lambda_sandbox.errors import SandboxError
from lambda_sandbox.http_server import HttpConnection
from lambda_sandbox.iam.credentials import RoleSessions
from lambda_sandbox.invocation import async_queue, messages, retiring
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import (
    EVENT,
    Action,
    Invocation,
    RefuseRuntime,
)
from lambda_sandbox.resources import EventInvokeConfig, Exit, FunctionConfiguration
from lambda_sandbox.runtime_api.protocol import RuntimeApiConnection
from lambda_sandbox.runtime_api.streaming import BodySource
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore
from lambda_sandbox.telemetry.traces_header import SAMPLED

# POLICY: an environment is frozen 10 ms after its response if no further event has come; AWS freezes it at once. A background
# thread may get that much further here.
_FREEZE_AFTER_S = 0.010

EventInvokeConfigs = Callable[[str, str], EventInvokeConfig | None]


class ServerDriver:
    """Feeds signals to the core and performs its actions, all on one event loop."""

    def __init__(
        self,
        clock: Clock,
        core: Core,
        logs: LogStore,
        history: History,
        events: EventStore,
        code_directory: Callable[[FunctionConfiguration], Path],
        layer_directories: Callable[[FunctionConfiguration], tuple[Path, ...]],
        endpoint_protocol: Callable[[str], HttpConnection],
    ) -> None:
        self.clock = clock
        self.core = core
        self.logs = logs
        self.history = history
        self._events = events
        self._code_directory = code_directory
        self._layer_directories = layer_directories
        self._endpoint_protocol = endpoint_protocol
        self._loop = asyncio.get_running_loop()
        self._callers: dict[str, Caller] = {}
        self._waiting: dict[str, RuntimeApiConnection] = {}
        self._frozen: set[str] = set()
        self._freezing: set[str] = set()
        self.cloudwatch = CloudWatch(core.waiting_clock)
        self.function_logs = FunctionLogs(
            clock, logs, history, self.cloudwatch, self._read_output, self._output_heard
        )
        self.xray = XRay()
        self.environments: Environments | None = None
        self.durable: DurableExecutions | None = None
        self.streams = ResponseStreams(self)
        self.role_sessions: RoleSessions | None = None  # where IAM is enforced
        self.extensions = ExtensionEvents(self)
        self.telemetry = TelemetryStreams(self)
        self.debugging = Debugging(self._connect_inside, self._retire_all)
        # A sentence where another version, or none, runs in a runtime's place; else empty.
        self.runtime_notice: Callable[[str], str] = lambda runtime: ""
        self.event_invoke_config: EventInvokeConfigs = lambda function_arn, qualifier: None
        self.on_snapshot_failed: Callable[[FunctionConfiguration, str], None] = lambda version, reason: None
        self.on_event_finished: Callable[[messages.EventFinished], None] = lambda finished: None
        self._perform: dict[type, Callable[[Any], RefuseRuntime | None]] = {
            messages.StartEnvironment: self._start_environment,
            messages.SnapshotEnvironment: self._snapshot_environment,
            messages.SnapshotFailed: lambda action: self.on_snapshot_failed(action.version, action.reason),
            messages.ResumeRestored: self._resume_restored,
            messages.DeliverEvent: self._deliver_event,
            messages.ShutdownEnvironment: self._shutdown_environment,
            messages.StopEnvironment: self._stop_environment,
            messages.FreezeEnvironment: self._freeze_for_a_while,
            messages.FaultMet: self._fault_met,
            messages.Complete: self._complete,
            messages.StoreEvent: self._store_event,
            messages.ForgetEvent: self._forget_event,
            messages.EventFinished: self.event_over,
            messages.SetTimer: self._set_timer,
            messages.WriteLog: self.function_logs.write,
            messages.TellExtensions: self.extensions.tell,
            messages.RefuseRuntime: lambda action: action,
            messages.Record: self._record,
        }

    # --- for callers ---------------------------------------------------------------------------------

    def invoke(self, invocation: Invocation, caller: Caller) -> None:
        """Run ``invocation``, or begin the durable execution that it asks for.

        ``caller`` is called exactly once, perhaps before this returns.
        """
        if invocation.function.durable_timeout_s is not None and self.durable is not None:
            self.durable.start(invocation, caller)
        else:
            self.run(invocation, caller)

    def run(self, invocation: Invocation, caller: Caller) -> None:
        """Run ``invocation`` once, whether its function is durable or not."""
        self._callers[invocation.request_id] = caller
        if invocation.invocation_type is EVENT:
            async_queue.configure(invocation, self.event_invoke_config)
            self.cloudwatch.of_lambda.event_received(invocation)
        if invocation.function.tracing_mode == "Active":
            self.xray.of_lambda.sample(invocation)
        self.perform(self.core.invoke(invocation))

    def restore_event(self, event: Invocation) -> None:
        """Take up an asynchronous event that was accepted before the process began."""
        async_queue.configure(event, self.event_invoke_config)
        self.perform(self.core.restore_event(event))

    async def invoke_and_wait(self, invocation: Invocation) -> messages.InvocationResult:
        """Run ``invocation`` and return its result. Raises ``ApiError`` when it was throttled."""
        done: asyncio.Future[messages.Complete] = self._loop.create_future()
        self.invoke(invocation, lambda complete: None if done.done() else done.set_result(complete))
        complete = await done
        if complete.error is not None:
            raise complete.error
        assert complete.result is not None
        return complete.result

    def perform(self, actions: list[Action]) -> RefuseRuntime | None:
        """Carry out ``actions`` in order; return the refusal among them, if there is one."""
        refusal = None
        perform = self._perform
        for action in actions:
            refusal = perform[type(action)](action) or refusal
        return refusal

    def log_stream(self, environment_id: str) -> str:
        """Return the log stream of an environment that exists, else an empty string."""
        environment = self.core.pool.environments.get(environment_id)
        return environment.log_stream if environment is not None else ""

    # --- RuntimeApiHost ------------------------------------------------------------------------------

    def runtime_next(self, environment_id: str, connection: RuntimeApiConnection) -> RefuseRuntime | None:
        before = self._waiting.get(environment_id)
        self._waiting[environment_id] = connection
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None and environment.ready_at is None and self.environments is not None:
            self.environments.init_finished(environment_id)
            if self.telemetry.active:
                self.telemetry.runtime_ready(environment)
        if self.xray.of_lambda.overhead:
            self.xray.of_lambda.ready_again(environment_id, self.clock.now())
        refusal = self.perform(self.core.runtime_next(environment_id))
        if refusal is not None:
            if self.streams.settle(environment_id):
                refusal = self.perform(self.core.runtime_next(environment_id))
            elif before is not None:
                self._waiting[environment_id] = before  # a second request must not take the first one's place
        if environment is not None and environment_id not in self._freezing:
            self._freezing.add(environment_id)
            self._loop.call_later(_FREEZE_AFTER_S, self._freeze, environment_id)
        return refusal

    def runtime_restore_next(
        self, environment_id: str, connection: RuntimeApiConnection
    ) -> RefuseRuntime | None:
        self._waiting[environment_id] = connection
        return self.perform(self.core.runtime_restore_next(environment_id))

    def runtime_restore_error(
        self, environment_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        return self.perform(self.core.runtime_restore_error(environment_id, payload, error_type))

    def runtime_response(self, environment_id: str, request_id: str, payload: bytes) -> RefuseRuntime | None:
        refused = self.streams.refusal(environment_id)
        if refused is not None:
            return refused
        memory_mb = self._peak_memory_mb(environment_id)
        if self.telemetry.active:
            self._tell_runtime_done(environment_id, request_id, len(payload))
        return self.perform(self.core.runtime_response(environment_id, request_id, payload, memory_mb))

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        refused = self.streams.refusal(environment_id)
        if refused is not None:
            return refused
        memory_mb = self._peak_memory_mb(environment_id)
        if self.telemetry.active:
            self._tell_runtime_done(environment_id, request_id, len(payload), error_type or "Unhandled")
        return self.perform(
            self.core.runtime_error(environment_id, request_id, payload, error_type, memory_mb)
        )

    def runtime_init_error(
        self, environment_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None and environment.ready_at is None:
            self.telemetry.runtime_ready(environment, "error", error_type)
        return self.perform(self.core.runtime_init_error(environment_id, payload, error_type))

    def runtime_stream(
        self, environment_id: str, request_id: str, content_type: str, source: BodySource
    ) -> StreamedResponse | RefuseRuntime:
        return self.streams.open(environment_id, request_id, content_type, source)

    # --- EnvironmentHost -----------------------------------------------------------------------------

    def on_datagram(self, environment_id: str, data: bytes) -> None:
        self.xray.datagram(environment_id, data)

    def runtime_api_protocol(self, environment_id: str) -> RuntimeApiConnection:
        return RuntimeApiConnection(environment_id, self)

    def endpoint_protocol(self, environment_id: str) -> HttpConnection:
        return self._endpoint_protocol(environment_id)

    def on_output(self, environment_id: str, data: bytes) -> None:
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None:
            self.function_logs.printed(environment, data)

    def on_exit(self, environment_id: str, exit_: Exit) -> None:
        self.perform(
            self.core.environment_exited(environment_id, exit_, self._peak_memory_mb(environment_id))
        )

    def on_extensions_started(self, environment_id: str, names: list[str]) -> None:
        self.extensions.started(environment_id, names)

    def on_extension_output(self, environment_id: str, data: bytes) -> None:
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None:
            self.function_logs.extension_printed(environment, data)
            self.telemetry.extension_output(environment, data)

    def on_extension_refused(self, environment_id: str, name: str, reason: str) -> None:
        self.extensions.not_launched(environment_id, name, reason)

    def on_extension_exit(self, environment_id: str, exit_: Exit) -> None:
        self.extensions.exited(environment_id, exit_)

    def on_runtime_exit(self, environment_id: str, exit_: Exit) -> None:
        memory_mb = self._peak_memory_mb(environment_id)
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None and environment.ready_at is None:
            self.telemetry.runtime_ready(environment, "failure", "Runtime.ExitError")
        self.perform(self.core.runtime_exited(environment_id, exit_, memory_mb))

    # --- actions -------------------------------------------------------------------------------------

    def _start_environment(self, action: messages.StartEnvironment) -> None:
        assert self.environments is not None
        environment = action.environment
        self.history.environment(environment)
        function = environment.function
        environment.runtime_notice = self.runtime_notice(function.runtime)
        self.xray.began(environment.environment_id, function.account_id, function.region)
        try:
            code = self._code_directory(function)
            function, layers = self.debugging.equip(
                environment.environment_id, function, self._layer_directories(function)
            )
            self.environments.start(
                environment.environment_id,
                function,
                code,
                layers,
                environment.log_stream,
                environment.initialization_type,
                self._credentials(environment),
            )
        # Code may be gone from the state, a machine out of descriptors.
        except (SandboxError, OSError) as fault:
            self.function_logs.say(environment, str(fault))
            self._loop.call_soon(self.on_exit, environment.environment_id, Exit(code=1))

    def _snapshot_environment(self, action: messages.SnapshotEnvironment) -> None:
        assert self.environments is not None
        environment_id = action.environment.environment_id
        self.environments.init_finished(environment_id)
        self._frozen.add(environment_id)
        self.environments.freeze(environment_id)

    def _resume_restored(self, action: messages.ResumeRestored) -> None:
        environment_id = action.environment.environment_id
        self._thaw(environment_id)
        self._waiting.pop(environment_id).resume()

    def _credentials(self, environment: Environment) -> Mapping[str, str]:
        """Return the session of its role that an environment gets where IAM is enforced."""
        if self.role_sessions is None:
            return {}
        function = environment.function
        session = self.role_sessions.begin(environment.environment_id, function.role, function.function_name)
        return session.variables

    def _deliver_event(self, action: messages.DeliverEvent) -> None:
        environment_id = action.environment.environment_id
        assert self.environments is not None
        if environment_id in self._frozen:
            self._thaw(environment_id)
        self.environments.begin_invocation(environment_id)
        connection = self._waiting.pop(environment_id)
        if SAMPLED in action.invocation.trace_header:
            self.xray.of_lambda.deliver(action.invocation)
        connection.deliver(action.invocation, int(action.deadline * 1000))
        if action.extensions:
            self.extensions.deliver(action)
        if self.telemetry.active:
            self.telemetry.delivered(action)

    def _shutdown_environment(self, action: messages.ShutdownEnvironment) -> None:
        assert self.environments is not None
        environment_id = action.environment.environment_id
        self._thaw(environment_id)
        self.telemetry.flush(environment_id)
        self.extensions.shut_down(action)
        self.environments.terminate(environment_id)

    def _stop_environment(self, action: messages.StopEnvironment) -> None:
        assert self.environments is not None
        environment = action.environment
        self.function_logs.drain(environment)
        self._waiting.pop(environment.environment_id, None)
        self._frozen.discard(environment.environment_id)
        self.extensions.forget(environment.environment_id)
        self.telemetry.forget(environment.environment_id)
        self.debugging.forget(environment.environment_id)
        self.environments.stop(environment.environment_id, action.keep_tmp)
        self.xray.ended(environment.environment_id, self.clock.now())
        if not action.keep_tmp:
            if self.role_sessions is not None:
                self.role_sessions.end(environment.environment_id)
            self.logs.forget_stream(environment.log_stream)
            self.cloudwatch.forget_stream(environment.log_stream)

    def _complete(self, action: messages.Complete) -> None:
        caller = self._callers.pop(action.invocation.request_id, None)
        if caller is not None:
            caller(action)

    def _store_event(self, action: messages.StoreEvent) -> None:
        self._events.put_event(action.invocation)

    def _forget_event(self, action: messages.ForgetEvent) -> None:
        self._events.forget_event(action.request_id)

    def _set_timer(self, action: messages.SetTimer) -> None:
        if self.debugging.ignores(action.key):
            return
        delay = max(0.0, action.at - self.clock.now())
        self._loop.call_later(delay, self._timer_fired, action.key)

    def _timer_fired(self, key: tuple[str, str]) -> None:
        self.perform(self.core.timer_fired(key))

    def event_over(self, action: messages.EventFinished) -> None:
        self.cloudwatch.of_lambda.event_finished(action, self.clock.now())
        self.on_event_finished(action)

    def _record(self, action: messages.Record) -> None:
        self.history.record(action.record)
        self.cloudwatch.record(action.record, action.share)
        if SAMPLED in action.record.invocation.trace_header:
            function, root = action.record.invocation.function, action.record.invocation.trace_header
            self.history.neighbours.traced(self.clock.now(), function.function_name, root.partition(";")[0])
            self.xray.of_lambda.record(action.record)
        if self.telemetry.active:
            self.telemetry.recorded(action.record)

    def _freeze_for_a_while(self, action: messages.FreezeEnvironment) -> None:
        assert self.environments is not None
        environment_id = action.environment.environment_id
        self._frozen.add(environment_id)
        self.environments.freeze(environment_id)
        self._loop.call_later(action.seconds, self._thaw, environment_id)

    def _fault_met(self, action: messages.FaultMet) -> None:
        self.history.fault(self.clock.now(), action.kind, action.request_id, action.function_name, action.why)

    # --- frozen between invokes --------------------------------------------------------------------

    def _freeze(self, environment_id: str) -> None:
        """Freeze an environment that has been idle for a moment; one that is busy is looked at after its next event."""
        self._freezing.discard(environment_id)
        environment = self.core.pool.environments.get(environment_id)
        if environment is None or environment.state is not State.FROZEN:
            return
        if self.debugging.holds(environment_id):
            return  # its debugger sets breakpoints between events
        left = environment.idle_since + _FREEZE_AFTER_S - self.clock.now()
        if left > 0.001:
            self._freezing.add(environment_id)
            self._loop.call_later(left, self._freeze, environment_id)
            return
        assert self.environments is not None
        self._frozen.add(environment_id)
        self.environments.freeze(environment_id)

    def freeze_soon(self, environment_id: str) -> None:
        """Look in a moment whether the environment is idle."""
        if environment_id not in self._freezing:
            self._freezing.add(environment_id)
            self._loop.call_later(_FREEZE_AFTER_S, self._freeze, environment_id)

    def _thaw(self, environment_id: str) -> None:
        if environment_id in self._frozen:
            assert self.environments is not None
            self._frozen.discard(environment_id)
            self.environments.thaw(environment_id)

    # --- parts ---------------------------------------------------------------------------------------

    async def _connect_inside(self, environment_id: str, port: int) -> socket.socket:
        assert self.environments is not None
        return await self.environments.connect(environment_id, port)

    def _retire_all(self, function_arn: str) -> None:
        """End the function's environments as they are: now, or when their invocation is over."""
        for environment in list(self.core.pool.of_function(function_arn)):
            self.perform(retiring.retire(self.core, environment, "debugging began or ended"))

    def _tell_runtime_done(
        self, environment_id: str, request_id: str, size: int, error_type: str = ""
    ) -> None:
        environment = self.core.pool.environments.get(environment_id)
        if environment is not None:
            # What was printed comes before the word that the handler is done.
            self.function_logs.drain(environment)
            self.telemetry.runtime_done(environment_id, request_id, size, error_type)

    def _read_output(self, environment_id: str) -> bytes:
        assert self.environments is not None
        return self.environments.drain_output(environment_id)

    def _output_heard(self, environment: Environment, data: bytes) -> None:
        if self.telemetry.active:
            self.telemetry.function_output(environment, data)

    def _peak_memory_mb(self, environment_id: str) -> int:
        return self.environments.peak_memory_mb(environment_id) if self.environments is not None else 0
