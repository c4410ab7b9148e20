"""The Telemetry API's streams: what the driver sees happen, told to the extensions that subscribed."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_sandbox.drivers.telemetry_subscriber import Subscriber
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.extension import ExtensionStatus
from lambda_sandbox.invocation.messages import (
    DeliverEvent,
    InvocationRecord,
    RefuseRuntime,
    Subscribed,
    WriteLog,
)
from lambda_sandbox.runtime_api.telemetry import EXTENSION, FUNCTION, PLATFORM, Subscription
from lambda_sandbox.telemetry import platform_events

if TYPE_CHECKING:
    from lambda_sandbox.drivers.server import ServerDriver

_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."


@dataclass(slots=True)
class _Streams:
    """One environment's subscribers by extension id, and what they have been told."""

    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    runtime_ready: bool = False
    reported: bool = False
    done_request: str = ""


class TelemetryStreams:
    """Costs one look at ``active`` while nobody subscribes. One belongs to the driver; it is the Telemetry API's host."""

    def __init__(self, driver: ServerDriver) -> None:
        self._driver = driver
        self.active: dict[str, _Streams] = {}

    # --- TelemetryHost -------------------------------------------------------------------------------

    def subscribe(
        self, environment_id: str, extension_id: str, subscription: Subscription
    ) -> RefuseRuntime | None:
        environment = self._driver.core.pool.environments.get(environment_id)
        extension = environment.extensions.get(extension_id) if environment is not None else None
        if environment is None or extension is None:
            return RefuseRuntime(403, "Extension.UnknownExtensionIdentifier", "no such extension")
        if environment.state not in (State.INIT, State.RESTORE):
            message = "subscriptions are taken during init only"
            return RefuseRuntime(403, "Telemetry.SubscriptionClosed", message)
        environments = self._driver.environments
        assert environments is not None
        streams = self.active.setdefault(environment_id, _Streams())
        before = streams.subscribers.pop(extension_id, None)
        if before is not None:
            before.close()
        connect = functools.partial(environments.connect, environment_id)
        streams.subscribers[extension_id] = Subscriber(subscription, connect, self._dropped)
        kind, record = platform_events.init_start(environment)
        if PLATFORM in subscription.types:
            started = platform_events.encoded(kind, record, environment.started_at)
            streams.subscribers[extension_id].put(started)
        told = Subscribed(extension.name, subscription.types)
        self._driver.function_logs.write(WriteLog(environment, told.line(), told))
        self._platform(environment_id, *platform_events.subscribed(told))
        # The runtime may have been quicker than this extension.
        if environment.state is State.INIT and environment.runtime_waits:
            self.runtime_ready(environment)
        return None

    # --- what the driver sees ------------------------------------------------------------------------

    def extension_settled(self, environment_id: str, status: ExtensionStatus) -> None:
        """Init is over, and this is what became of an extension."""
        if environment_id in self.active:
            self._platform(environment_id, *platform_events.extension(status))

    def runtime_ready(self, environment: Environment, status: str = "success", error_type: str = "") -> None:
        """The runtime has finished its init, well or not."""
        streams = self.active.get(environment.environment_id)
        if streams is None or streams.runtime_ready:
            return
        streams.runtime_ready = True
        kind, record = platform_events.init_runtime_done(environment, status, error_type)
        self._platform(environment.environment_id, kind, record)
        if status != "success":
            self._report_init(environment, streams, status)

    def delivered(self, action: DeliverEvent) -> None:
        environment = action.environment
        streams = self.active.get(environment.environment_id)
        if streams is not None:
            self._report_init(environment, streams, "success")
            record = platform_events.start(action.invocation)
            self._platform(environment.environment_id, "platform.start", record)

    def runtime_done(self, environment_id: str, request_id: str, size: int, error_type: str = "") -> None:
        """The runtime answered its event with ``size`` bytes, or with an error."""
        streams = self.active.get(environment_id)
        environment = self._driver.core.pool.environments.get(environment_id)
        if streams is None or environment is None or environment.state is not State.INVOKE:
            return
        invocation = environment.invocation
        if invocation is None or invocation.request_id != request_id or streams.done_request == request_id:
            return
        streams.done_request = request_id
        record = platform_events.runtime_done(
            invocation,
            "error" if error_type else "success",
            environment.invoke_started_at,
            self._driver.clock.now(),
            size,
            error_type,
        )
        self._platform(environment_id, "platform.runtimeDone", record)

    def recorded(self, done: InvocationRecord) -> None:
        """An invocation is over, with its REPORT line."""
        streams = self.active.get(done.environment_id)
        if streams is None or done.report is None:
            return
        if streams.done_request != done.invocation.request_id:
            status = platform_events.runtime_status(done)
            record = platform_events.runtime_done(
                done.invocation, status, done.started_at, done.ended_at, None, done.error_type
            )
            self._platform(done.environment_id, "platform.runtimeDone", record)
        environment = self._driver.core.pool.environments.get(done.environment_id)
        notice = environment.runtime_notice if environment is not None else ""
        self._platform(done.environment_id, "platform.report", platform_events.report(done, notice))

    def function_output(self, environment: Environment, data: bytes) -> None:
        self._lines(environment, FUNCTION, data)

    def extension_output(self, environment: Environment, data: bytes) -> None:
        self._lines(environment, EXTENSION, data)

    def flush(self, environment_id: str) -> None:
        """The environment is about to shut down: what waits for a fuller batch goes now."""
        streams = self.active.get(environment_id)
        for subscriber in streams.subscribers.values() if streams is not None else ():
            subscriber.flush()

    def forget(self, environment_id: str) -> None:
        """The environment's processes are gone, or about to be."""
        streams = self.active.pop(environment_id, None)
        for subscriber in streams.subscribers.values() if streams is not None else ():
            subscriber.close()

    # --- parts ---------------------------------------------------------------------------------------

    def _report_init(self, environment: Environment, streams: _Streams, status: str) -> None:
        if streams.reported:
            return
        streams.reported = True
        ended_at = environment.ready_at or self._driver.clock.now()
        took_ms = (ended_at - environment.started_at) * 1000.0
        kind, record = platform_events.init_report(environment, took_ms, status)
        self._platform(environment.environment_id, kind, record)

    def _lines(self, environment: Environment, stream: str, data: bytes) -> None:
        if environment.environment_id in self.active:
            as_json = environment.function.log_format.upper() == "JSON" and stream == FUNCTION
            for record in platform_events.log_lines(data, as_json):
                self._tell(environment.environment_id, stream, stream, record)

    def _platform(self, environment_id: str, kind: str, record: Any) -> None:
        self._tell(environment_id, PLATFORM, kind, record)

    def _tell(self, environment_id: str, stream: str, kind: str, record: Any) -> None:
        event = platform_events.encoded(kind, record, self._driver.clock.now())
        for subscriber in self.active[environment_id].subscribers.values():
            if stream in subscriber.subscription.types:
                subscriber.put(event)

    def _dropped(self, records: int, size: int) -> bytes:
        record = {"reason": _BEHIND, "droppedRecords": records, "droppedBytes": size}
        return platform_events.encoded("platform.logsDropped", record, self._driver.clock.now())
