"""What the invocations of this sandbox would have cost on AWS, each for itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lambda_sandbox.invocation.messages import InvocationRecord, InvocationType
from lambda_sandbox.invocation.report import Report, billed_duration_ms
from lambda_sandbox.telemetry.meters import async_requests, gb_seconds
from lambda_sandbox.telemetry.neighbour_bill import NeighbourPrices, neighbour_bill, plain
from lambda_sandbox.telemetry.neighbour_usage import OUTSIDE, NeighbourUsage
from lambda_sandbox.telemetry.prices import Prices

_DAY_S = 86_400
_MONTH_DAYS = 30.4
_NOTHING_DURABLE: dict[str, Any] = {"rows": [], "days": [], "total_usd": "0"}


@dataclass(frozen=True, slots=True)
class BillRow:
    """One invocation's price in US dollars; ``billed_ms`` is what it was charged for."""

    request_id: str
    function_name: str
    memory_mb: int
    duration_ms: float
    init_duration_ms: float | None
    billed_ms: int
    gb_seconds: float
    requests: int
    request_usd: Decimal
    duration_usd: Decimal
    total_usd: Decimal
    arithmetic: str


def bill(
    records: Iterable[InvocationRecord],
    prices: Prices,
    neighbours: NeighbourUsage | None = None,
    durable: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the bill of finished invocations, and of what they used beside Lambda, as JSON-ready values.

    ``rows`` one an invocation, ``functions`` by name, ``days`` by date (UTC), ``total_usd``, ``requests``, ``gb_seconds``,
    and ``month_usd``: what a month at the rate of these invocations would cost, ``None`` for less than two of them.
    ``neighbours`` is the bill of S3, SQS and the rest, and says in ``left_out`` what of them it does not hold. ``durable`` is
    what executions cost beside their invocations (``DurableUsage.bill``). ``all`` is everything together, day by day and
    function by function, in decimal text, with what a month of it would cost: of what functions caused, for setting things
    up from outside does not come every day. Sums are made of decimal numbers; the floats are for reading.
    The free tier is not applied: a lesson's bill would always be zero. Throttled attempts are not charged.
    """
    charged = [record for record in records if record.report is not None]
    rows = [invocation_price(record, prices) for record in charged]
    total = sum((row.total_usd for row in rows), Decimal(0))
    days = [f"{_date(record.ended_at)}" for record in charged]
    functions, by_day = _summed([row.function_name for row in rows], rows), _summed(days, rows)
    used, durable = neighbours or NeighbourUsage(), durable or _NOTHING_DURABLE
    beside = neighbour_bill(used.sums(), NeighbourPrices.load(prices.region))
    beside["left_out"] = list(used.left_out)
    return {
        "rows": [_floats(asdict(row)) for row in rows],
        "functions": [_floats(each) for each in functions],
        "days": [_floats(each) for each in by_day],
        "requests": sum(row.requests for row in rows),
        "gb_seconds": sum(row.gb_seconds for row in rows),
        "total_usd": float(total),
        "month_usd": _month_usd(charged, total),
        "neighbours": beside,
        "durable": durable,
        "all": _together(
            total + Decimal(durable["total_usd"]),
            _with_durable(functions, durable["rows"], "function_name"),
            _with_durable(by_day, durable["days"], "name"),
            beside,
            _span_s(charged),
        ),
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


def invocation_price(record: InvocationRecord, prices: Prices) -> BillRow:
    """Return what one finished attempt costs. ``record.report`` is not ``None``."""
    report = record.report
    assert report is not None
    invocation, function = record.invocation, record.invocation.function
    billed_ms = _billed_ms(report, prices)
    gb_s = gb_seconds(report.memory_mb, billed_ms / 1000)
    exact_gb_s = Decimal(report.memory_mb) * billed_ms / Decimal(1_024_000)
    each_usd = _decimal(_gb_second_usd(record, prices))
    time_usd = exact_gb_s * each_usd
    arithmetic = (
        f"{report.memory_mb} MB / 1,024 x {billed_ms:,} ms / 1,000 = {gb_s:.6f} GB-s x {each_usd:f} USD"
    )
    extra_mb = max(0, function.ephemeral_storage_mb - prices.ephemeral_storage_free_mb)
    if extra_mb and prices.ephemeral_storage_gb_second_usd:
        storage_usd = Decimal(extra_mb) * billed_ms / Decimal(1_024_000)
        time_usd += storage_usd * _decimal(prices.ephemeral_storage_gb_second_usd)
        arithmetic += f" + {extra_mb} MB of /tmp x {prices.ephemeral_storage_gb_second_usd:.10f} USD a GB-s"
    is_event = invocation.invocation_type is InvocationType.EVENT
    requests = async_requests(len(invocation.payload), prices) if is_event else 1
    request_usd = requests * _decimal(prices.request_usd)
    arithmetic += (
        f" + {requests} request{'' if requests == 1 else 's'} x {_decimal(prices.request_usd):f} USD"
    )
    return BillRow(
        request_id=report.request_id,
        function_name=function.function_name,
        memory_mb=report.memory_mb,
        duration_ms=report.duration_ms,
        init_duration_ms=report.init_duration_ms,
        billed_ms=billed_ms,
        gb_seconds=gb_s,
        requests=requests,
        request_usd=request_usd,
        duration_usd=time_usd,
        total_usd=request_usd + time_usd,
        arithmetic=f"{arithmetic} = {(request_usd + time_usd):.10f} USD",
    )


def _billed_ms(report: Report, prices: Prices) -> int:
    """By today's rules what the REPORT line says, init and restore with it; by others' rules their own."""
    init_ms = (report.init_duration_ms or 0.0) if prices.rules.init_billed else 0.0
    before_ms = init_ms + report.billed_restore_duration_ms
    return billed_duration_ms(report.duration_ms, before_ms, step_ms=prices.rules.rounding_ms)


def _gb_second_usd(record: InvocationRecord, prices: Prices) -> float:
    """What ran on provisioned concurrency costs less a second; what stands ready is billed by itself."""
    architecture = record.invocation.function.architecture
    if record.on_provisioned and architecture in prices.provisioned:
        return prices.provisioned[architecture].duration_gb_second_usd
    tiers = prices.duration_usd_per_gb_second.get(architecture)
    return (tiers or prices.duration_usd_per_gb_second["x86_64"])[0].usd


def _summed(names: list[str], rows: list[BillRow]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for name, row in zip(names, rows, strict=True):
        new = {"name": name, "requests": 0, "gb_seconds": 0.0, "total_usd": Decimal(0)}
        of_name = sums.setdefault(name, new)
        of_name["requests"] += row.requests
        of_name["gb_seconds"] += row.gb_seconds
        of_name["total_usd"] += row.total_usd
    return [sums[name] for name in sorted(sums)]


def _with_durable(
    sums: list[dict[str, Any]], durable: list[dict[str, Any]], name: str
) -> list[dict[str, Any]]:
    """Return ``sums`` with what executions cost, which have invocations of the same names wherever any ran."""
    usd = {each["name"]: each["total_usd"] for each in sums}
    for row in durable:
        usd[row[name]] = usd.get(row[name], Decimal(0)) + Decimal(row["total_usd"])
    return [{"name": each, "total_usd": usd[each]} for each in sorted(usd)]


def _together(
    total: Decimal,
    functions: list[dict[str, Any]],
    days: list[dict[str, Any]],
    beside: dict[str, Any],
    span_s: float,
) -> dict[str, Any]:
    both = total + Decimal(beside["total_usd"])
    caused = sum((Decimal(e["total_usd"]) for e in beside["functions"] if e["name"] != OUTSIDE), total)
    month = caused / Decimal(span_s) * Decimal(_DAY_S) * Decimal(str(_MONTH_DAYS)) if span_s > 0 else None
    return {
        "functions": _joined(functions, beside["functions"]),
        "days": _joined(days, beside["days"]),
        "lambda_usd": plain(total),
        "neighbours_usd": beside["total_usd"],
        "total_usd": plain(both),
        "month_usd": None if month is None else float(month),
    }


def _joined(ours: list[dict[str, Any]], theirs: list[dict[str, str]]) -> list[dict[str, str]]:
    lambda_usd = {each["name"]: each["total_usd"] for each in ours}
    beside_usd = {each["name"]: Decimal(each["total_usd"]) for each in theirs}
    zero = Decimal(0)
    return [
        {
            "name": name,
            "lambda_usd": plain(lambda_usd.get(name, zero)),
            "neighbours_usd": plain(beside_usd.get(name, zero)),
            "total_usd": plain(lambda_usd.get(name, zero) + beside_usd.get(name, zero)),
        }
        for name in sorted({*lambda_usd, *beside_usd})
    ]


def _floats(row: dict[str, Any]) -> dict[str, Any]:
    """Money as a number to read, and the total as text to add up."""
    made = {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
    return made | {"total_usd_exact": plain(row["total_usd"])}


def _decimal(price: float) -> Decimal:
    """A price file's number as it is written: its shortest text."""
    return Decimal(str(price))


def _span_s(records: list[InvocationRecord]) -> float:
    """From the first invocation's begin to the last one's end; 0.0 for a single one."""
    if len(records) < 2:
        return 0.0
    return max(record.ended_at for record in records) - min(record.started_at for record in records)


def _month_usd(records: list[InvocationRecord], total: Decimal) -> float | None:
    """AWS's month has no one length: 30.4 days is a twelfth of a year."""
    seconds = _span_s(records)
    return float(total) / seconds * _DAY_S * _MONTH_DAYS if seconds > 0 else None


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
