"""AWS's own worked examples, meter by meter. Source: the Lambda pricing page, read 2026-11, unless a case says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lambda_sandbox.telemetry.meters import (
    NOTHING_FREE,
    Usage,
    async_requests,
    charges,
    duration_usd,
    gb_seconds,
    reserved_gb_seconds,
    streamed_gb,
    total_usd,
)
from lambda_sandbox.telemetry.prices import FreeTier, Prices, shipped

TODAY = Prices.load()
FREE = TODAY.free_tier
X86, ARM = "x86_64", "arm64"
HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True)
class Example:
    usage: Usage
    usd: float
    free_tier: FreeTier = NOTHING_FREE
    within: float = 0.01
    prices: Prices = TODAY


def duration(requests: int, ms: int, memory_mb: int, architecture: str = X86) -> dict[str, float]:
    return {architecture: requests * gb_seconds(memory_mb, ms / 1000)}


EXAMPLES = {
    "mobile backend": Example(Usage(3_000_000, duration(3_000_000, 120, 1536)), 2.73, FREE),
    "telemetry enrichment": Example(Usage(7_440_000, duration(7_440_000, 2000, 1024)), 249.49),
    "machine learning with 2 GB of /tmp": Example(
        Usage(
            6_000_000,
            duration(6_000_000, 280, 4096),
            storage_gb_seconds=6_000_000 * gb_seconds(2048 - 512, 0.28),
        ),
        106.41,
        FREE,
    ),
    "provisioned concurrency of 100 for 8 hours": Example(
        Usage(
            3_000_000,
            duration(2_500_000, 120, 1536),
            reserved_gb_seconds={X86: reserved_gb_seconds(1536, 100, 8 * HOUR, TODAY)},
            provisioned_gb_seconds=duration(500_000, 100, 1536),
        ),
        19.96,
        FREE,
    ),
    "provisioned concurrency of 7 for a day": Example(
        Usage(
            2_000_000,
            reserved_gb_seconds={X86: reserved_gb_seconds(4096, 7, 24 * HOUR, TODAY)},
            provisioned_gb_seconds=duration(2_000_000, 280, 4096),
        ),
        32.26,
    ),
    "SnapStart for Python": Example(
        Usage(
            7_440_000,
            duration(7_440_000, 2000, 1024),
            snapshot_gb_seconds=gb_seconds(1024, 31 * DAY),
            restored_gb=74_400.0,
        ),
        263.92,
    ),
    "response streaming, the free 100 GB used elsewhere": Example(
        Usage(
            3_000_000,
            duration(3_000_000, 500, 1536),
            streamed_gb=2_000_000 * streamed_gb(100 * 1024, TODAY)
            + 1_000_000 * streamed_gb(7 * 1024**2, TODAY),
        ),
        39.04,
        FreeTier(requests=FREE.requests, gb_seconds=FREE.gb_seconds),
    ),
    # The page counts 60 million requests for 30 million invocations; 6 USD less would be right.
    "Kafka pollers, as the page counts": Example(
        Usage(60_000_000, duration(30_000_000, 2000, 1024), poller_hours={"kafka": 800}),
        1153.30,
        FreeTier(gb_seconds=400_000),
        within=0.05,
    ),
    "SQS pollers": Example(
        Usage(30_000_000, duration(30_000_000, 1000, 1024), poller_hours={"sqs": 8000}), 580.00
    ),
    # The page rounds its lines up before it adds them: 6.6251.
    "Lambda@Edge": Example(
        Usage(edge_requests=10_000_000, edge_gb_seconds=10_000_000 * gb_seconds(128, 0.010)),
        6.63,
        within=0.011,
    ),
    "Managed Instances": Example(
        Usage(instance_requests=100_000_000, instances_usd=2000 * 0.1632, instances_discount=0.72),
        160.36,
        within=0.02,
    ),
    # The page's compute line is net of the free GB-seconds, its requests net of the free million.
    "durable functions": Example(
        Usage(
            2_000_000,
            duration(1_000_000, 32_000, 1024, ARM),
            durable_operations=4_000_000,
            durable_written_gb=104,
            durable_gb_months=72.8,
        ),
        490.46,
        FREE,
        within=0.02,
    ),
    # The page rounds the price of an environment to 0.000167.
    "tenant isolation": Example(
        Usage(10_000_000, duration(10_000_000, 2000, 1024), tenant_gb={X86: 200_000}), 368.74, within=0.1
    ),
    # Source: AWS News Blog, "1 ms billing granularity", 2020-12.
    "1 ms steps": Example(Usage(60_000_000, duration(60_000_000, 28, 1024)), 40.00, within=0.02),
    "100 ms era, 512 MB": Example(
        Usage(3_000_000, duration(3_000_000, 1000, 512)), 18.74, FREE, prices=Prices.load(rules="2019")
    ),
    "100 ms era, 128 MB": Example(
        Usage(30_000_000, duration(30_000_000, 200, 128)), 11.63, FREE, prices=Prices.load(rules="2019")
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_month_costs_what_aws_says(name: str) -> None:
    example = EXAMPLES[name]
    lines = charges(example.usage, example.prices, example.free_tier)
    assert total_usd(lines) == pytest.approx(example.usd, abs=example.within)


def test_the_second_tier_is_cheaper() -> None:
    first = duration_usd(6e9, TODAY)
    assert first == pytest.approx(6e9 * 1.66667e-5)
    assert duration_usd(7e9, TODAY) - first == pytest.approx(1e9 * 1.5e-5)


def test_the_free_tier_is_one_for_both_architectures() -> None:
    both = Usage(0, {X86: 300_000.0, ARM: 300_000.0})
    x86, arm = charges(both, TODAY, FREE)
    assert (x86.free, arm.free) == (300_000.0, 100_000.0)


def test_below_the_free_tier_nothing_is_paid() -> None:
    assert total_usd(charges(Usage(1_000_000, {X86: 400_000.0}), TODAY, FREE)) == 0.0


def test_a_large_asynchronous_event_counts_as_several_requests() -> None:
    sizes = [1, 256 * 1024, 256 * 1024 + 1, 320 * 1024 + 1, 1024 * 1024]
    assert [async_requests(size, TODAY) for size in sizes] == [1, 1, 2, 3, 13]


def test_provisioned_concurrency_is_rounded_up_to_five_minutes() -> None:
    assert reserved_gb_seconds(1024, 2, 301.0, TODAY) == 2 * 600.0


def test_a_meter_without_a_price_is_refused_not_free() -> None:
    old = Prices.load(rules="2019")
    for usage in (Usage(snapshot_gb_seconds=1.0), Usage(poller_hours={"sqs": 1.0}), Usage(0, {ARM: 1.0})):
        with pytest.raises(LookupError, match="These prices have no"):
            charges(usage, old)


def test_unknown_prices_name_the_shipped_ones() -> None:
    with pytest.raises(LookupError, match=", ".join(shipped())):
        Prices.load("eu-north-9")
