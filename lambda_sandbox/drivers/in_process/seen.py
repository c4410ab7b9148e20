"""What is seen of what runs in this interpreter: logs, history, metrics and traces."""

from __future__ import annotations

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.drivers.xray import XRay
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.messages import FaultMet, Invocation, Record, WriteLog
from lambda_sandbox.telemetry import system_logs
from lambda_sandbox.telemetry.application_logs import ApplicationLogs
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import FUNCTION, PLATFORM, LogStore, Written
from lambda_sandbox.telemetry.traces_header import SAMPLED


class Seen:
    """``seed`` fixes which requests X-Ray samples."""

    def __init__(self, clock: ManualClock, seed: int | None) -> None:
        self._clock = clock
        self.logs = LogStore()
        self.history = History()
        self.cloudwatch = CloudWatch(clock)
        self.xray = XRay(seed)
        self.application_logs = ApplicationLogs()

    def clear(self) -> None:
        self.logs.clear()
        self.history.clear()
        self.cloudwatch.clear()
        self.xray.clear()

    def record(self, action: Record) -> None:
        self.history.record(action.record)
        self.cloudwatch.record(action.record, action.share)
        if SAMPLED in action.record.invocation.trace_header:
            self.xray.of_lambda.record(action.record)

    def fault_met(self, action: FaultMet) -> None:
        self.history.fault(
            self._clock.now(), action.kind, action.request_id, action.function_name, action.why
        )

    def output(self, environment: Environment, data: bytes) -> None:
        """Keep what a function printed."""
        self._append(environment, self.application_logs.kept(environment, data))
        self.cloudwatch.output(environment.function, environment.log_stream, data)

    def write_log(self, action: WriteLog) -> None:
        """Keep one of the platform's lines."""
        environment = action.environment
        if isinstance(action.about, Invocation):
            self.logs.begin_invocation(environment.log_group, environment.log_stream)
        self._append(environment, self.application_logs.rest(environment.environment_id))
        line = system_logs.made_of(action) or system_logs.written(action, self._clock.now())
        self._append(environment, line, PLATFORM)

    def forget_stream(self, log_stream: str) -> None:
        self.logs.forget_stream(log_stream)
        self.cloudwatch.forget_stream(log_stream)

    def tail(self, environment: Environment | None) -> str:
        """Return the last of an environment's log in base64, empty for one that is gone."""
        return self.logs.tail(environment.log_stream) if environment is not None else ""

    def _append(self, environment: Environment, data: Written, writer: str = FUNCTION) -> None:
        if data:
            now = self._clock.now()
            self.logs.write(environment.log_group, environment.log_stream, data, now, writer)
            self.history.neighbours.logged_line(now, environment.function.function_name, data)
