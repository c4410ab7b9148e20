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
from lambda_sandbox.durable.states import CHAINED_INVOKE, SUCCEEDED
from lambda_sandbox.invocation.messages import (
    Complete,
    EventFinished,
    Invocation,
    InvocationResult,
    InvocationType,
)
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


def test_an_answer_that_is_no_text_ends_a_chained_invoke_all_the_same(tmp_path: Path) -> None:
    """A runtime of one's own may answer with any bytes."""
    plain = function(version="1")

    class ToPlain(Plane):
        def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route:
            target = plain if function_name == "plain" else FUNCTION
            return Route(target, target.qualified_arn, None, None, 0.0)

    class Answering(Runner):
        def run(self, invocation: Invocation, caller: Waiter) -> None:
            if invocation.function is plain:
                caller(Complete(invocation, result=InvocationResult("r", b'"\xff"', "1")))

    async def run() -> None:
        store = DurableStore(Store(tmp_path))
        executions = DurableExecutions(
            Answering(), ToPlain(), store, ManualClock(1000.0), lambda note: None, None
        )
        event = Invocation(
            "r", FUNCTION, b"{}", 0.0, InvocationType.EVENT, invoked_arn=FUNCTION.qualified_arn
        )
        executions.start(event, lambda complete: None, "e")
        machine = executions.find_named(FUNCTION.arn, "e")
        assert machine is not None
        operation = machine.add("o", CHAINED_INVOKE, 1000.0, target="plain", input="{}")
        executions.settle(machine)
        for _ in range(10):
            await asyncio.sleep(0)
        assert (operation.status, operation.result) == (SUCCEEDED, '"\ufffd"')
        executions.close()

    asyncio.run(run())
