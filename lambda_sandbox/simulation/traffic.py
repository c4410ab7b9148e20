"""When callers arrive: seconds since the start of the simulation, ascending, drawn from one seeded generator."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.simulation.specification import Specification

MINUTES_A_DAY = 1440
_DAY_S = 86_400.0
_FACTOR, _BURST_S, _CALM_S = 10.0, 10.0, 110.0
_AMPLITUDE = 0.8


class Traffic(Protocol):
    def arrivals(self, random: Random) -> Iterator[float]:
        """Yield arrivals in seconds; without end, unless the traffic was recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Poisson:
    """Callers that know nothing of each other, always as many."""

    rate_per_s: float

    def arrivals(self, random: Random) -> Iterator[float]:
        at, draw, log, rate = 0.0, random.random, math.log, self.rate_per_s
        while True:
            at -= log(1.0 - draw()) / rate
            yield at


@dataclass(frozen=True, slots=True)
class Bursty:
    """Poisson traffic that is ``factor`` times as dense for ``burst_s`` about once in ``burst_s`` + ``calm_s``, both of
    exponential length. ``rate_per_s`` is the mean of it all."""

    rate_per_s: float
    factor: float = _FACTOR
    burst_s: float = _BURST_S
    calm_s: float = _CALM_S

    def arrivals(self, random: Random) -> Iterator[float]:
        share = self.burst_s / (self.burst_s + self.calm_s)
        calm_rate = self.rate_per_s / (1.0 - share + share * self.factor)
        at, burst = 0.0, False
        ends = random.expovariate(1.0 / self.calm_s)
        while True:
            after = at + random.expovariate(calm_rate * self.factor if burst else calm_rate)
            if after < ends:
                at = after
                yield at
            else:  # what is drawn forgets the past, so it may be drawn anew where the rate changes
                at, burst = ends, not burst
                ends += random.expovariate(1.0 / (self.burst_s if burst else self.calm_s))


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A day's wave around ``rate_per_s``: ``amplitude`` (0 to 1) below it at midnight and above it at noon."""

    rate_per_s: float
    amplitude: float = _AMPLITUDE

    def arrivals(self, random: Random) -> Iterator[float]:
        at, draw, most = 0.0, random.random, 1.0 + self.amplitude
        while True:
            at += random.expovariate(self.rate_per_s * most)
            if draw() * most < 1.0 - self.amplitude * math.cos(2.0 * math.pi * at / _DAY_S):
                yield at


@dataclass(frozen=True, slots=True)
class PerMinute:
    """So many callers in each minute, at any moment of it."""

    counts: tuple[int, ...]

    def arrivals(self, random: Random) -> Iterator[float]:
        for minute, count in enumerate(self.counts):
            for part in sorted(random.random() for _ in range(count)):
                yield (minute + part) * 60.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """Arrivals as they were, in seconds since the first minute began."""

    at_s: tuple[float, ...]

    def arrivals(self, random: Random) -> Iterator[float]:
        yield from self.at_s


def parse(text: str) -> Traffic:
    """Return the traffic that ``text`` names: ``poisson:RATE``, ``bursty:RATE[:FACTOR[:BURST_S[:CALM_S]]]``,
    ``diurnal:RATE[:AMPLITUDE]``, ``csv:FILE``. Rates are callers a second. Raises ``SandboxFault``."""
    spec = Specification.read(text)
    match spec.kind:
        case "poisson":
            spec.at_most(1)
            return Poisson(spec.number(0, "RATE", above=True))
        case "bursty":
            spec.at_most(4)
            return Bursty(
                spec.number(0, "RATE", above=True),
                spec.number(1, "FACTOR", _FACTOR, least=1.0),
                spec.number(2, "BURST_S", _BURST_S, above=True),
                spec.number(3, "CALM_S", _CALM_S, above=True),
            )
        case "diurnal":
            spec.at_most(2)
            amplitude = spec.number(1, "AMPLITUDE", _AMPLITUDE)
            if amplitude > 1.0:
                raise SandboxFault(f"{text}: AMPLITUDE must be at most 1")
            return Diurnal(spec.number(0, "RATE", above=True), amplitude)
        case "csv":
            return from_csv(spec.file("FILE"))
    raise spec.unknown("poisson, bursty, diurnal, csv")


def from_csv(path: Path, function: str = "") -> PerMinute | Recorded:
    """Return the traffic of a CSV file with a header: of ``function`` alone (a value of ``HashFunction``), or of all rows.

    Either the shape of the Azure Functions trace of 2019, one row a function and one column a minute named ``1`` to
    ``1440``, or a column ``arrived_at_s`` with one row a caller. Raises ``SandboxFault``.

    Source: Azure Public Dataset, "Azure Functions Trace 2019", read 2026-11.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = list(rows.fieldnames or ())
            if "arrived_at_s" in columns:
                return Recorded(tuple(sorted(_moment(row["arrived_at_s"]) for row in rows)))
            minutes = [name for name in columns if name.isdigit()]
            if not minutes:
                raise SandboxFault(f"{path} has neither columns 1 to {MINUTES_A_DAY} nor arrived_at_s")
            return PerMinute(_summed(rows, sorted(minutes, key=int), function))
    except OSError as error:
        raise SandboxFault(f"{path} cannot be read as traffic: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise SandboxFault(f"{path} cannot be read as traffic: {error}") from None


def _moment(text: str) -> float:
    at_s = float(text)
    if not math.isfinite(at_s):
        raise ValueError(f"arrived_at_s has {text}, which is no moment")
    return at_s


def _summed(rows: csv.DictReader[str], minutes: list[str], function: str) -> tuple[int, ...]:
    counts = [0] * int(minutes[-1])
    found = False
    for row in rows:
        if function and row["HashFunction"] != function:
            continue
        found = True
        for name in minutes:
            counts[int(name) - 1] += int(row[name] or 0)
    if not found:
        raise SandboxFault(f"no row of the file is of {function or 'any function'}")
    return tuple(counts)
