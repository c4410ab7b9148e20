"""How long init and handler take: models that draw from one seeded generator. All durations are milliseconds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.simulation.specification import Specification

Draw = Callable[[], float]


class Durations(Protocol):
    def drawn_by(self, random: Random) -> Draw:
        """Return what draws the next duration, in milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    ms: float

    def drawn_by(self, random: Random) -> Draw:
        return lambda: self.ms


@dataclass(frozen=True, slots=True)
class Exponential:
    """The model of queueing theory's M: what is left to wait does not depend on what has passed."""

    mean_ms: float

    def drawn_by(self, random: Random) -> Draw:
        draw, log, mean_ms = random.random, math.log, self.mean_ms
        return lambda: -log(1.0 - draw()) * mean_ms


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Most are near the median and a few take far longer. ``sigma`` is the logarithm's standard deviation."""

    median_ms: float
    sigma: float

    def drawn_by(self, random: Random) -> Draw:
        return _lognormal(random.random, self.median_ms, self.sigma).__next__


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was measured, drawn with replacement."""

    values_ms: tuple[float, ...]

    def drawn_by(self, random: Random) -> Draw:
        values_ms, draw, count = self.values_ms, random.random, len(self.values_ms)
        return lambda: values_ms[int(draw() * count)]


def _lognormal(draw: Draw, median_ms: float, sigma: float) -> Iterator[float]:
    """Yield what ``random.gauss`` would lead to, in the same order and at half its price: Box and Muller's numbers come in
    pairs."""
    exp, log, sqrt, cos, sin, turn = math.exp, math.log, math.sqrt, math.cos, math.sin, 2.0 * math.pi
    while True:
        angle = draw() * turn
        radius = sqrt(-2.0 * log(1.0 - draw()))
        yield exp(cos(angle) * radius * sigma) * median_ms
        yield exp(sin(angle) * radius * sigma) * median_ms


def parse(text: str, member: str) -> Durations:
    """Return the model that ``text`` names: ``constant:MS``, ``exponential:MEAN_MS``, ``lognormal:MEDIAN_MS:SIGMA``,
    ``history:FILE``.

    A history file is what ``history --json`` prints; ``member`` is what is read from its invocations, ``duration_ms`` or
    ``init_duration_ms``. Raises ``SandboxFault``.
    """
    spec = Specification.read(text)
    match spec.kind:
        case "constant":
            spec.at_most(1)
            return Constant(spec.number(0, "MS"))
        case "exponential":
            spec.at_most(1)
            return Exponential(spec.number(0, "MEAN_MS"))
        case "lognormal":
            spec.at_most(2)
            return Lognormal(spec.number(0, "MEDIAN_MS"), spec.number(1, "SIGMA"))
        case "history":
            return Empirical(_from_history(spec.file("FILE"), member))
    raise spec.unknown("constant, exponential, lognormal, history")


def _from_history(path: Path, member: str) -> tuple[float, ...]:
    try:
        rows = json.loads(path.read_bytes())["invocations"]
        values = tuple(
            float(row[member]) for row in rows if row["status"] == "success" and row[member] is not None
        )
    except OSError as error:
        raise SandboxFault(f"{path} cannot be read as a history: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxFault(f"{path} is not what `history --json` prints: {error}") from None
    if not values:
        raise SandboxFault(f"no successful invocation in {path} has {member}")
    return values
