"""One scenario at a time: what the core's rules do to simulated callers."""

from pathlib import Path

import pytest

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.simulation.durations import Constant, Durations, Empirical, Exponential, Lognormal, parse
from lambda_sandbox.simulation.outcome import Outcome, simulate
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Poisson, Recorded, Traffic


def run(
    traffic: Traffic = Poisson(20.0),  # noqa: B008 - frozen
    handler: Durations = Constant(100.0),  # noqa: B008
    init: Durations = Constant(200.0),  # noqa: B008
    **changes: object,
) -> Outcome:
    return simulate(Scenario(traffic, handler, init, **changes))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    def figures(seed: int) -> dict[str, object]:
        return run(
            Poisson(50.0), Lognormal(80.0, 0.5), Exponential(300.0), invocations=3000, seed=seed
        ).to_json()

    assert figures(1) == figures(1)
    assert figures(1)["latency_ms"] != figures(2)["latency_ms"]


def test_second_caller_is_warm_and_the_bill_has_inits_and_handlers() -> None:
    figures = run(Recorded((0.0, 1.0)), memory_mb=1024).to_json()
    assert (figures["cold_starts"], figures["attempts"]) == (1, 2)
    assert figures["latency_ms"]["max"] == pytest.approx(300.0, abs=0.01)
    assert figures["wait_ms"]["p50"] == 0.0
    duration = next(line for line in figures["bill"]["lines"] if line["meter"].startswith("Duration"))
    assert duration["quantity"] == pytest.approx(0.400)  # 100 + 200 ms, then 100 ms, of 1 GB


def test_callers_at_the_same_moment_have_an_environment_each() -> None:
    figures = run(Recorded((0.0, 0.0, 0.0, 5.0, 5.0))).to_json()
    assert (figures["cold_starts"], figures["concurrency"]["peak"], figures["environments_peak"]) == (3, 3, 3)


def test_scaling_rate_throttles_more_than_a_thousand_cold_starts_at_once() -> None:
    figures = run(Recorded((0.0,) * 1500), account_limit=5000).to_json()
    assert figures["throttles_by_reason"] == {"ConcurrentInvocationLimitExceeded": 500}
    assert figures["cold_starts"] == 1000


def test_request_rate_throttles_a_reservation_at_ten_a_second_each() -> None:
    figures = run(
        Poisson(200.0), Constant(1.0), Constant(0.0), invocations=2000, reserved=2, keep_alive_s=900.0
    ).to_json()
    assert figures["throttles_by_reason"]["ReservedFunctionInvocationRateLimitExceeded"] > 500


def test_provisioned_environments_start_warm_and_are_billed_by_their_own_meters() -> None:
    figures = run(invocations=500, provisioned=20).to_json()
    assert (figures["cold_starts"], figures["on_provisioned"]) == (0, 500)
    assert [line["meter"] for line in figures["bill"]["lines"]] == [
        "Requests",
        "Provisioned concurrency (x86_64)",
        "Duration on provisioned concurrency (x86_64)",
    ]


def test_traffic_beyond_provisioned_concurrency_spills_over_to_cold_starts() -> None:
    figures = run(Recorded((0.0, 0.0, 0.0)), provisioned=2).to_json()
    assert (figures["cold_starts"], figures["on_provisioned"]) == (1, 2)


def test_handlers_longer_than_the_timeout_are_cut_and_start_cold_again() -> None:
    figures = run(Recorded((0.0, 10.0)), Constant(5000.0), timeout_s=1).to_json()
    assert figures["statuses"] == {"timeout": 2}
    assert figures["mean_duration_ms"] == 1000.0


def test_init_longer_than_ten_seconds_is_repeated_within_the_invocation() -> None:
    figures = run(Recorded((0.0,)), init=Constant(11_000.0), timeout_s=60).to_json()
    assert figures["latency_ms"]["max"] == pytest.approx(10_000 + 11_000 + 100, abs=0.01)
    assert figures["mean_duration_ms"] == pytest.approx(11_100.0, abs=0.01)


def test_throttled_events_wait_and_run_later_where_callers_are_refused() -> None:
    together = Recorded((0.0,) * 5)
    refused = run(together, reserved=1).to_json()
    queued = run(together, reserved=1, asynchronous=True).to_json()
    assert (refused["attempts"], refused["throttles"]) == (1, 4)
    assert queued["events"] == {"Success": 5}
    assert queued["wait_ms"]["max"] == pytest.approx(200.0 + 4 * 100.0, abs=0.01)


def test_failed_events_are_tried_twice_again_after_one_and_two_minutes() -> None:
    figures = run(Recorded((0.0,)), asynchronous=True, error_share=1.0).to_json()
    assert figures["events"] == {"RetriesExhausted": 1}
    assert (figures["attempts"], figures["statuses"]) == (3, {"error": 3})
    assert figures["span_s"] == pytest.approx(0.3 + 60.1 + 120.1, abs=0.001)


def test_half_the_memory_takes_a_cpu_bound_handler_twice_as_long_up_to_one_vcpu() -> None:
    def mean_ms(memory_mb: int, cpu_bound: float = 1.0) -> float:
        scenario = run(
            Recorded((0.0,)), init=Constant(0.0), memory_mb=memory_mb, measured_at_mb=512, cpu_bound=cpu_bound
        )
        value: float = scenario.to_json()["mean_duration_ms"]
        return value

    assert mean_ms(256) == pytest.approx(200.0, abs=0.02)
    assert mean_ms(3008) == mean_ms(1769) == pytest.approx(100.0 * 512 / 1769, abs=0.02)
    assert mean_ms(256, cpu_bound=0.5) == pytest.approx(150.0, abs=0.02)


def test_duration_ends_the_traffic() -> None:
    figures = run(Poisson(10.0), duration_s=60.0).to_json()
    assert figures["traffic_s"] < 60.0
    assert figures["invocations"] == pytest.approx(600, rel=0.2)


def test_series_adds_up_to_the_totals() -> None:
    figures = run(invocations=4000, reserved=3).to_json()
    over_time = figures["over_time"]
    assert sum(over_time["invocations"]) == figures["invocations"]
    assert sum(over_time["throttles"]) == figures["throttles"]
    assert sum(over_time["cold_starts"]) == figures["cold_starts"]
    assert max(over_time["concurrency_peak"]) == 3
    assert len(over_time["invocations"]) <= 512


def test_durations_come_from_a_history_of_ones_own(tmp_path: object) -> None:
    path = f"{tmp_path}/history.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            '{"invocations": [{"status": "success", "duration_ms": 12.5, "init_duration_ms": 80.0},'
            '{"status": "success", "duration_ms": 7.5, "init_duration_ms": null},'
            '{"status": "error", "duration_ms": 999.0, "init_duration_ms": null}]}'
        )
    assert parse(f"history:{path}", "duration_ms") == Empirical((12.5, 7.5))
    assert parse(f"history:{path}", "init_duration_ms") == Empirical((80.0,))


@pytest.mark.parametrize(
    "text", ["constant", "constant:-1", "lognormal:5", "constant:1:2", "gamma:1", "history:"]
)
def test_wrong_durations_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SandboxFault, match=text):
        parse(text, "duration_ms")


def test_a_history_that_is_not_there_is_said_without_an_error_number(tmp_path: Path) -> None:
    with pytest.raises(
        SandboxFault, match=r"none\.json cannot be read as a history: No such file or directory$"
    ):
        parse(f"history:{tmp_path}/none.json", "duration_ms")


@pytest.mark.parametrize(
    "changes", [{"reserved": 901}, {"provisioned": 901}, {"reserved": 5, "provisioned": 6}]
)
def test_what_aws_would_refuse_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(SandboxFault):
        run(invocations=1, **changes)
