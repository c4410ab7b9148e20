"""Beginning durable executions: what an account may start in a second, by a clock that stands still."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from lambda_sandbox import quotas
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.control_plane.routing import Route
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.durable import DurableExecutions
from lambda_sandbox.drivers.durable_store import DurableStore
from lambda_sandbox.drivers.server_needs import Caller as Waiter
from lambda_sandbox.invocation.messages import Complete, EventFinished, Invocation, InvocationType
from lambda_sandbox.resources import Caller, FunctionConfiguration
from tests.unit.invocation.stage import function

FUNCTION = replace(function(version="1"), durable_timeout_s=60, durable_retention_days=1)


class Still(asyncio.SelectorEventLoop):
    """A loop whose time is set by hand."""

    seconds = 100.0

    def time(self) -> float:
        return self.seconds


class Plane:
    """Every name means the one function."""

    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route:
        return Route(FUNCTION, FUNCTION.qualified_arn, None, None, 0.0)

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]:
        return route.function, ""


class Runner:
    """Takes invocations and never ends one."""

    def run(self, invocation: Invocation, caller: Waiter) -> None:
        pass

    def event_over(self, finished: EventFinished) -> None:
        pass


def test_starts_above_the_accounts_rate_are_refused_until_a_moment_has_passed(tmp_path: Path) -> None:
    loop = Still()

    async def run() -> None:
        store = DurableStore(Store(tmp_path))
        executions = DurableExecutions(Runner(), Plane(), store, ManualClock(1000.0), lambda note: None, None)
        answers: list[Complete] = []

        def start(name: str) -> str:
            event = Invocation(name, FUNCTION, b"{}", 0.0, InvocationType.EVENT)
            event.invoked_arn = FUNCTION.qualified_arn
            executions.start(event, answers.append, name)
            error = answers[-1].error
            return error.code if error is not None else ""

        begun = [start(f"e{number}") for number in range(quotas.DURABLE_STARTS_PER_SECOND + 2)]
        assert begun == [""] * quotas.DURABLE_STARTS_PER_SECOND + ["TooManyRequestsException"] * 2
        assert start("e1") == "", "what is found by its name is not started again"
        loop.seconds += 0.5
        again = [start(f"f{number}") for number in range(151)]
        assert again == [""] * 150 + ["TooManyRequestsException"]
        executions.close()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
