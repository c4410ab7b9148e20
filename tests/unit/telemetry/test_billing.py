from __future__ import annotations

import pytest

from lambda_sandbox.telemetry.billing import Prices, duration_usd, gb_seconds, month_usd

PRICES = Prices.load()


@pytest.mark.parametrize(
    ("requests", "ms", "memory_mb", "free_tier", "expected_usd"),
    [
        # Source: the worked examples on AWS's Lambda pricing page, us-east-1, x86, read 2026-11.
        pytest.param(3_000_000, 120, 1536, True, 2.73, id="mobile backend"),
        pytest.param(7_440_000, 2000, 1024, False, 249.49, id="telemetry enrichment"),
    ],
)
def test_a_month_costs_what_the_pricing_page_says(
    requests: int, ms: int, memory_mb: int, free_tier: bool, expected_usd: float
) -> None:
    used = requests * gb_seconds(memory_mb, ms)
    assert month_usd(requests, used, PRICES, free_tier=free_tier) == pytest.approx(expected_usd, abs=0.01)


def test_the_second_tier_is_cheaper() -> None:
    first = duration_usd(6e9, PRICES)
    assert first == pytest.approx(6e9 * 1.66667e-5)
    assert duration_usd(7e9, PRICES) - first == pytest.approx(1e9 * 1.5e-5)


def test_arm_is_cheaper_than_x86() -> None:
    assert duration_usd(1000.0, PRICES, "arm64") < duration_usd(1000.0, PRICES)


def test_below_the_free_tier_nothing_is_paid() -> None:
    assert month_usd(1_000_000, 400_000.0, PRICES, free_tier=True) == 0.0
