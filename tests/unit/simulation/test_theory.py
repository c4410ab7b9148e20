"""Where queueing theory has a closed form, the simulation comes to it."""

import math

import pytest

from lambda_sandbox.simulation.durations import Constant, Durations, Exponential, Lognormal
from lambda_sandbox.simulation.outcome import simulate
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Poisson


def erlang_b(servers: int, load: float) -> float:
    """The share of callers that find all ``servers`` busy; ``load`` is arrivals a second times seconds of service."""
    loss = 1.0
    for count in range(1, servers + 1):
        loss = load * loss / (count + load * loss)
    return loss


@pytest.mark.parametrize(("reserved", "rate"), [(2, 2.0), (5, 4.0), (10, 8.0)])
@pytest.mark.parametrize(
    "handler",
    [Exponential(1000.0), Constant(1000.0), Lognormal(1000.0 * math.exp(-0.32), 0.8)],
    ids=["exponential", "constant", "lognormal"],
)
def test_throttles_at_a_reservation_are_erlangs_loss_whatever_the_handler(
    handler: Durations, reserved: int, rate: float
) -> None:
    figures = simulate(
        Scenario(
            Poisson(rate),
            handler,
            Constant(0.0),
            invocations=30_000,
            reserved=reserved,
            timeout_s=900,
            seed=3,
        )
    ).to_json()
    assert figures["throttles_by_reason"].keys() == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert figures["throttle_share"] == pytest.approx(erlang_b(reserved, rate), rel=0.06)


def test_concurrency_without_a_limit_is_poisson_with_the_offered_load() -> None:
    """M/G/∞: the mean is arrivals a second times mean seconds, and the variance is as large."""
    outcome = simulate(
        Scenario(Poisson(50.0), Lognormal(200.0, 0.6), Constant(0.0), invocations=60_000, timeout_s=60)
    )
    load = 50.0 * 0.2 * math.exp(0.6**2 / 2)
    figures = outcome.to_json()
    assert figures["concurrency"]["mean"] == pytest.approx(load, rel=0.03)
    assert load < figures["concurrency"]["peak"] < load + 7 * math.sqrt(load)


def test_concurrency_is_arrivals_times_time_in_the_system() -> None:
    """Little's law holds for every run to the last digit that is kept, cold starts included."""
    figures = simulate(
        Scenario(Poisson(20.0), Exponential(300.0), Lognormal(400.0, 0.3), invocations=5000, timeout_s=60)
    ).to_json()
    arrivals_per_s = figures["invocations"] / figures["span_s"]
    assert figures["concurrency"]["mean"] == pytest.approx(
        arrivals_per_s * figures["latency_ms"]["mean"] / 1000.0, rel=1e-4
    )


def test_environments_idle_past_the_keep_alive_start_cold_again() -> None:
    """A lone caller finds no environment with the chance that the gap before it is longer than the keep-alive."""
    figures = simulate(
        Scenario(Poisson(0.01), Constant(1.0), Constant(0.0), invocations=20_000, keep_alive_s=100.0)
    ).to_json()
    assert figures["cold_start_share"] == pytest.approx(math.exp(-1.0), rel=0.03)
