"""A sweep: the same callers and the same draws, with one thing changed from run to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.simulation.outcome import Outcome, simulate
from lambda_sandbox.simulation.scenario import Scenario

UNITS = {"memory": "MB", "provisioned": "environments", "reserved": "executions", "keep-alive": "s"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """``values`` of ``axis`` and what came out with each."""

    axis: str
    values: tuple[float, ...]
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "compared": self.axis,
            "unit": UNITS[self.axis],
            "runs": [
                {"value": value, **outcome.to_json()}
                for value, outcome in zip(self.values, self.outcomes, strict=True)
            ],
        }


def parse(text: str) -> tuple[str, tuple[float, ...]]:
    """Return axis and values of ``axis=value,value``. Raises ``SandboxFault``."""
    axis, _, listed = text.partition("=")
    if axis not in UNITS:
        raise SandboxFault(f"{text}: what is compared must be one of {', '.join(UNITS)}")
    try:
        values = tuple(float(value) for value in listed.split(","))
    except ValueError:
        raise SandboxFault(f"{text}: the values must be numbers with commas between") from None
    for value in values:
        _check(axis, value, text)
    return axis, values


def _check(axis: str, value: float, text: str) -> None:
    whole = axis == "keep-alive" or value.is_integer()
    if not whole or not 0 <= value < float("inf"):
        raise SandboxFault(
            f"{text}: {value:g} is no {'whole ' if axis != 'keep-alive' else ''}number of {UNITS[axis]}"
        )
    if axis == "memory" and not quotas.MEMORY_MB_MIN <= value <= quotas.MEMORY_MB_MAX:
        raise SandboxFault(f"{text}: memory is {quotas.MEMORY_MB_MIN} to {quotas.MEMORY_MB_MAX} MB")


def compare(
    scenario: Scenario,
    axis: str,
    values: tuple[float, ...],
    progress: Callable[[str], None] = lambda sentence: None,
) -> Comparison:
    """Run ``scenario`` once for each value. Raises ``SandboxFault`` for one that AWS would refuse."""
    outcomes = []
    for value in values:
        progress(f"{axis} {value:g} {UNITS[axis]}")
        outcomes.append(simulate(scenario.with_(axis, value)))
    return Comparison(axis, values, tuple(outcomes))
