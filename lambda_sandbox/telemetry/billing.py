"""What the invocations of this sandbox would have cost on AWS, each for itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.invocation.messages import InvocationRecord, InvocationType
from lambda_sandbox.invocation.report import billed_duration_ms
from lambda_sandbox.telemetry.meters import async_requests, gb_seconds
from lambda_sandbox.telemetry.prices import Prices

_DAY_S = 86_400
_MONTH_DAYS = 30.4


@dataclass(frozen=True, slots=True)
class BillRow:
    request_id: str
    function_name: str
    memory_mb: int
    duration_ms: float
    init_duration_ms: float | None
    billed_ms: int
    gb_seconds: float
    requests: int
    request_usd: float
    duration_usd: float
    total_usd: float


def bill(records: Iterable[InvocationRecord], prices: Prices) -> dict[str, Any]:
    """Return the bill of finished invocations as JSON-ready values.

    ``rows`` one an invocation, ``functions`` by name, ``days`` by date (UTC), ``total_usd``, ``requests``, ``gb_seconds``,
    and ``month_usd``: what a month at the rate of these invocations would cost, ``None`` for less than two of them.
    The free tier is not applied: a lesson's bill would always be zero. Throttled attempts are not charged.
    """
    charged = [record for record in records if record.report is not None]
    rows = [_row(record, prices) for record in charged]
    total = sum(row.total_usd for row in rows)
    days = [f"{_date(record.ended_at)}" for record in charged]
    return {
        "rows": [asdict(row) for row in rows],
        "functions": _summed([row.function_name for row in rows], rows),
        "days": _summed(days, rows),
        "requests": sum(row.requests for row in rows),
        "gb_seconds": sum(row.gb_seconds for row in rows),
        "total_usd": total,
        "month_usd": _month_usd(charged, total),
        "free_tier": {
            "requests": prices.free_tier.requests,
            "gb_seconds": prices.free_tier.gb_seconds,
        },
        "prices": {
            "as_of": prices.as_of,
            "region": prices.region,
            "source": prices.source,
            "request_usd": prices.request_usd,
            "gb_second_usd": prices.duration_usd_per_gb_second["x86_64"][0].usd,
        },
    }


def _row(record: InvocationRecord, prices: Prices) -> BillRow:
    report = record.report
    assert report is not None
    invocation, function = record.invocation, record.invocation.function
    init_ms = (report.init_duration_ms or 0.0) if prices.rules.init_billed else 0.0
    billed_ms = billed_duration_ms(report.duration_ms, init_ms, step_ms=prices.rules.rounding_ms)
    gb_s = gb_seconds(report.memory_mb, billed_ms / 1000)
    extra_mb = max(0, function.ephemeral_storage_mb - prices.ephemeral_storage_free_mb)
    tiers = prices.duration_usd_per_gb_second.get(function.architecture)
    time_usd = gb_s * (tiers or prices.duration_usd_per_gb_second["x86_64"])[0].usd
    time_usd += gb_seconds(extra_mb, billed_ms / 1000) * prices.ephemeral_storage_gb_second_usd
    is_event = invocation.invocation_type is InvocationType.EVENT
    requests = async_requests(len(invocation.payload), prices) if is_event else 1
    return BillRow(
        request_id=report.request_id,
        function_name=function.function_name,
        memory_mb=report.memory_mb,
        duration_ms=report.duration_ms,
        init_duration_ms=report.init_duration_ms,
        billed_ms=billed_ms,
        gb_seconds=gb_s,
        requests=requests,
        request_usd=requests * prices.request_usd,
        duration_usd=time_usd,
        total_usd=requests * prices.request_usd + time_usd,
    )


def _summed(names: list[str], rows: list[BillRow]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for name, row in zip(names, rows, strict=True):
        of_name = sums.setdefault(name, {"name": name, "requests": 0, "gb_seconds": 0.0, "total_usd": 0.0})
        of_name["requests"] += row.requests
        of_name["gb_seconds"] += row.gb_seconds
        of_name["total_usd"] += row.total_usd
    return [sums[name] for name in sorted(sums)]


def _month_usd(records: list[InvocationRecord], total: float) -> float | None:
    """AWS's month has no one length: 30.4 days is a twelfth of a year."""
    if len(records) < 2:
        return None
    seconds = max(record.ended_at for record in records) - min(record.started_at for record in records)
    return total / seconds * _DAY_S * _MONTH_DAYS if seconds > 0 else None


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
