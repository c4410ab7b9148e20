"""The simulation beside SimFaaS, in one run: the same callers, alternating, each side in a process of its own.

Processor time is compared as well as wall time: on a machine that others use, only the first says what a request costs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIMFAAS = ROOT / "build" / "simfaas" / "bin" / "python"
_MISSING = "SimFaaS is not installed: `make bench` installs it in an environment of its own"


@dataclass(frozen=True, slots=True)
class Workload:
    """Poisson callers, exponential handlers, and no limit that either side would reach."""

    name: str
    rate_per_s: float
    warm_s: float
    cold_s: float
    keep_alive_s: float
    requests: int

    @property
    def arguments(self) -> list[str]:
        traffic_s = self.requests / self.rate_per_s
        values = (self.rate_per_s, self.warm_s, self.cold_s, self.keep_alive_s, traffic_s)
        return [repr(value) for value in values]


def workloads(requests: int) -> list[Workload]:
    """Return those that are compared. SimFaaS looks at every server for each request, so it gets fewer of the second."""
    return [
        Workload("2 busy at a time", 0.9, 1.991, 2.244, 600.0, requests),
        Workload("50 busy at a time", 25.0, 1.991, 2.244, 600.0, max(1, requests // 10)),
    ]


def measure(
    requests: int, rounds: int, million: bool, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run every workload ``rounds`` times on both sides and return the figures; ratios are ours to theirs, so less is faster."""
    compared = []
    for workload in workloads(requests):
        pairs: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
        for number in range(rounds):
            progress(f"{workload.name}, round {number + 1} of {rounds}")
            ours = _run([sys.executable, "-m", "benchmarks.sandbox_run", *workload.arguments])
            pairs.append((ours, _simfaas(workload)))
        compared.append({"workload": workload.name, "requests": workload.requests, **_figures(pairs)})
    figures: dict[str, Any] = {
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "rounds": rounds,
        "peer": _version() if SIMFAAS.exists() else _MISSING,
        "compared": compared,
    }
    if million:
        progress("a million invocations, twice")
        figures["million"] = _million()
    return figures


def _simfaas(workload: Workload) -> dict[str, Any] | None:
    if not SIMFAAS.exists():
        return None
    return _run([str(SIMFAAS), str(ROOT / "benchmarks" / "simfaas_run.py"), *workload.arguments])


def _run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _version() -> str:
    code = "import importlib.metadata as m; print('SimFaaS', m.version('simfaas'))"
    done = subprocess.run([str(SIMFAAS), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _figures(pairs: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> dict[str, Any]:
    figures: dict[str, Any] = {"sandbox": _side([ours for ours, _ in pairs])}
    both = [(ours, theirs) for ours, theirs in pairs if theirs is not None]
    if both:
        figures["simfaas"] = _side([theirs for _, theirs in both])
        for clock in ("processor_s", "wall_s"):
            ratios = [
                (ours[clock] / ours["requests"]) / (peer[clock] / peer["requests"]) for ours, peer in both
            ]
            figures[f"ratio_{clock.removesuffix('_s')}"] = round(statistics.median(ratios), 3)
    return figures


def _side(runs: list[dict[str, Any]]) -> dict[str, Any]:
    def rate(clock: str) -> int:
        return round(statistics.median(float(run["requests"] / run[clock]) for run in runs))

    return {
        "requests_per_processor_s": rate("processor_s"),
        "requests_per_s": rate("wall_s"),
        "cold_start_share": round(statistics.mean(run["cold_start_share"] for run in runs), 6),
        "concurrency_mean": round(statistics.mean(run["concurrency_mean"] for run in runs), 4),
    }


def _million() -> dict[str, Any]:
    """Run the command as a user does, start of the interpreter included."""
    command = [
        sys.executable,
        "-m",
        "lambda_sandbox",
        "simulate",
        "--invocations",
        "1000000",
        "--seed",
        "1",
        "--json",
    ]
    answers, seconds, processor = [], [], []
    for _ in range(2):
        before = os.times()
        answers.append(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout)
        after = os.times()
        seconds.append(round(after.elapsed - before.elapsed, 2))
        processor.append(
            round(
                after.children_user + after.children_system - before.children_user - before.children_system, 2
            )
        )
    return {"wall_s": seconds, "processor_s": processor, "same_answer": answers[0] == answers[1]}
