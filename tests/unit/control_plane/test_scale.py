"""Many functions must not make one slow: ratios of one run, since seconds are the machine's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.control_plane import measure

ROOT = Path(__file__).parents[3]


def test_ten_times_the_functions_take_the_same_time_each() -> None:
    few, many = measure(20, 3), measure(200, 3)
    ratios = {what: many["median_ms"][what] / few["median_ms"][what] for what in few["median_ms"]}
    # A page of 50 is longer than one of 20; all else should be one. Twice that leaves room for a busy machine.
    limits = {what: 5.0 if what == "list" else 3.0 for what in ratios}
    assert {what: ratio for what, ratio in ratios.items() if ratio > limits[what]} == {}
    assert many["restart_s"] < 20 * few["restart_s"]


@pytest.mark.parametrize("limit", ["0", "1000"])
def test_benchmark_prints_its_figures_and_fails_above_its_limit(limit: str) -> None:
    command = [sys.executable, "-m", "benchmarks", "control-plane", "--json", "--limit-ms", limit]
    done = subprocess.run(
        [*command, "--functions", "3", "--versions", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    figures = json.loads(done.stdout)
    assert (figures["functions"], figures["versions"]) == (3, 2)
    assert set(figures["median_ms"]) == {"list", "list_versions", "get", "update", "publish", "resolve"}
    assert done.returncode == (1 if limit == "0" else 0)
