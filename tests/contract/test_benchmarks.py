"""The benchmark runs, measures both servers in one run, and says what it found."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.footprint import Footprint, footprint
from benchmarks.invoke import percentile
from benchmarks.soak import FUNCTIONS, measure, verdict


def figures_of(command: str, *options: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks", command, "--json", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_one_run_measures_the_sandbox_and_the_bare_server() -> None:
    figures = figures_of("invoke", "--rounds", "1", "--calls", "100", "--cold-starts", "2")
    bare, ours = figures["warm"]["bare"], figures["warm"]["sandbox"]
    assert 0 < bare["p50_us"] < ours["p50_us"] <= ours["p99_us"]
    assert figures["warm"]["ratio_p50"] == pytest.approx(ours["p50_us"] / bare["p50_us"], rel=0.02)
    native = figures["warm"]["native"]
    assert ours["p50_us"] > 0 < native["p50_us"]
    assert figures["warm"]["native_ratio_p50"] == pytest.approx(native["p50_us"] / bare["p50_us"], rel=0.02)
    assert bare["p50_us"] < figures["warm"]["relay"]["p50_us"] < ours["p50_us"]
    assert set(figures["throughput"]) == {"8", "32"}
    assert all(rates["sandbox_per_s"] > 0 for rates in figures["throughput"].values())
    assert figures["cold_start"]["count"] == 2
    assert figures["cold_start"]["p50_ms"] * 1000 > ours["p50_us"]


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_a_warm_call_is_accounted_for() -> None:
    """On one processor, whose time it is adds up to about the time that a caller waits."""
    figures = figures_of("invoke", "--rounds", "1", "--calls", "200", "--cold-starts", "1")
    shares = figures["warm_processor_us"]
    assert set(shares) == {"bare", "relay", "sandbox", "native"}
    assert shares["bare"]["function"] == 0 < shares["relay"]["function"] < shares["native"]["function"]
    for name in shares:
        assert 0.5 * figures["warm"][name]["p50_us"] < sum(shares[name].values())


def test_one_run_says_what_telemetry_costs() -> None:
    figures = figures_of("telemetry", "--rounds", "1", "--calls", "100")
    assert figures["on_p50_us"] > 0 < figures["off_p50_us"]


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.50, 50), (0.99, 99), (1.0, 100)],
    ids=["the middle", "all but one in a hundred", "the largest"],
)
def test_percentile_is_the_nearest_rank(share: float, wanted: int) -> None:
    assert percentile(range(100, 0, -1), share) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="what a server holds is read from /proc")
def test_twenty_seconds_of_ill_behaved_functions_leave_nothing_behind() -> None:
    figures = measure(20)
    # How the others fare is for a quiet machine: this is one of many tests that run at the same time.
    assert verdict(figures, p99_limit=float("inf"), memory_limit_mb=64) == []
    assert set(figures["calls"]) == {name.split("-")[0] for name in FUNCTIONS}


def test_a_soak_names_what_was_left_behind_and_what_got_slower() -> None:
    figures = {
        "wrong_answers": [],
        "left_behind": {"processes": 2, "control_groups": 0, "memory_mb": 3.5},
        "server_memory_mb": {"growth_in_second_half": 70.0},
        "p99": {"worst_to_start": 4.0},
    }
    assert verdict(figures, p99_limit=3, memory_limit_mb=64) == [
        "2 processes left behind",
        "the server's memory grew by 70.0 MB in the second half",
        "p99 rose to 4.0 times what it was at the start",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="what a server holds is read from /proc")
def test_a_footprint_counts_a_child_its_descriptors_and_its_memory() -> None:
    before = footprint(os.getpid())
    with subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE) as child:
        grown = footprint(os.getpid()).grown(before)
        child.kill()
    assert isinstance(before, Footprint)
    assert grown["processes"] == 1
    assert grown["descriptors"] >= 2
    assert grown["namespaces"] == 0
