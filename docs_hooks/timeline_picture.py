"""The picture of a timeline on a page: five callers, played around the sandbox's own core and drawn as a notebook draws it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random

from lambda_sandbox.simulation.durations import Draw
from lambda_sandbox.simulation.player import Player
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Recorded
from lambda_sandbox.telemetry.history import History
from lambda_sandbox.telemetry.timeline import Timeline

_ARRIVALS_S = (0.0, 1.6, 1.8, 3.0, 4.2)
_HANDLER_MS = (450.0, 900.0, 350.0, 600.0, 3500.0)  # the last one runs into the timeout
_INIT_MS = 380.0
_TIMEOUT_S = 2


@dataclass(frozen=True, slots=True)
class InTurn:
    """Durations in milliseconds, one after the other."""

    values_ms: tuple[float, ...]

    def drawn_by(self, random: Random) -> Draw:
        return itertools.cycle(self.values_ms).__next__


def svg() -> str:
    """Return the picture. The same code draws the same one: time moves by hand, and nothing is drawn by chance."""
    history = History()
    player = Player(
        Scenario(
            traffic=Recorded(_ARRIVALS_S),
            handler=InTurn(_HANDLER_MS),
            init=InTurn((_INIT_MS,)),
            timeout_s=_TIMEOUT_S,
        ),
        history.record,
    )
    player.play()
    for environment in player.core.pool.environments.values():
        history.environment(environment)
    return Timeline(history.to_json()).svg()
