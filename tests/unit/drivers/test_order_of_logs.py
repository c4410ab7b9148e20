from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.server import ServerDriver
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import FunctionConfiguration, Isolation
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.logs import LogStore

FUNCTION = FunctionConfiguration(
    "000000000000", "us-east-1", "quick", "python3.12", "app.handler", "", "", 0, "", ""
)


class Quick:
    """An environment that has printed before the server does anything else."""

    isolation = Isolation("none", (), ())

    def __init__(self) -> None:
        self._printed = b""

    def start(self, *what: object) -> None:
        self._printed = b"printed at once\n"

    def drain_output(self, environment_id: str) -> bytes:
        printed, self._printed = self._printed, b""
        return printed


def test_init_start_comes_before_what_a_quick_init_has_printed() -> None:
    logs = LogStore()

    async def scene() -> None:
        clock = ManualClock(0.0)
        unused: Any = None
        driver = ServerDriver(
            clock, Core(clock), logs, History(), unused, lambda function: Path(), lambda function: (), lambda _: None  # type: ignore[arg-type, return-value]
        )  # fmt: skip
        driver.environments = environments = Quick()  # type: ignore[assignment]
        driver.invoke(Invocation("r-1", FUNCTION, b"{}", 0.0), lambda complete: None)
        (environment,) = driver.core.pool.environments.values()
        driver.on_output(environment.environment_id, environments.drain_output(environment.environment_id))

    asyncio.run(scene())
    lines = [event.message for group in logs.groups() for event in logs.events(group)]
    assert [line.split(" ")[0] for line in lines] == ["INIT_START", "printed"]
