"""The benchmark runs, measures both servers in one run, and says what it found."""

import json
import subprocess
import sys

import pytest

from benchmarks.invoke import percentile


def test_one_run_measures_the_sandbox_and_the_bare_server() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "invoke",
        "--json",
        "--rounds",
        "1",
        "--calls",
        "100",
        "--cold-starts",
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    bare, ours = figures["warm"]["bare"], figures["warm"]["sandbox"]
    assert 0 < bare["p50_us"] < ours["p50_us"] <= ours["p99_us"]
    assert figures["warm"]["ratio_p50"] == pytest.approx(ours["p50_us"] / bare["p50_us"], rel=0.02)
    assert set(figures["throughput"]) == {"8", "32"}
    assert all(rates["sandbox_per_s"] > 0 for rates in figures["throughput"].values())
    assert figures["cold_start"]["count"] == 2
    assert figures["cold_start"]["p50_ms"] * 1000 > ours["p50_us"]


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.50, 50), (0.99, 99), (1.0, 100)],
    ids=["the middle", "all but one in a hundred", "the largest"],
)
def test_percentile_is_the_nearest_rank(share: float, wanted: int) -> None:
    assert percentile(range(100, 0, -1), share) == wanted
