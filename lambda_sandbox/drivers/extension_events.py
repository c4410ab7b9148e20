"""Extensions of real environments: who was started, who has registered, who waits for its next event."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from lambda_sandbox.http_server import HttpConnection
from lambda_sandbox.invocation import extension
from lambda_sandbox.invocation.messages import (
    DeliverEvent,
    RefuseRuntime,
    ShutdownEnvironment,
    TellExtensions,
    WriteLog,
)
from lambda_sandbox.resources import Exit, FunctionConfiguration
from lambda_sandbox.runtime_api import extensions

if TYPE_CHECKING:
    from lambda_sandbox.drivers.server import ServerDriver


class ExtensionEvents:
    """Empty while no environment has extensions. One belongs to the driver; it is the Extensions API's host."""

    def __init__(self, driver: ServerDriver) -> None:
        self._driver = driver
        self._external: dict[str, set[str]] = {}
        self._unregistered: dict[str, set[str]] = {}
        self._waiting: dict[str, dict[str, HttpConnection]] = defaultdict(dict)
        self._shutdowns: dict[str, dict[str, Any]] = {}
        # Of the shutdown; whoever asks once more waits for its end.
        self._told: dict[str, set[str]] = defaultdict(set)

    # --- ExtensionsHost ------------------------------------------------------------------------------

    def register_extension(
        self, environment_id: str, name: str, events: frozenset[str]
    ) -> tuple[str, FunctionConfiguration] | RefuseRuntime:
        external = name in self._external.get(environment_id, ())
        if not external and extension.SHUTDOWN in events:
            return RefuseRuntime(
                403, "ShutdownEventNotSupportedForInternalExtension", f"{name} runs in the runtime's process"
            )
        core = self._driver.core
        refusal = self._driver.perform(core.extension_registered(environment_id, name, external, events))
        environment = core.pool.environments.get(environment_id)
        if refusal is not None or environment is None:
            return refusal or RefuseRuntime(403, "InvalidStateTransition", "this environment is gone")
        self._registered(environment_id, name)
        return environment.extension_id(name), environment.function

    def extension_next(
        self, environment_id: str, extension_id: str, connection: HttpConnection
    ) -> RefuseRuntime | None:
        waiting = self._waiting[environment_id]
        before = waiting.get(extension_id)
        waiting[extension_id] = connection
        refusal = self._driver.perform(self._driver.core.extension_next(environment_id, extension_id))
        if refusal is not None:
            del waiting[extension_id]
            if before is not None:
                waiting[extension_id] = before
        elif environment_id in self._shutdowns:
            self._tell(environment_id, extension_id)
        self._driver.freeze_soon(environment_id)
        return refusal

    def extension_error(
        self, environment_id: str, extension_id: str, state: str, error_type: str
    ) -> RefuseRuntime | None:
        core = self._driver.core
        return self._driver.perform(core.extension_error(environment_id, extension_id, state, error_type))

    # --- what the driver says ------------------------------------------------------------------------

    def started(self, environment_id: str, names: list[str]) -> None:
        """External extensions were started; the runtime waits until all of them have registered."""
        self._external[environment_id] = set(names)
        self._unregistered[environment_id] = set(names)
        self._driver.core.extensions_launched(environment_id, names)
        if not names:
            self._release(environment_id)

    def not_launched(self, environment_id: str, name: str, reason: str) -> None:
        """A file of ``/opt/extensions`` cannot be executed."""
        self._driver.perform(self._driver.core.extension_not_launched(environment_id, name, reason))

    def exited(self, environment_id: str, exit_: Exit) -> None:
        """The process of an external extension ended; unless the environment shuts down, that ends the environment."""
        self._driver.perform(self._driver.core.extension_exited(environment_id, exit_))

    def tell(self, action: TellExtensions) -> None:
        """Write into the log, and into the telemetry of those who subscribed, what became of each in an init."""
        for status in action.statuses:
            self._driver.function_logs.write(WriteLog(action.environment, status.line(), status))
            self._driver.telemetry.extension_settled(action.environment.environment_id, status)

    def deliver(self, action: DeliverEvent) -> None:
        waiting = self._waiting[action.environment.environment_id]
        event = extensions.invoke_event(action.invocation, int(action.deadline * 1000))
        for each in action.extensions:
            extensions.deliver(waiting.pop(each.extension_id), each.extension_id, event)

    def shut_down(self, action: ShutdownEnvironment) -> None:
        """Tell those that wait and want to know; one that is still at work finds it when it asks next."""
        environment = action.environment
        deadline_ms = int(self._driver.clock.now() * 1000) + action.grace_ms
        environment_id = environment.environment_id
        self._shutdowns[environment_id] = extensions.shutdown_event(action.reason, deadline_ms)
        for extension_id in list(self._waiting[environment_id]):
            self._tell(environment_id, extension_id)

    def _tell(self, environment_id: str, extension_id: str) -> None:
        environment = self._driver.core.pool.environments.get(environment_id)
        registered = environment.extensions.get(extension_id) if environment is not None else None
        told = self._told[environment_id]
        if registered is not None and extension.SHUTDOWN in registered.events and extension_id not in told:
            told.add(extension_id)
            connection = self._waiting[environment_id].pop(extension_id)
            extensions.deliver(connection, extension_id, self._shutdowns[environment_id])

    def forget(self, environment_id: str) -> None:
        """The environment's processes are gone, or about to be."""
        self._waiting.pop(environment_id, None)
        self._external.pop(environment_id, None)
        self._shutdowns.pop(environment_id, None)
        self._told.pop(environment_id, None)
        self._unregistered.pop(environment_id, None)

    def _registered(self, environment_id: str, name: str) -> None:
        missing = self._unregistered.get(environment_id)
        if missing is not None:
            missing.discard(name)
            if not missing:
                self._release(environment_id)

    def _release(self, environment_id: str) -> None:
        self._unregistered.pop(environment_id, None)
        environments = self._driver.environments
        assert environments is not None
        environments.release_runtime(environment_id)
