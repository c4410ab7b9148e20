"""What invocations cost on AWS, from dated price data. All money is US dollars, all memory MB of 1,024 KB."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

from lambda_sandbox.invocation.messages import InvocationRecord


@dataclass(frozen=True, slots=True)
class Tier:
    """``usd`` a GB-second until ``up_to_gb_seconds`` of the month are used; ``None`` is without end."""

    up_to_gb_seconds: float | None
    usd: float


@dataclass(frozen=True, slots=True)
class Prices:
    """One Region's prices on one day. ``source`` and ``as_of`` go wherever the figures go."""

    region: str
    as_of: str
    source: str
    request_usd: float
    free_requests: int
    free_gb_seconds: float
    duration: dict[str, tuple[Tier, ...]]
    ephemeral_storage_usd: float
    ephemeral_storage_free_mb: int

    @classmethod
    @cache
    def load(cls, region: str = "us-east-1") -> Prices:
        """Return the shipped prices of ``region``. Raises ``FileNotFoundError`` where none are shipped."""
        text = (resources.files("lambda_sandbox.telemetry") / f"prices-{region}.json").read_text("utf-8")
        data: dict[str, Any] = json.loads(text)
        duration = {
            architecture: tuple(Tier(**tier) for tier in tiers)
            for architecture, tiers in data["duration_usd_per_gb_second"].items()
        }
        return cls(
            region=data["region"],
            as_of=data["as_of"],
            source=data["source"],
            request_usd=data["request_usd"],
            free_requests=data["free_requests_per_month"],
            free_gb_seconds=data["free_gb_seconds_per_month"],
            duration=duration,
            ephemeral_storage_usd=data["ephemeral_storage_usd_per_gb_second"],
            ephemeral_storage_free_mb=data["ephemeral_storage_free_mb"],
        )


def gb_seconds(memory_mb: int, billed_ms: int) -> float:
    """Return GB-seconds: configured memory, not used memory, times billed time.

    >>> gb_seconds(1024, 1000)
    1.0
    """
    return memory_mb / 1024 * billed_ms / 1000


def duration_usd(gb_s: float, prices: Prices, architecture: str = "x86_64") -> float:
    """Return the price of a month's ``gb_s`` GB-seconds, tier by tier, before any free tier."""
    total, used = 0.0, 0.0
    for tier in prices.duration[architecture]:
        end = gb_s if tier.up_to_gb_seconds is None else min(gb_s, tier.up_to_gb_seconds)
        total += max(0.0, end - used) * tier.usd
        used = max(used, end)
    return total


def month_usd(
    requests: int, gb_s: float, prices: Prices, *, architecture: str = "x86_64", free_tier: bool
) -> float:
    """Return one month's bill for ``requests`` and ``gb_s`` GB-seconds of one architecture."""
    if free_tier:
        requests = max(0, requests - prices.free_requests)
        gb_s = max(0.0, gb_s - prices.free_gb_seconds)
    return requests * prices.request_usd + duration_usd(gb_s, prices, architecture)


@dataclass(frozen=True, slots=True)
class BillRow:
    request_id: str
    function_name: str
    memory_mb: int
    duration_ms: float
    init_duration_ms: float | None
    billed_ms: int
    gb_seconds: float
    request_usd: float
    duration_usd: float
    total_usd: float


def bill(records: Iterable[InvocationRecord], prices: Prices) -> dict[str, Any]:
    """Return the bill of finished invocations as JSON-ready values: ``rows``, ``total_usd``, ``requests``, ``gb_seconds``.

    The free tier is not applied: a lesson's bill would always be zero. Throttled attempts are not charged.
    """
    rows = [_row(record, prices) for record in records if record.report is not None]
    return {
        "rows": [asdict(row) for row in rows],
        "requests": len(rows),
        "gb_seconds": sum(row.gb_seconds for row in rows),
        "total_usd": sum(row.total_usd for row in rows),
        "free_tier": {"requests": prices.free_requests, "gb_seconds": prices.free_gb_seconds},
        "prices": {
            "as_of": prices.as_of,
            "region": prices.region,
            "source": prices.source,
            "request_usd": prices.request_usd,
            "gb_second_usd": prices.duration["x86_64"][0].usd,
        },
    }


def _row(record: InvocationRecord, prices: Prices) -> BillRow:
    report = record.report
    assert report is not None
    function = record.invocation.function
    gb_s = gb_seconds(report.memory_mb, report.billed_ms)
    extra_gb = max(0, function.ephemeral_storage_mb - prices.ephemeral_storage_free_mb) / 1024
    time_usd = gb_s * prices.duration[function.architecture][0].usd
    time_usd += extra_gb * report.billed_ms / 1000 * prices.ephemeral_storage_usd
    return BillRow(
        report.request_id,
        function.function_name,
        report.memory_mb,
        report.duration_ms,
        report.init_duration_ms,
        report.billed_ms,
        gb_s,
        prices.request_usd,
        time_usd,
        prices.request_usd + time_usd,
    )
