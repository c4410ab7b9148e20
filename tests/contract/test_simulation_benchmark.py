"""The simulation's benchmark runs and says what it compared."""

import json
import subprocess
import sys

import pytest


def test_benchmark_simulates_the_same_load_on_every_side() -> None:
    command = [sys.executable, "-m", "benchmarks", "simulate", "--json", "--no-million"]
    done = subprocess.run(
        [*command, "--rounds", "1", "--requests", "4000"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    few, many = figures["compared"]
    assert few["sandbox"]["concurrency_mean"] == pytest.approx(0.9 * 1.991, rel=0.15)
    assert many["sandbox"]["cold_start_share"] > few["sandbox"]["cold_start_share"]
    if "simfaas" in few:  # where `make bench` has installed it
        assert few["simfaas"]["concurrency_mean"] == pytest.approx(
            few["sandbox"]["concurrency_mean"], rel=0.2
        )
        assert few["ratio_processor"] > 0
    else:
        assert "make bench" in figures["peer"]
