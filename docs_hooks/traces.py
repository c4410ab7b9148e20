"""What the picture of concurrency shows: runs of the sandbox's own simulation, over a grid of traffic and limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from lambda_sandbox.invocation.messages import InvocationRecord
from lambda_sandbox.simulation.durations import Lognormal
from lambda_sandbox.simulation.player import Player
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Poisson

SECONDS = 12
RATES = (1, 4, 8, 16)
DURATIONS_MS = (100, 500, 1500)
SHAPES = ("steady", "burst")
# Name of the choice, and what it sets in the scenario.
LIMITS: dict[str, dict[str, int]] = {
    "none": {},
    "reserved-3": {"reserved": 3},
    "reserved-10": {"reserved": 10},
    "provisioned-5": {"provisioned": 5},
}
FIRST = "steady 8 500 none"
_INIT_MS, _INIT_SIGMA, _HANDLER_SIGMA, _SEED = 450.0, 0.2, 0.25, 8
_BURST_FROM_S, _BURST_TO_S, _BURST_FACTOR = 4.0, 5.5, 3


@dataclass(frozen=True, slots=True)
class Spike:
    """Poisson traffic with a burst in the middle, where ``_BURST_FACTOR`` times as many more come."""

    rate_per_s: float

    def arrivals(self, random: Random) -> Iterator[float]:
        calm = itertools.takewhile(lambda at: at < SECONDS, Poisson(self.rate_per_s).arrivals(random))
        length = _BURST_TO_S - _BURST_FROM_S
        more = Poisson(self.rate_per_s * _BURST_FACTOR).arrivals(random)
        burst = (_BURST_FROM_S + at for at in itertools.takewhile(lambda at: at < length, more))
        yield from sorted([*calm, *burst])


def data() -> dict[str, Any]:
    """Return all traces with the grid that they stand on. The same code gives the same traces."""
    grid = itertools.product(SHAPES, RATES, DURATIONS_MS, LIMITS)
    return {
        "seconds": SECONDS,
        "shapes": list(SHAPES),
        "rates": list(RATES),
        "durations_ms": list(DURATIONS_MS),
        "limits": list(LIMITS),
        "init_ms": _INIT_MS,
        "first": FIRST,
        "traces": {
            f"{shape} {rate} {ms} {limit}": trace(shape, rate, ms, limit) for shape, rate, ms, limit in grid
        },
    }


def trace(shape: str, rate: int, duration_ms: int, limit: str) -> dict[str, Any]:
    """Simulate one choice; times are milliseconds since callers began to come.

    ``runs`` are rows ``[lane, arrived, started, ended, init]``, one lane an environment, ``init`` 0 where it was warm;
    ``throttled`` are the moments at which a caller was refused. Lanes below ``provisioned`` were ready before the first caller.
    """
    records: list[InvocationRecord] = []
    player = Player(_scenario(shape, rate, duration_ms, limit), records.append)
    player.play()
    start = player.traffic_starts_at
    served = sorted((each for each in records if each.report is not None), key=_began)
    provisioned = LIMITS[limit].get("provisioned", 0)
    lanes = _lanes([each for each in served if each.on_provisioned], first=0)
    lanes |= _lanes([each for each in served if not each.on_provisioned], first=provisioned)
    return {
        "provisioned": provisioned,
        "runs": [_row(each, lanes[each.environment_id], start) for each in served],
        "throttled": [_ms(each.ended_at - start) for each in records if each.report is None],
    }


def _lanes(records: list[InvocationRecord], first: int) -> dict[str, int]:
    lanes: dict[str, int] = {}
    for each in records:
        lanes.setdefault(each.environment_id, first + len(lanes))
    return lanes


def _scenario(shape: str, rate: int, duration_ms: int, limit: str) -> Scenario:
    return Scenario(
        traffic=Poisson(rate) if shape == "steady" else Spike(rate),
        handler=Lognormal(duration_ms, _HANDLER_SIGMA),
        init=Lognormal(_INIT_MS, _INIT_SIGMA),
        duration_s=SECONDS,
        seed=_SEED,
        **LIMITS[limit],  # type: ignore[arg-type]  # names of the scenario's own members
    )


def _began(record: InvocationRecord) -> float:
    """When the environment was taken: for a cold start, when its init began."""
    return record.started_at - _init_s(record)


def _init_s(record: InvocationRecord) -> float:
    return ((record.report.init_duration_ms if record.report else None) or 0.0) / 1000.0


def _row(record: InvocationRecord, lane: int, start: float) -> list[int]:
    arrived = record.invocation.arrived_at - start
    times = (arrived, record.started_at - start, record.ended_at - start, _init_s(record))
    return [lane, *(_ms(each) for each in times)]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
