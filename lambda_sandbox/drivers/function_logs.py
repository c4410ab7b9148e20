"""What goes into the functions' logs: what they and their extensions print, and the platform's lines, in their true order."""

from __future__ import annotations

from collections.abc import Callable

from lambda_sandbox.clock import Clock
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.messages import Invocation, WriteLog
from lambda_sandbox.telemetry import system_logs
from lambda_sandbox.telemetry.application_logs import ApplicationLogs
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import EXTENSION, FUNCTION, PLATFORM, LogStore


class FunctionLogs:
    """``read(environment_id)`` returns what was printed and nobody has taken yet; ``heard(environment, data)`` hears of it."""

    def __init__(
        self,
        clock: Clock,
        store: LogStore,
        history: History,
        cloudwatch: CloudWatch,
        read: Callable[[str], bytes],
        heard: Callable[[Environment, bytes], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._usage = history.neighbours
        self._metrics = cloudwatch.in_logs
        self._read = read
        self._heard = heard
        self._application_logs = ApplicationLogs()

    def write(self, action: WriteLog) -> None:
        """Write the platform's line. What the handler printed before it answered is in the pipe by now and belongs before it."""
        environment = action.environment
        if type(action.about) is Invocation:
            if environment.invocations == 1:
                self.drain(environment)  # what init printed
            self._store.begin_invocation(environment.log_group, environment.log_stream)
        else:
            # Before the first line comes nothing, whatever a quick init has printed by now.
            if not action.line.startswith("INIT_START"):
                self.drain(environment)
        now = self._clock.now()
        line = system_logs.made_of(action)
        if line is None:
            self._append(environment, system_logs.written(action, now), PLATFORM)
            return
        # It is made once somebody reads it: nobody waits until it is.
        self._store.write(environment.log_group, environment.log_stream, line, now)
        self._usage.logged_line(now, environment.function.function_name, line)

    def say(self, environment: Environment, sentence: str) -> None:
        """Write a line of the sandbox's own."""
        self._append(environment, f"{sentence}\n".encode(), PLATFORM)

    def printed(self, environment: Environment, data: bytes) -> None:
        """Take what the function has printed."""
        self._append(environment, self._application_logs.kept(environment, data))
        self._metrics.output(environment.function, environment.log_stream, data)
        self._heard(environment, data)

    def extension_printed(self, environment: Environment, data: bytes) -> None:
        self._append(environment, data, EXTENSION)

    def drain(self, environment: Environment) -> None:
        """Take all that the function has printed by now."""
        data = self._read(environment.environment_id)
        if data:
            self.printed(environment, data)
        if self._application_logs.begun:
            self._append(environment, self._application_logs.rest(environment.environment_id))

    def _append(self, environment: Environment, data: bytes, writer: str = FUNCTION) -> None:
        if data:
            now = self._clock.now()
            self._store.write(environment.log_group, environment.log_stream, data, now, writer)
            self._usage.logged(now, environment.function.function_name, len(data))
