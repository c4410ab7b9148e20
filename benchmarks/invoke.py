"""Warm and cold invokes beside the bare server: rounds alternate, so that both meet the same weather on the machine.

Single calls are measured on one processor, where nothing depends on which ones the system happens to choose, and once more where
it places them; rates always there.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.client import Connection, calls_per_second, latencies_s
from benchmarks.peers import peers
from benchmarks.processors import Shares, one_processor, processor_us
from benchmarks.servers import Sandbox, Target, bare, sandbox
from lambda_sandbox.server_client import ServerClient

CONNECTIONS = (8, 32)
RELAY = "relay"
ONE_AT_A_TIME = {"rie", RELAY}  # AWS's emulator fails a second call while one is under way
OWN = {"bare", RELAY, "sandbox", "native"}  # the others are peers
_WARM_UP_CALLS = 2000  # V8 compiles what has run a thousand times
_RATE_ROUND = 4  # times the calls of a round of single ones: some fifth of a second


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds of one round, one connection."""

    p50_us: float
    p99_us: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of the sorted values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def measure(
    rounds: int, calls: int, cold_starts: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run everything once and return the figures; see ``python -m benchmarks invoke --json`` for their names."""
    with (
        bare() as constant,
        bare(RELAY) as relay,
        sandbox() as box,
        sandbox("native") as native,
        peers() as others,
    ):
        targets = (constant, relay, box.target("warm"), native.target("warm"), *others)
        progress("warming up")
        _warm_up(targets)
        warm: dict[str, list[Latency]] = {target.name: [] for target in targets}
        spread: dict[str, list[Latency]] = {target.name: [] for target in targets}
        shares: dict[str, list[Shares]] = {target.name: [] for target in targets if target.process_id}
        rates: dict[int, dict[str, list[float]]] = {
            n: {target.name: [] for target in _parallel(targets)} for n in CONNECTIONS
        }
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            with one_processor():
                for target in targets:
                    before = processor_us(target.process_id) if target.process_id else None
                    warm[target.name].append(_latency(target, calls))
                    if before is not None:
                        shares[target.name].append(processor_us(target.process_id).since(before, calls))
            for target in targets:
                spread[target.name].append(_latency(target, calls))
            for connections in CONNECTIONS:
                for target in _parallel(targets):
                    rate = calls_per_second(
                        target.host, target.port, target.request, connections, calls * _RATE_ROUND
                    )
                    rates[connections][target.name].append(rate)
        progress("cold starts")
        colds = [_cold(box, number) for number in range(cold_starts)]
        health = ServerClient(box.endpoint).read("/_sandbox/health")
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "isolation": health["isolation"]["level"],
        "rounds": rounds,
        "calls_per_round": calls,
        "warm": _warm(warm),
        "warm_where_the_system_places_them": _warm(spread),
        "warm_processor_us": {name: _middle(rounds) for name, rounds in shares.items() if rounds},
        "throughput": {str(n): _throughput(by_name) for n, by_name in rates.items()},
        "cold_start": _cold_figures(colds),
    }


def _warm_up(targets: Sequence[Target]) -> None:
    """Bring every environment into being that the widest round needs, and let caches fill."""
    for target in targets:
        for connections in (max(CONNECTIONS), 1) if target.name not in ONE_AT_A_TIME else (1,):
            calls_per_second(target.host, target.port, target.request, connections, _WARM_UP_CALLS)


def _parallel(targets: Sequence[Target]) -> Sequence[Target]:
    return [target for target in targets if target.name not in ONE_AT_A_TIME]


def _latency(target: Target, calls: int) -> Latency:
    connection = Connection(target.host, target.port, target.request)
    values = latencies_s(connection, calls)
    connection.close()
    return Latency(percentile(values, 0.50) * 1e6, percentile(values, 0.99) * 1e6)


def _cold(box: Sandbox, number: int) -> float:
    """Return the milliseconds of the first call that a function ever gets."""
    target = box.target(f"cold-{number}")
    connection = Connection(target.host, target.port, target.request)
    seconds = connection.call()
    connection.close()
    return seconds * 1000


def _warm(rounds: dict[str, list[Latency]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, values in rounds.items():
        middle = Latency(
            statistics.median(value.p50_us for value in values),
            statistics.median(value.p99_us for value in values),
        )
        figures[name] = {key: round(value, 1) for key, value in asdict(middle).items()}
    figures["ratio_p50"] = _ratio(rounds["sandbox"], rounds["bare"])
    figures["native_ratio_p50"] = _ratio(rounds["native"], rounds["bare"])
    figures["relay_ratio_p50"] = _ratio(rounds[RELAY], rounds["bare"])
    for peer in set(rounds) - OWN:
        figures[f"ratio_p50_to_{peer}"] = _ratio(rounds["sandbox"], rounds[peer])
        figures[f"native_ratio_p50_to_{peer}"] = _ratio(rounds["native"], rounds[peer])
    return figures


def _middle(rounds: list[Shares]) -> dict[str, float]:
    return {
        whose: round(statistics.median(getattr(each, whose) for each in rounds), 1)
        for whose in ("caller", "server", "function")
    }


def _ratio(ours: list[Latency], others: list[Latency]) -> float:
    """Return the median of what each round says: both sides of a round had the same weather."""
    pairs = zip(ours, others, strict=True)
    return round(statistics.median(one.p50_us / other.p50_us for one, other in pairs), 2)


def _throughput(rates: dict[str, list[float]]) -> dict[str, float]:
    figures: dict[str, float] = {
        f"{name}_per_s": round(statistics.median(values)) for name, values in rates.items()
    }
    figures["ratio"] = _quotient(rates["bare"], rates["sandbox"])
    for peer in set(rates) - OWN:
        figures[f"ratio_to_{peer}"] = _quotient(rates["sandbox"], rates[peer])
    return figures


def _quotient(ours: list[float], others: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(ours, others, strict=True)), 2)


def _cold_figures(colds: list[float]) -> dict[str, Any]:
    return {
        "count": len(colds),
        "p50_ms": round(percentile(colds, 0.50), 2),
        "p99_ms": round(percentile(colds, 0.99), 2),
    }
