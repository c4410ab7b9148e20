"""Plays callers, runtimes and the clock around the very core that the server uses: it decides, nothing is decided here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import (
    Action,
    DeliverEvent,
    EventFinished,
    Invocation,
    InvocationRecord,
    InvocationType,
    Record,
    RefuseRuntime,
    SetTimer,
    StartEnvironment,
)
from lambda_sandbox.simulation.measures import Measures
from lambda_sandbox.simulation.scenario import Scenario

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z: a fixed midnight, so that equal seeds give equal answers
_MEMORY_MB = 64  # what REPORT lines would show as used; it costs nothing
_ERROR = b'{"errorType":"Simulated","errorMessage":"this handler failed"}'


class Player:
    """One run of one scenario. ``clock`` stands still between the moments at which something happens.

    ``on_record`` is called with every attempt, throttled ones included, as it ends.
    """

    def __init__(
        self, scenario: Scenario, on_record: Callable[[InvocationRecord], None] | None = None
    ) -> None:
        scenario.check()
        self._on_record = on_record
        self.scenario = scenario
        self.function = scenario.function
        self.clock = ManualClock(START)
        self.core = Core(
            self.clock,
            account_limit=scenario.account_limit,
            idle_lifetime_s=scenario.keep_alive_s,
            seed=str(scenario.seed),
            heard=False,
        )
        # One generator each, so that a change of traffic leaves the durations as they were.
        traffic, init, handler, errors = (
            Random(f"{scenario.seed} {what}")  # noqa: S311 - a simulation, no secret
            for what in ("traffic", "init", "handler", "errors")
        )
        self._arrivals = scenario.traffic.arrivals(traffic)
        self._errors = errors
        self._error_share = scenario.error_share
        self._init_ms = scenario.init.drawn_by(init)
        self._handler_ms = scenario.handler.drawn_by(handler)
        self._slowness_s = scenario.slowness / 1000.0
        self._environments = self.core.pool.environments
        self._account = self.core.concurrency.account(self.function.account_id, self.function.region)
        # What is going to happen, and when: a number keeps the order of what happens at the same moment.
        self._pending: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._numbers = itertools.count()
        self.measures = Measures(START)
        self._performers: dict[type[Action], Callable[[Any], None]] = {
            StartEnvironment: self._start_environment,
            DeliverEvent: self._deliver_event,
            SetTimer: self._set_timer,
            EventFinished: self._event_finished,
            RefuseRuntime: self._refuse_runtime,
        }
        self.last_arrival = START
        self.traffic_starts_at = START

    def play(self) -> Measures:
        """Run to the end of the traffic and of what it left to do."""
        self.core.reserve(self.function.arn, self.scenario.reserved)
        self._provision()
        self._serve_callers()
        while self._pending and (self._account.in_use or len(self.core.queue)):
            self._next()
        self.measures.series.finish(self.clock.now())
        return self.measures

    @property
    def arrived(self) -> int:
        """How many callers came."""
        return sum(each.invocations for each in self.measures.series.done)

    def _provision(self) -> None:
        """Provisioned environments are ready before the first caller comes; init may have been tried again by then."""
        if self.scenario.provisioned:
            qualified_arn = self.function.qualified_arn
            self._perform(self.core.provision(qualified_arn, self.function, self.scenario.provisioned))
            while any(
                environment.state is State.INIT for environment in self.core.pool.environments.values()
            ):
                self._next()
        self.traffic_starts_at = self.last_arrival = self.clock.now()
        self.measures = Measures(self.traffic_starts_at)
        self._performers[Record] = self.measures.take if self._on_record is None else self._tell

    def _serve_callers(self) -> None:
        """Let callers come, and between them happen what was going to. This loop and ``_next`` are all that is hot here."""
        scenario, function, start = self.scenario, self.function, self.traffic_starts_at
        kind = InvocationType.EVENT if scenario.asynchronous else InvocationType.REQUEST_RESPONSE
        ends_at = math.inf if scenario.duration_s is None else start + scenario.duration_s
        pending, clock, invoke, perform = self._pending, self.clock, self.core.invoke, self._perform
        series, account, environments = self.measures.series, self._account, self._environments
        arrivals = itertools.islice(self._arrivals, scenario.invocations)
        for request_id, after in zip(map(repr, itertools.count(1)), arrivals, strict=False):
            at = start + after
            if at >= ends_at:
                break
            while pending and pending[0][0] <= at:
                self._next()
            clock.moment = at
            if at >= series.ends_at:
                series.pass_to(at)
            perform(invoke(Invocation(request_id, function, b"{}", at, kind)))
            series.observe(account.in_use, len(environments), at)
            series.invocations += 1
            self.last_arrival = at

    def _next(self) -> None:
        """Let the next thing happen that was going to."""
        at, _, happen, subject = heappop(self._pending)
        clock, series = self.clock, self.measures.series
        if at > clock.moment:
            clock.moment = at
        if at >= series.ends_at:
            series.pass_to(at)
        happen(subject)
        series.observe(self._account.in_use, len(self._environments), at)

    def _answer(self, delivered: DeliverEvent) -> None:
        environment, invocation = delivered.environment, delivered.invocation
        if environment.invocation is not invocation:  # it timed out before
            return
        core, environment_id, request_id = self.core, environment.environment_id, invocation.request_id
        if self._error_share and self._errors.random() < self._error_share:
            self._perform(core.runtime_error(environment_id, request_id, _ERROR, "Simulated", _MEMORY_MB))
        else:
            self._perform(core.runtime_response(environment_id, request_id, b"{}", _MEMORY_MB))
        actions = core.runtime_next(environment_id)
        if actions:
            self._perform(actions)

    def _ready(self, started: tuple[Environment, float]) -> None:
        environment, started_at = started
        if environment.started_at != started_at or environment.state is not State.INIT:  # it was begun again
            return
        self._perform(self.core.runtime_next(environment.environment_id))

    def _fire(self, key: tuple[str, str]) -> None:
        self._perform(self.core.timer_fired(key))

    def _perform(self, actions: list[Action]) -> None:
        """Carry out what the core decided. Logs, answers and stops need nothing done: there are no processes here."""
        performers = self._performers
        for action in actions:
            perform = performers.get(type(action))
            if perform is not None:
                perform(action)

    def _start_environment(self, action: StartEnvironment) -> None:
        took_s = self._init_ms() * self._slowness_s
        environment = action.environment
        self._at(self.clock.now() + took_s, self._ready, (environment, environment.started_at))

    def _deliver_event(self, action: DeliverEvent) -> None:
        ends_at = self.clock.moment + self._handler_ms() * self._slowness_s
        heappush(self._pending, (ends_at, next(self._numbers), self._answer, action))

    def _set_timer(self, action: SetTimer) -> None:
        self._at(action.at, self._fire, action.key)

    def _tell(self, action: Record) -> None:
        self.measures.take(action)
        assert self._on_record is not None
        self._on_record(action.record)

    def _event_finished(self, action: EventFinished) -> None:
        self.measures.events[action.condition] += 1

    def _refuse_runtime(self, action: RefuseRuntime) -> None:
        raise AssertionError(f"the core refused what the player played: {action.message}")

    def _at(self, moment: float, happen: Callable[[Any], None], subject: Any) -> None:
        heappush(self._pending, (moment, next(self._numbers), happen, subject))
