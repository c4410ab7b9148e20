"""The core: a state machine without I/O. Signals go in as method calls, actions come out as lists.

It owns no thread, socket, process or wall clock. Whoever drives it, a server or a notebook's own interpreter, gets the
same decisions for the same signals at the same times.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from hashlib import blake2b

from lambda_sandbox import quotas
from lambda_sandbox.clock import Clock
from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import async_queue, failures
from lambda_sandbox.invocation.environment import Environment, Signal, State, WrongState
from lambda_sandbox.invocation.failures import Failure
from lambda_sandbox.invocation.messages import (
    Action,
    Complete,
    DeliverEvent,
    ForgetEvent,
    Invocation,
    InvocationRecord,
    InvocationResult,
    InvocationType,
    Record,
    RefuseRuntime,
    SetTimer,
    StartEnvironment,
    Status,
    StopEnvironment,
    StoreEvent,
    WriteLog,
)
from lambda_sandbox.invocation.pool import Pool
from lambda_sandbox.invocation.report import Report
from lambda_sandbox.resources import Exit, FunctionConfiguration

_WATCHDOG, _QUEUE, _IDLE = "watchdog", "queue", "idle"


class Core:
    """Decides what runs where and when.

    ``account_limit`` is concurrent executions; ``idle_lifetime_s`` is how long an unused environment is kept
    (POLICY: AWS documents no number). ``seed`` makes environment ids repeatable.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        account_limit: int = quotas.ACCOUNT_CONCURRENCY,
        idle_lifetime_s: float = 300.0,
        seed: str = "",
    ) -> None:
        self._clock = clock
        self._idle_lifetime_s = idle_lifetime_s
        self._seed = seed.encode()
        self._numbers = itertools.count(1)
        self.pool = Pool(account_limit)
        self.queue = async_queue.AsyncQueue()
        self._queue_timer: float | None = None
        self._idle_timer_set = False

    # --- signals from callers ------------------------------------------------------------------------

    def invoke(self, invocation: Invocation) -> list[Action]:
        """A caller arrived. An ``Event`` is stored and acknowledged first, then run like any other."""
        if invocation.invocation_type is not InvocationType.EVENT:
            return self._run(invocation)
        accepted = InvocationResult(invocation.request_id, b"", invocation.function.version, status_code=202)
        return [StoreEvent(invocation), Complete(invocation, accepted), *self._run(invocation)]

    def restore_event(self, invocation: Invocation) -> list[Action]:
        """An asynchronous event found in the store after a restart: run it when it is due."""
        self.queue.put(invocation, invocation.due_at)
        return self._arm_queue()

    def retire(self, function_arn: str, replacement: FunctionConfiguration | None) -> list[Action]:
        """A function's code or configuration changed: no old environment serves another event, no event runs old code.

        ``replacement`` is what it is now, ``None`` when it was deleted; then its waiting events go too.
        """
        actions: list[Action] = []
        deleted = replacement is None
        for environment in self.pool.of_function(function_arn):
            if environment.state in (State.IDLE, State.RESET):
                actions += self._stop(environment, "function deleted" if deleted else "function updated")
            else:
                environment.retiring = True
        if replacement is None:
            return actions + [
                ForgetEvent(event.request_id) for event in self.queue.forget_function(function_arn)
            ]
        self.queue.replace_function(replacement)
        return actions

    def stop_all(self, reason: str) -> list[Action]:
        """Stop every environment; callers that still wait get the failure of a process that ended."""
        actions: list[Action] = []
        for environment in list(self.pool.environments.values()):
            if environment.invocation is not None:
                actions += self._finish_failed(
                    environment, self._exit_failure(environment, Exit(signal=9)), 0
                )
            if environment.state is not State.STOPPED:
                actions += self._stop(environment, reason)
        return actions

    # --- signals from the runtime --------------------------------------------------------------------

    def runtime_next(self, environment_id: str) -> list[Action]:
        """The runtime asks for an event: its init is done, or it is ready again."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        first = environment.state is State.INIT
        try:
            environment.move(Signal.NEXT)
        except WrongState as reason:
            return [RefuseRuntime(403, "InvalidStateTransition", str(reason))]
        now = self._clock.now()
        environment.idle_since = now
        if first:
            environment.ready_at = now
            if environment.init_attempt == 1:
                environment.init_duration_ms = (now - environment.started_at) * 1000.0
        if environment.invocation is not None:
            return self._deliver(environment)
        if environment.retiring:
            return self._stop(environment, "function updated")
        self.pool.give_back(environment)
        actions = self._run_waiting(environment.function) if len(self.queue) else []
        return actions if self._idle_timer_set else actions + self._arm_idle()

    def runtime_response(
        self, environment_id: str, request_id: str, payload: bytes, max_memory_mb: int
    ) -> list[Action]:
        """The runtime posts what the handler returned."""
        environment = self.pool.environments.get(environment_id)
        refusal = self._refuse_answer(environment, request_id)
        if refusal is not None or environment is None:
            return [refusal] if refusal is not None else []
        if len(payload) > quotas.SYNC_PAYLOAD_BYTES:
            environment.move(Signal.ANSWER)
            limit = f"Exceeded maximum allowed payload size ({quotas.SYNC_PAYLOAD_BYTES} bytes)."
            failure = failures.response_too_large(len(payload))
            return [
                *self._finish_failed(environment, failure, max_memory_mb),
                RefuseRuntime(413, "RequestEntityTooLarge", limit),
            ]
        environment.move(Signal.ANSWER)
        return self._finish(environment, payload, None, max_memory_mb)

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str, max_memory_mb: int
    ) -> list[Action]:
        """The runtime posts that the handler failed. The environment lives on."""
        environment = self.pool.environments.get(environment_id)
        refusal = self._refuse_answer(environment, request_id)
        if refusal is not None or environment is None:
            return [refusal] if refusal is not None else []
        environment.move(Signal.ANSWER)
        return self._finish_failed(environment, failures.reported(payload, error_type), max_memory_mb)

    def runtime_init_error(self, environment_id: str, payload: bytes, error_type: str) -> list[Action]:
        """The runtime posts that it could not load the function."""
        environment = self.pool.environments.get(environment_id)
        if environment is None:
            return []
        if environment.state is not State.INIT:
            return [RefuseRuntime(403, "InvalidStateTransition", "init is over")]
        return self._init_failed(environment, failures.reported(payload, error_type), 0)

    def environment_exited(self, environment_id: str, exit_: Exit, max_memory_mb: int) -> list[Action]:
        """An environment's process ended without being told to."""
        environment = self.pool.environments.get(environment_id)
        if environment is None or environment.state in (State.RESET, State.STOPPED):
            return []
        if environment.state is State.INIT:
            return self._init_failed(environment, self._exit_failure(environment, exit_), max_memory_mb)
        if environment.state is State.IDLE:
            return self._stop(environment, "exited while idle")
        failed = environment.state is State.INVOKE
        environment.move(Signal.FAIL)
        actions: list[Action] = [StopEnvironment(environment, keep_tmp=True)]
        if environment.invocation is not None and not failed:
            return actions + self._restart(environment, "cold: the environment ended after its last answer")
        if failed:
            if exit_.out_of_memory:
                max_memory_mb = environment.function.memory_mb
            actions = (
                self._finish_failed(environment, self._exit_failure(environment, exit_), max_memory_mb)
                + actions
            )
        return actions + self._after_reset(environment)

    # --- time ----------------------------------------------------------------------------------------

    def timer_fired(self, key: tuple[str, str]) -> list[Action]:
        """A timer that was set has come. One that is no longer needed does nothing."""
        kind, environment_id = key
        if kind == _WATCHDOG:
            environment = self.pool.environments.get(environment_id)
            return self._watchdog(environment) if environment is not None else []
        if kind == _QUEUE:
            self._queue_timer = None
            return self._run_due()
        self._idle_timer_set = False
        return self._stop_idle()

    # --- running -------------------------------------------------------------------------------------

    def _run(self, invocation: Invocation) -> list[Action]:
        try:
            self.pool.reserve(invocation.function)
        except TooManyRequestsException as throttle:
            return self._throttled(invocation, throttle)
        environment = self.pool.take(invocation.function)
        if environment is None:
            return self._start(invocation)
        environment.invocation = invocation
        if environment.state is State.RESET:
            return self._restart(
                environment, "reset: the process had ended, so init runs again; /tmp was kept"
            )
        now = self._clock.now()
        environment.cold = False
        if environment.state is State.ANSWERED:
            # The last caller has its answer, the runtime is on its way to ask: a sequential caller stays warm.
            environment.why = "warm: the environment had just answered"
            return self._watch(environment, now + environment.function.timeout_s)
        environment.why = (
            f"warm: the environment used last had been idle for {now - environment.idle_since:.3f} s"
        )
        return self._deliver(environment)

    def _throttled(self, invocation: Invocation, throttle: TooManyRequestsException) -> list[Action]:
        now = self._clock.now()
        why = f"throttled: {throttle.members['Reason']}"
        record = InvocationRecord(invocation, "", Status.THROTTLE, now, now, None, throttle.code, False, why)
        if invocation.invocation_type is not InvocationType.EVENT:
            return [Record(record), Complete(invocation, error=throttle)]
        if now - invocation.arrived_at >= quotas.ASYNC_EVENT_AGE_S_MAX:
            record.why += "; the event passed its maximum age and is dropped"
            return [Record(record), ForgetEvent(invocation.request_id)]
        invocation.throttles += 1
        self.queue.put(invocation, now + async_queue.throttle_wait_s(invocation.throttles))
        return [Record(record), StoreEvent(invocation), *self._arm_queue()]

    def _start(self, invocation: Invocation) -> list[Action]:
        now = self._clock.now()
        number = next(self._numbers)
        identity = blake2b(f"{number} {now}".encode(), key=self._seed[:64], digest_size=16).hexdigest()
        day = datetime.fromtimestamp(now, UTC)
        environment = Environment(
            environment_id=identity,
            function=invocation.function,
            log_stream=f"{day:%Y/%m/%d}/[{invocation.function.version}]{identity}",
            started_at=now,
            invocation=invocation,
            why="cold: no free environment of this version",
        )
        self.pool.add(environment)
        actions: list[Action] = [
            StartEnvironment(environment),
            WriteLog(environment, self._init_start(environment)),
        ]
        return actions + self._watch(environment, now + quotas.INIT_TIMEOUT_S)

    def _restart(self, environment: Environment, why: str) -> list[Action]:
        """Init again within the invocation: under the function's timeout, and not shown as Init Duration."""
        now = self._clock.now()
        environment.move(Signal.RESTART)
        environment.init_attempt = 2
        environment.started_at = now
        environment.invoke_started_at = now
        environment.init_duration_ms = None
        environment.cold = True
        environment.why = why
        environment.resets.append(now)
        return [
            StartEnvironment(environment),
            *self._watch(environment, now + environment.function.timeout_s),
        ]

    def _deliver(self, environment: Environment) -> list[Action]:
        invocation = environment.invocation
        assert invocation is not None
        environment.move(Signal.DELIVER)
        environment.invocations += 1
        now = self._clock.now()
        if environment.init_attempt == 2 and environment.cold:
            deadline = environment.deadline  # the second init already spent some of the function's time
        else:
            environment.invoke_started_at = now
            deadline = now + invocation.function.timeout_s
        start = f"START RequestId: {invocation.request_id} Version: {invocation.function.version}"
        actions: list[Action] = [
            WriteLog(environment, start),
            DeliverEvent(environment, invocation, deadline),
        ]
        return actions + self._watch(environment, deadline)

    def _watch(self, environment: Environment, deadline: float) -> list[Action]:
        """Arm one timer an environment, not one an invocation: a watchdog that comes early looks again later."""
        environment.deadline = deadline
        if environment.watchdog_at and environment.watchdog_at <= deadline:
            return []
        environment.watchdog_at = deadline
        return [SetTimer((_WATCHDOG, environment.environment_id), deadline)]

    def _watchdog(self, environment: Environment) -> list[Action]:
        environment.watchdog_at = 0.0
        if environment.invocation is None or environment.state is State.STOPPED:
            return []
        if self._clock.now() < environment.deadline:
            return self._watch(environment, environment.deadline)
        invocation = environment.invocation
        assert invocation is not None
        failure = failures.timed_out(invocation.request_id, environment.function.timeout_s, self._timestamp())
        if environment.state is State.INIT:
            return self._init_failed(environment, failure, 0)
        if environment.state is State.ANSWERED:
            environment.move(Signal.FAIL)
            stop = StopEnvironment(environment, keep_tmp=True)
            return [stop, *self._restart(environment, "cold: the runtime never asked for another event")]
        environment.move(Signal.FAIL)
        actions = self._finish_failed(environment, failure, 0)
        return [*actions, StopEnvironment(environment, keep_tmp=True), *self._after_reset(environment)]

    # --- ends ----------------------------------------------------------------------------------------

    def _init_failed(self, environment: Environment, failure: Failure, max_memory_mb: int) -> list[Action]:
        """AWS: a failed or slow init is repeated once, as part of the first invocation and under its timeout."""
        environment.move(Signal.FAIL)
        stop = StopEnvironment(environment, keep_tmp=True)
        phase = "init" if environment.init_attempt == 1 else "invoke"
        took_ms = (self._clock.now() - environment.started_at) * 1000.0
        text = f"INIT_REPORT Init Duration: {took_ms:.2f} ms\tPhase: {phase}\tStatus: {failure.status}"
        if failure.report_error_type:
            text += f"\tError Type: {failure.report_error_type}"
        if environment.init_attempt == 1:
            actions: list[Action] = [stop, WriteLog(environment, text)]
            return actions + self._restart(environment, f"cold: the first init ended with {failure.status}")
        invocation = environment.invocation
        assert invocation is not None
        start = f"START RequestId: {invocation.request_id} Version: {invocation.function.version}"
        actions = [WriteLog(environment, text), WriteLog(environment, start)]
        actions += self._finish_failed(environment, failure, max_memory_mb)
        return [*actions, stop, *self._after_reset(environment)]

    def _after_reset(self, environment: Environment) -> list[Action]:
        environment.idle_since = self._clock.now()
        if environment.retiring:
            return self._stop(environment, "function updated")
        self.pool.give_back(environment)
        return self._run_waiting(environment.function) + self._arm_idle()

    def _finish_failed(self, environment: Environment, failure: Failure, max_memory_mb: int) -> list[Action]:
        actions: list[Action] = [WriteLog(environment, failure.log)] if failure.log else []
        return actions + self._finish(environment, failure.payload, failure, max_memory_mb)

    def _finish(
        self, environment: Environment, payload: bytes, failure: Failure | None, max_memory_mb: int
    ) -> list[Action]:
        invocation = environment.invocation
        assert invocation is not None
        environment.invocation = None
        function = invocation.function
        self.pool.release(function)
        now = self._clock.now()
        duration_ms = (now - environment.invoke_started_at) * 1000.0
        if failure is not None and failure.status == Status.TIMEOUT:
            duration_ms = function.timeout_s * 1000.0  # POLICY: AWS's samples show this, and a few ms more
        report = Report(
            invocation.request_id,
            round(duration_ms, 2),
            function.memory_mb,
            max_memory_mb,
            None if environment.init_duration_ms is None else round(environment.init_duration_ms, 2),
            failure.status if failure else "success",
            failure.report_error_type if failure else "",
        )
        environment.init_duration_ms = None
        if environment.state is State.ANSWERED and not environment.retiring:
            self.pool.give_back(environment)
        record = InvocationRecord(
            invocation=invocation,
            environment_id=environment.environment_id,
            status=Status(report.status),
            started_at=environment.invoke_started_at,
            ended_at=now,
            report=report,
            error_type=report.error_type,
            cold=environment.cold,
            why=environment.why,
        )
        end = f"END RequestId: {invocation.request_id}\n{report.line()}"
        actions: list[Action] = [WriteLog(environment, end)]
        if invocation.invocation_type is InvocationType.EVENT:
            actions += self._event_done(invocation, record, failed=failure is not None)
        else:
            error = "Unhandled" if failure else None
            result = InvocationResult(
                invocation.request_id,
                payload,
                function.version,
                error,
                200,
                report,
                environment.environment_id,
            )
            actions.append(Complete(invocation, result))
        actions.append(Record(record))
        return actions

    def _event_done(self, event: Invocation, record: InvocationRecord, *, failed: bool) -> list[Action]:
        """POLICY: one event may run while another waits; order is not promised, as on AWS."""
        wait_s = async_queue.retry_wait_s(event.attempt) if failed else None
        if wait_s is None:
            if failed:
                record.why += f"; attempt {event.attempt} was the last, the event is dropped"
            return [ForgetEvent(event.request_id)]
        record.why += f"; attempt {event.attempt} failed, next try in {wait_s:.0f} s"
        again = Invocation(
            event.request_id, event.function, event.payload, event.arrived_at, event.invocation_type,
            event.client_context, event.trace_header, event.attempt + 1, invoked_arn=event.invoked_arn,
            tenant_id=event.tenant_id, cognito_identity=event.cognito_identity,
        )  # fmt: skip
        self.queue.put(again, self._clock.now() + wait_s)
        return [StoreEvent(again), *self._arm_queue()]

    def _stop(self, environment: Environment, reason: str) -> list[Action]:
        environment.move(Signal.RETIRE)
        environment.stopped_at = self._clock.now()
        environment.stop_reason = reason
        self.pool.remove(environment)
        return [StopEnvironment(environment, keep_tmp=False)]

    def _exit_failure(self, environment: Environment, exit_: Exit) -> Failure:
        invocation = environment.invocation
        assert invocation is not None
        return failures.exited(invocation.request_id, exit_)

    def _refuse_answer(self, environment: Environment | None, request_id: str) -> RefuseRuntime | None:
        if environment is None:
            return RefuseRuntime(403, "InvalidStateTransition", "this environment is gone")
        if environment.state is not State.INVOKE:
            return RefuseRuntime(
                403, "InvalidStateTransition", f"no event is out; the state is {environment.state}"
            )
        invocation = environment.invocation
        if invocation is None or invocation.request_id != request_id:
            return RefuseRuntime(400, "InvalidRequestID", f"{request_id} is not the event that is out")
        return None

    # --- the queue and the idle ----------------------------------------------------------------------

    def _run_waiting(self, function: FunctionConfiguration) -> list[Action]:
        """Concurrency came free: events that only waited because of a throttle need not wait out their backoff."""
        now = self._clock.now()
        waiting = self.queue.throttled(function.arn)
        if waiting is None:
            return []
        waiting.due_at = now
        return self._run_due()

    def _run_due(self) -> list[Action]:
        actions: list[Action] = []
        for event in self.queue.take_due(self._clock.now()):
            actions += self._run(event)
        return actions + self._arm_queue()

    def _arm_queue(self) -> list[Action]:
        due = self.queue.next_due()
        if due is None or (self._queue_timer is not None and self._queue_timer <= due):
            return []
        self._queue_timer = due
        return [SetTimer((_QUEUE, ""), due)]

    def _arm_idle(self) -> list[Action]:
        oldest = self.pool.oldest_idle()
        if oldest is None or self._idle_timer_set:
            return []
        self._idle_timer_set = True
        return [SetTimer((_IDLE, ""), oldest + self._idle_lifetime_s)]

    def _stop_idle(self) -> list[Action]:
        actions: list[Action] = []
        for environment in self.pool.idle_before(self._clock.now() - self._idle_lifetime_s):
            actions += self._stop(environment, f"idle for {self._idle_lifetime_s:.0f} s")
        return actions + self._arm_idle()

    def _init_start(self, environment: Environment) -> str:
        function = environment.function
        # DIFFERS: AWS names the build of its managed runtime here; ours has no such ARN.
        return f"INIT_START Runtime Version: {function.runtime}.sandbox\tRuntime Version ARN: none (local sandbox)"

    def _timestamp(self) -> str:
        moment = datetime.fromtimestamp(self._clock.now(), UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
