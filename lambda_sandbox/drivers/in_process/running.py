"""Carries out what the core decides: one piece of work after the other, each in this interpreter, timers when they are due."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lambda_sandbox import errors
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.config import Config
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.drivers.destinations import Forward, event_for
from lambda_sandbox.drivers.in_process.interpreter import Answer, Interpreter, runtime_notice
from lambda_sandbox.drivers.in_process.seen import Seen
from lambda_sandbox.drivers.in_process.sending import Sending
from lambda_sandbox.drivers.promises import Promises
from lambda_sandbox.invocation import async_queue, messages
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import Action, Complete, Invocation, InvocationType
from lambda_sandbox.telemetry.application_logs import ApplicationLogs
from lambda_sandbox.telemetry.traces_header import SAMPLED

_MEMORY_MB = 0  # not measured; see MISSING


@dataclass(slots=True, eq=False)
class _Work:
    """Something that an environment's runtime does next."""

    environment: Environment
    run: Callable[[], None]


class Running:
    """Time stands still but for what handlers compute and sleep, and for who moves ``clock``."""

    def __init__(
        self, config: Config, clock: ManualClock, plane: ControlPlane, seen: Seen, forward: Forward
    ) -> None:
        self._config = config
        self._clock = clock
        self._plane = plane
        self._seen = seen
        self._forward = forward
        self._carry_out: dict[type, Callable[[Any], None]] = {
            messages.StartEnvironment: self._start_environment,
            messages.DeliverEvent: self._deliver_event,
            messages.StopEnvironment: self._stop_environment,
            messages.StoreEvent: lambda action: plane.store.put_event(action.invocation),
            messages.ForgetEvent: lambda action: plane.store.forget_event(action.request_id),
            messages.Complete: self._complete,
            messages.SetTimer: self._set_timer,
            messages.WriteLog: seen.write_log,
            messages.Record: seen.record,
            messages.FreezeEnvironment: lambda action: clock.advance(action.seconds),
            messages.FaultMet: seen.fault_met,
            messages.SnapshotFailed: lambda action: (
                None
            ),  # there is no snapshot: the next cold start runs on demand
            messages.RefuseRuntime: _fail,
        }
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all environments, and what they were to do."""
        config = self._config
        self.core = Core(
            self._clock, account_limit=config.account_concurrency, idle_lifetime_s=config.idle_lifetime_s
        )
        self._seen.application_logs = ApplicationLogs()
        self._promises = Promises(self._plane.store, self.core)
        self._sending = Sending(self._clock, self._plane, self._seen, self._forward, self._invoke_event)
        self._seen.cloudwatch.notify = self._sending.alarms_changed
        self._interpreters: dict[str, Interpreter] = {}
        self._work: deque[_Work] = deque()
        self._timers: list[tuple[float, int, tuple[str, str]]] = []
        self._numbers = itertools.count()
        self._completed: dict[str, tuple[Complete, str]] = {}

    # --- for callers ---------------------------------------------------------------------------------

    def invoke(self, invocation: Invocation) -> tuple[Complete, str]:
        """Run until the caller has its answer, and return it with the log's tail; accepted events wait for ``run``."""
        self._fire_due()
        if invocation.invocation_type is InvocationType.EVENT:
            async_queue.configure(invocation, self._plane.event_invoke_config)
            self._seen.cloudwatch.of_lambda.event_received(invocation)
        self._seen.xray.of_lambda.sample(invocation)
        self._perform(self.core.invoke(invocation))
        while invocation.request_id not in self._completed:
            work = next((work for work in self._work if work.environment.invocation is invocation), None)
            if work is not None:
                self._run_next(work)
            else:  # a slow start, by a rule: there is nothing to do until it is over
                self._clock.move_to(self._timers[0][0])
                self._fire_due()
        return self._completed.pop(invocation.request_id)

    def run(self) -> None:
        """Run what can run now: accepted Event invokes and due retries. Time moves only by what handlers take."""
        self._fire_due()
        self._seen.cloudwatch.tick()
        while self._work:
            self._run_next(self._work[0])

    def next_due(self) -> float:
        """Return when something happens by itself: a timer of the core's fires, an alarm looks."""
        timer = self._timers[0][0] if self._timers else math.inf
        alarm = self._seen.cloudwatch.alarms.next_due()
        return timer if alarm is None else min(timer, alarm)

    def function_changed(self, function_arn: str) -> None:
        self._perform(self._promises.function_changed(function_arn))
        self._prepare()

    def provisioned_changed(self) -> None:
        self._perform(self._promises.provisioned_changed())
        self._prepare()

    def _prepare(self) -> None:
        """Initialise at once what is to be ready before anybody invokes it."""
        while work := next((work for work in self._work if work.environment.invocation is None), None):
            self._run_next(work)

    def _invoke_event(self, function_arn: str, payload: bytes, trace_header: str) -> None:
        """Invoke a function that is another's destination. Raises ``ApiError`` when there is none."""
        event = event_for(self._plane, self._clock, function_arn, payload, trace_header)
        async_queue.configure(event, self._plane.event_invoke_config)
        self._perform(self.core.invoke(event))
        self._completed.pop(event.request_id, None)

    # --- the runtime's side --------------------------------------------------------------------------

    def _run_next(self, work: _Work) -> None:
        self._work.remove(work)
        work.run()
        self._fire_due()

    def _fire_due(self) -> None:
        while self._timers and self._timers[0][0] <= self._clock.now():
            self._perform(self.core.timer_fired(heapq.heappop(self._timers)[2]))

    def _init(self, environment: Environment) -> None:
        identity, attempt = environment.environment_id, environment.init_attempt
        answer = self._interpreters[identity].init()
        self._fire_due()
        if environment.state not in (State.INIT, State.RESTORE) or environment.init_attempt != attempt:
            return  # init took too long: the core has gone on
        if answer is None:
            self._perform(self.core.runtime_next(identity))
        elif answer.exit is not None:
            self._perform(self.core.environment_exited(identity, answer.exit, _MEMORY_MB))
        else:
            self._perform(self.core.runtime_init_error(identity, answer.payload, answer.error_type or ""))

    def _deliver(self, environment: Environment, invocation: Invocation, deadline: float) -> None:
        if SAMPLED in invocation.trace_header:
            self._seen.xray.of_lambda.deliver(invocation)
        answer = self._interpreters[environment.environment_id].run(invocation, deadline)
        self._fire_due()
        if environment.invocation is not invocation:
            return  # timed out: the core has answered the caller
        self._post(environment.environment_id, invocation.request_id, answer)
        self._seen.xray.of_lambda.ready_again(environment.environment_id, self._clock.now())
        if environment.state is State.ANSWERED:
            self._perform(self.core.runtime_next(environment.environment_id))

    def _post(self, identity: str, request_id: str, answer: Answer) -> None:
        if answer.exit is not None:
            actions = self.core.environment_exited(identity, answer.exit, _MEMORY_MB)
        elif answer.error_type is not None:
            actions = self.core.runtime_error(
                identity, request_id, answer.payload, answer.error_type, _MEMORY_MB
            )
        else:
            actions = self.core.runtime_response(identity, request_id, answer.payload, _MEMORY_MB)
        self._perform(actions)

    # --- actions -------------------------------------------------------------------------------------

    def _perform(self, actions: list[Action]) -> None:
        """Carry out ``actions`` in order; what is for extensions, snapshots and shutdowns has nobody to hear it here."""
        for action in actions:
            carry_out = self._carry_out.get(type(action))
            if carry_out is not None:
                carry_out(action)
        for action in actions:
            if isinstance(action, messages.EventFinished):
                self._sending.event_finished(action)

    def _start_environment(self, action: messages.StartEnvironment) -> None:
        environment = action.environment
        self._seen.history.environment(environment)
        environment.runtime_notice = runtime_notice(environment.function.runtime)
        code = self._plane.code.directory(environment.function.code_sha256)
        self._interpreters[environment.environment_id] = Interpreter(
            environment, code, self._clock, lambda data: self._seen.output(environment, data)
        )
        self._later(environment, partial(self._init, environment))

    def _deliver_event(self, action: messages.DeliverEvent) -> None:
        environment = action.environment
        self._later(environment, partial(self._deliver, environment, action.invocation, action.deadline))

    def _later(self, environment: Environment, run: Callable[[], None]) -> None:
        self._work.append(_Work(environment, run))

    def _stop_environment(self, action: messages.StopEnvironment) -> None:
        environment = action.environment
        self._interpreters.pop(environment.environment_id, None)
        self._work = deque(work for work in self._work if work.environment is not environment)
        if not action.keep_tmp:
            self._seen.forget_stream(environment.log_stream)

    def _complete(self, action: Complete) -> None:
        invocation, result = action.invocation, action.result
        if invocation.invocation_type is InvocationType.EVENT and result is None:
            return
        environment = self.core.pool.environments.get(result.environment_id) if result else None
        self._completed[invocation.request_id] = (action, self._seen.tail(environment))

    def _set_timer(self, action: messages.SetTimer) -> None:
        heapq.heappush(self._timers, (action.at, next(self._numbers), action.key))


def _fail(action: messages.RefuseRuntime) -> None:
    raise errors.SandboxFault(f"the runtime was refused ({action.message}); please report it")
