"""The simulation and the server driver decide the same about the same callers.

The server's own driver runs on an event loop whose time is a manual clock; its environments are played by what the
Runtime API would hear from them: ready after init, an answer after the handler.
"""

from __future__ import annotations

import asyncio
import selectors
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, InvocationType
from lambda_sandbox.resources import Isolation
from lambda_sandbox.simulation.durations import Exponential
from lambda_sandbox.simulation.player import START, Player
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Bursty, Recorded
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore


class _Selector(selectors.SelectSelector):
    """Where a loop would wait, this clock moves on."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "the loop waits for something that never happens"
        self._clock.advance(max(0.0, timeout))
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        super().__init__(_Selector(clock))
        self._clock_resolution = 1e-6  # finer than this, seconds since the epoch do not go

    def time(self) -> float:
        return self._clock.now()


class _Runtime:
    """One environment's runtime as its connection shows it."""

    def __init__(self, environment_id: str, driver: ServerDriver, draw_ms: Any, loop: _Loop) -> None:
        self.environment_id = environment_id
        self._driver = driver
        self._draw_ms = draw_ms
        self._loop = loop

    def ready(self) -> None:
        self._driver.runtime_next(self.environment_id, self)  # type: ignore[arg-type]

    def deliver(self, invocation: Invocation, deadline_ms: int) -> None:
        self._loop.call_later(self._draw_ms() / 1000.0, self._answer, invocation)

    def _answer(self, invocation: Invocation) -> None:
        environment = self._driver.core.pool.environments.get(self.environment_id)
        if (
            environment is not None and environment.invocation is invocation
        ):  # else it was stopped for its timeout
            self._driver.runtime_response(self.environment_id, invocation.request_id, b"{}")
            self.ready()


class _Environments:
    """Processes that cost nothing and never fail."""

    isolation = Isolation("none", (), ())

    def __init__(self, scenario: Scenario, driver: ServerDriver, loop: _Loop) -> None:
        self._init_ms = scenario.init.drawn_by(Random(f"{scenario.seed} init"))
        self._handler_ms = scenario.handler.drawn_by(Random(f"{scenario.seed} handler"))
        self._driver = driver
        self._loop = loop

    def start(self, environment_id: str, *what: object) -> None:
        runtime = _Runtime(environment_id, self._driver, self._handler_ms, self._loop)
        self._loop.call_later(self._init_ms() / 1000.0, runtime.ready)

    def drain_output(self, environment_id: str) -> bytes:
        return b""

    def peak_memory_mb(self, environment_id: str) -> int:
        return 64

    def nothing(self, *what: object) -> None: ...

    init_finished = begin_invocation = freeze = thaw = terminate = stop = release_runtime = nothing


class _Events:
    def put_event(self, event: Invocation) -> None: ...

    def forget_event(self, request_id: str) -> None: ...


def by_server(scenario: Scenario, arrivals: tuple[float, ...]) -> list[InvocationRecord]:
    clock = ManualClock(START)
    loop = _Loop(clock)
    history = History()

    async def serve() -> None:
        core = Core(
            clock,
            account_limit=scenario.account_limit,
            idle_lifetime_s=scenario.keep_alive_s,
            seed=str(scenario.seed),
        )
        driver = ServerDriver(
            clock, core, LogStore(), history, _Events(), lambda function: Path(), lambda function: (), lambda _: None  # type: ignore[arg-type, return-value]
        )  # fmt: skip
        driver.environments = _Environments(scenario, driver, loop)  # type: ignore[assignment]
        function = scenario.function
        kind = InvocationType.EVENT if scenario.asynchronous else InvocationType.REQUEST_RESPONSE
        for number, at in enumerate(arrivals, start=1):
            await asyncio.sleep(START + at - clock.now())
            driver.invoke(Invocation(str(number), function, b"{}", clock.now(), kind), lambda complete: None)
        share = core.concurrency.function(function.arn)
        while share.in_use or len(core.queue):  # noqa: ASYNC110 - by the manual clock, no time passes
            await asyncio.sleep(1.0)

    try:
        loop.run_until_complete(serve())
    finally:
        loop.close()
    return list(history.records)


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"reserved": 3},
        {"reserved": 2, "asynchronous": True},
        {"keep_alive_s": 5.0},
        {"timeout_s": 1},
    ],
    ids=["no limit", "reserved concurrency", "queued events", "short keep-alive", "timeouts"],
)
def test_same_callers_meet_the_same_cold_starts_throttles_and_durations(limits: dict[str, Any]) -> None:
    schedule = tuple(at for at, _ in zip(Bursty(4.0).arrivals(Random(7)), range(400), strict=False))
    scenario = Scenario(
        Recorded(schedule), Exponential(400.0), Exponential(300.0), **{"timeout_s": 60, **limits}
    )
    simulated: list[InvocationRecord] = []
    Player(scenario, simulated.append).play()
    served = by_server(scenario, schedule)

    def told(record: InvocationRecord) -> tuple[object, ...]:
        return record.invocation.request_id, record.status, record.cold, record.throttled_by

    assert [told(record) for record in simulated] == [told(record) for record in served]
    assert len(simulated) >= 400
    for ours, theirs in zip(simulated, served, strict=True):
        if ours.report is not None and theirs.report is not None:
            assert ours.report.duration_ms == pytest.approx(theirs.report.duration_ms, abs=0.02)
            assert ours.report.init_duration_ms == pytest.approx(theirs.report.init_duration_ms, abs=0.02)
            assert abs(ours.report.billed_ms - theirs.report.billed_ms) <= 1
