"""What came out of a simulation: shares, percentiles, concurrency over time, and the bill."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lambda_sandbox.simulation.measures import Measures, percentiles_ms
from lambda_sandbox.simulation.player import Player
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.telemetry import meters
from lambda_sandbox.telemetry.prices import Prices

_MONTH_S = 86_400 * 30.4  # AWS's month has no one length: a twelfth of a year


@dataclass(frozen=True, slots=True)
class Outcome:
    """``traffic_s`` is how long callers came, ``span_s`` until the last of them was served."""

    scenario: Scenario
    arrived: int
    traffic_s: float
    span_s: float
    measures: Measures

    def to_json(self) -> dict[str, Any]:
        """Return all figures; the same scenario and seed give the same."""
        measures = self.measures
        throttles = sum(measures.throttles.values())
        done = measures.series.done
        return {
            "scenario": _described(self.scenario),
            "invocations": self.arrived,
            "attempts": measures.attempts,
            "traffic_s": round(self.traffic_s, 3),
            "span_s": round(self.span_s, 3),
            "cold_starts": measures.cold_starts,
            "cold_start_share": _share(measures.cold_starts, measures.attempts),
            "on_provisioned": measures.on_provisioned,
            "throttles": throttles,
            "throttle_share": _share(throttles, throttles + measures.attempts),
            "throttles_by_reason": dict(sorted(measures.throttles.items())),
            "statuses": {status.value: count for status, count in sorted(measures.statuses.items()) if count},
            "events": dict(sorted(measures.events.items())),
            "concurrency": {
                "mean": round(sum(each.busy_s for each in done) / self.span_s, 4) if self.span_s else 0.0,
                "peak": max((each.peak for each in done), default=0),
            },
            "environments_peak": max((each.environments for each in done), default=0),
            "latency_ms": percentiles_ms(measures.latencies_s),
            "wait_ms": percentiles_ms(measures.waits_s, len(measures.latencies_s) - len(measures.waits_s)),
            "init_ms": {
                name: round(ms / 1000.0, 3) for name, ms in percentiles_ms(measures.inits_ms).items()
            },
            "mean_duration_ms": round(measures.duration_ms / measures.attempts, 3)
            if measures.attempts
            else 0.0,
            "bill": self.bill(Prices.load()),
            "over_time": measures.series.to_json(),
        }

    def bill(self, prices: Prices) -> dict[str, Any]:
        """Return the lines of the bill; the free tier is not applied, as it would hide what is compared."""
        scenario, measures = self.scenario, self.measures
        architecture, memory_mb = scenario.architecture, scenario.memory_mb
        used = meters.Usage(
            requests=measures.attempts,
            gb_seconds={architecture: meters.gb_seconds(memory_mb, measures.billed_ms / 1000)},
            provisioned_gb_seconds={
                architecture: meters.gb_seconds(memory_mb, measures.provisioned_billed_ms / 1000)
            },
            reserved_gb_seconds={
                architecture: meters.reserved_gb_seconds(memory_mb, scenario.provisioned, self.span_s, prices)
            },
        )
        lines = meters.charges(used, prices)
        total = meters.total_usd(lines)
        return {
            "lines": [asdict(line) for line in lines],
            "total_usd": total,
            "per_million_usd": total / self.arrived * 1_000_000 if self.arrived else None,
            "month_usd": total / self.span_s * _MONTH_S if self.span_s else None,
            "prices": {"as_of": prices.as_of, "region": prices.region, "source": prices.source},
        }


def simulate(scenario: Scenario) -> Outcome:
    """Run ``scenario`` on a virtual clock. Raises ``SandboxFault`` for limits that AWS would refuse."""
    player = Player(scenario)
    measures = player.play()
    start = player.traffic_starts_at
    return Outcome(
        scenario, player.arrived, player.last_arrival - start, player.clock.now() - start, measures
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


def _described(scenario: Scenario) -> dict[str, Any]:
    """Return the scenario for people; recorded traffic and durations are named, not repeated."""
    values = asdict(scenario)
    for name in ("traffic", "handler", "init"):
        model = getattr(scenario, name)
        numbers = {key: value for key, value in values[name].items() if not isinstance(value, tuple)}
        values[name] = {"model": type(model).__name__, **numbers}
    return values
