"""A month's usage, meter by meter, and what each meter comes to. No meter knows where its quantity came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lambda_sandbox.telemetry.prices import FreeTier, Prices

NOTHING_FREE = FreeTier()
MB_A_GB = 1024.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What one account used in one Region in one month. Mappings are by architecture (``x86_64``, ``arm64``).

    ``gb_seconds`` is on demand, ``provisioned_gb_seconds`` ran on provisioned concurrency, ``reserved_gb_seconds`` is
    provisioned concurrency that stood ready. ``poller_hours`` are by source (``kafka``, ``sqs``), ``tenant_gb`` is
    memory of the environments made for tenants, ``instances_usd`` the on-demand price of Managed Instances and
    ``instances_discount`` the share (0 to 1) that a savings plan takes off.
    """

    requests: int = 0
    gb_seconds: Mapping[str, float] = field(default_factory=dict)
    storage_gb_seconds: float = 0.0
    reserved_gb_seconds: Mapping[str, float] = field(default_factory=dict)
    provisioned_gb_seconds: Mapping[str, float] = field(default_factory=dict)
    streamed_gb: float = 0.0
    snapshot_gb_seconds: float = 0.0
    restored_gb: float = 0.0
    poller_hours: Mapping[str, float] = field(default_factory=dict)
    tenant_gb: Mapping[str, float] = field(default_factory=dict)
    durable_operations: int = 0
    durable_written_gb: float = 0.0
    durable_gb_months: float = 0.0
    edge_requests: int = 0
    edge_gb_seconds: float = 0.0
    edge_function_requests: int = 0
    instance_requests: int = 0
    instances_usd: float = 0.0
    instances_discount: float = 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of a bill: ``quantity`` was used, of which ``free`` cost nothing."""

    meter: str
    quantity: float
    unit: str
    usd: float
    free: float = 0.0


def gb_seconds(memory_mb: float, seconds: float) -> float:
    """Return GB-seconds: configured memory, not used memory, times billed time.

    >>> gb_seconds(1536, 0.5)
    0.75
    """
    return memory_mb / MB_A_GB * seconds


def async_requests(event_bytes: int, prices: Prices) -> int:
    """Return how many requests an asynchronous event counts as.

    >>> async_requests(300 * 1024, Prices.load())
    2
    """
    rest = event_bytes - prices.async_event.first_kb * 1024
    return 1 + max(0, math.ceil(rest / (prices.async_event.then_kb * 1024)))


def streamed_gb(response_bytes: int, prices: Prices) -> float:
    """Return the GB of one streamed response that count: those behind its first 6 MB."""
    return max(0.0, response_bytes / 1024**2 - prices.streamed_free_mb_a_response) / MB_A_GB


def reserved_gb_seconds(memory_mb: int, environments: int, seconds: float, prices: Prices) -> float:
    """Return the GB-seconds of provisioned concurrency from enabled to disabled, rounded up to five minutes."""
    step = prices.provisioned_rounding_s
    return gb_seconds(memory_mb, math.ceil(seconds / step) * step) * environments


def charges(usage: Usage, prices: Prices, free_tier: FreeTier = NOTHING_FREE) -> list[Charge]:
    """Return the lines of a month's bill, without those that are zero; ``free_tier`` is ``prices.free_tier`` or nothing.

    Raises ``LookupError`` for a meter that has no price in ``prices``.
    """
    return [charge for charge in _all_charges(usage, prices, free_tier) if charge.quantity]


def total_usd(lines: list[Charge]) -> float:
    return math.fsum(line.usd for line in lines)


def _all_charges(usage: Usage, prices: Prices, free_tier: FreeTier) -> Iterator[Charge]:
    yield _flat("Requests", usage.requests, "requests", prices.request_usd, free_tier.requests)
    yield from _duration(usage.gb_seconds, prices, free_tier.gb_seconds)
    yield _flat(
        "Ephemeral storage",
        usage.storage_gb_seconds,
        "GB-seconds",
        prices.ephemeral_storage_gb_second_usd,
    )
    yield from _provisioned(usage, prices)
    yield _flat("Streamed bytes", usage.streamed_gb, "GB", prices.streamed_gb_usd, free_tier.streamed_gb)
    yield from _snapstart(usage, prices)
    for source, hours in usage.poller_hours.items():
        yield _flat(f"Pollers ({source})", hours, "hours", _price(prices.poller_hour_usd, source, "pollers"))
    for architecture, gb in usage.tenant_gb.items():
        price = _price(prices.tenant_gb_usd, architecture, "tenant isolation")
        yield _flat(f"Tenant environments ({architecture})", gb, "GB", price)
    yield from _durable(usage, prices)
    yield from _edge(usage, prices, free_tier)
    yield from _instances(usage, prices)


def _flat(meter: str, quantity: float, unit: str, usd: float, free: float = 0.0) -> Charge:
    taken = min(quantity, free)
    return Charge(meter, quantity, unit, (quantity - taken) * usd, taken)


def _price(prices: Mapping[str, float], name: str, meter: str) -> float:
    if name not in prices:
        raise LookupError(f"These prices have none of {meter} for {name}.")
    return prices[name]


def _duration(used: Mapping[str, float], prices: Prices, free: float) -> Iterator[Charge]:
    for architecture, quantity in used.items():
        if architecture not in prices.duration_usd_per_gb_second:
            raise LookupError(f"These prices have no duration on {architecture}.")
        taken = min(quantity, free)
        free -= taken
        usd = duration_usd(quantity - taken, prices, architecture)
        yield Charge(f"Duration ({architecture})", quantity, "GB-seconds", usd, taken)


def duration_usd(gb_s: float, prices: Prices, architecture: str = "x86_64") -> float:
    """Return the price of a month's ``gb_s`` GB-seconds, tier by tier, before any free tier."""
    total, used = 0.0, 0.0
    for tier in prices.duration_usd_per_gb_second[architecture]:
        end = gb_s if tier.up_to_gb_seconds is None else min(gb_s, tier.up_to_gb_seconds)
        total += max(0.0, end - used) * tier.usd
        used = max(used, end)
    return total


def _provisioned(usage: Usage, prices: Prices) -> Iterator[Charge]:
    for architecture in sorted({*usage.reserved_gb_seconds, *usage.provisioned_gb_seconds}):
        price = prices.provisioned.get(architecture)
        if price is None:
            raise LookupError(f"These prices have no provisioned concurrency on {architecture}.")
        reserved = usage.reserved_gb_seconds.get(architecture, 0.0)
        used = usage.provisioned_gb_seconds.get(architecture, 0.0)
        unit = "GB-seconds"
        yield _flat(f"Provisioned concurrency ({architecture})", reserved, unit, price.reserved_gb_second_usd)
        yield _flat(
            f"Duration on provisioned concurrency ({architecture})", used, unit, price.duration_gb_second_usd
        )


def _snapstart(usage: Usage, prices: Prices) -> Iterator[Charge]:
    if not usage.snapshot_gb_seconds and not usage.restored_gb:
        return
    if prices.snapstart is None:
        raise LookupError("These prices have no SnapStart.")
    price = prices.snapstart
    yield _flat("SnapStart cache", usage.snapshot_gb_seconds, "GB-seconds", price.cached_gb_second_usd)
    yield _flat("SnapStart restores", usage.restored_gb, "GB", price.restored_gb_usd)


def _durable(usage: Usage, prices: Prices) -> Iterator[Charge]:
    if not usage.durable_operations and not usage.durable_written_gb and not usage.durable_gb_months:
        return
    if prices.durable is None:
        raise LookupError("These prices have no durable functions.")
    price = prices.durable
    yield _flat("Durable operations", usage.durable_operations, "operations", price.operation_usd)
    yield _flat("Durable data written", usage.durable_written_gb, "GB", price.written_gb_usd)
    yield _flat("Durable data retained", usage.durable_gb_months, "GB-months", price.retained_gb_month_usd)


def _edge(usage: Usage, prices: Prices, free_tier: FreeTier) -> Iterator[Charge]:
    price = prices.edge
    yield _flat("Lambda@Edge requests", usage.edge_requests, "requests", price.request_usd)
    yield _flat("Lambda@Edge duration", usage.edge_gb_seconds, "GB-seconds", price.gb_second_usd)
    yield _flat(
        "CloudFront Functions",
        usage.edge_function_requests,
        "requests",
        price.edge_function_request_usd,
        free_tier.edge_function_requests,
    )


def _instances(usage: Usage, prices: Prices) -> Iterator[Charge]:
    if not usage.instance_requests and not usage.instances_usd:
        return
    if prices.managed_instances is None:
        raise LookupError("These prices have no Managed Instances.")
    price = prices.managed_instances
    yield _flat("Managed Instances requests", usage.instance_requests, "requests", price.request_usd)
    paid = 1.0 - usage.instances_discount
    yield Charge("Managed Instances (EC2)", usage.instances_usd, "USD", usage.instances_usd * paid)
    yield Charge("Managed Instances fee", usage.instances_usd, "USD", usage.instances_usd * price.fee_share)
