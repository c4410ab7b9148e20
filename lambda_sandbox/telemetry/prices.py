"""What AWS charges for each meter of Lambda, from dated data files. All money is US dollars, all memory MB of 1,024 KB.

A price file is one Region on one day: ``prices-<region>.json`` is today's, ``prices-<region>-<rules>.json`` that of another
time. A meter that did not exist then is not in its file, and using it is an error, not a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

SHIPPED = resources.files("lambda_sandbox.telemetry")


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a price file; an unknown name in the file is an error."""


class Tier(Data, frozen=True):
    """``usd`` a GB-second until ``up_to_gb_seconds`` of the month are used; ``None`` is without end."""

    up_to_gb_seconds: float | None
    usd: float


class Rules(Data, frozen=True):
    """How an invocation's time becomes billed time."""

    rounding_ms: int
    init_billed: bool


class FreeTier(Data, frozen=True):
    """What a month costs nothing for: an account's, x86 and arm together."""

    requests: int = 0
    gb_seconds: float = 0.0
    streamed_gb: float = 0.0
    edge_function_requests: int = 0


class AsyncEvent(Data, frozen=True):
    """An asynchronous event counts one request for the first part and one more for each further part."""

    first_kb: int
    then_kb: int


class Provisioned(Data, frozen=True):
    reserved_gb_second_usd: float
    duration_gb_second_usd: float


class SnapStart(Data, frozen=True):
    """Of Python and .NET; ``least_hours`` are charged for each published version."""

    cached_gb_second_usd: float
    restored_gb_usd: float
    least_hours: float


class Edge(Data, frozen=True):
    """Lambda@Edge, and CloudFront Functions as ``edge_function``."""

    request_usd: float
    gb_second_usd: float
    edge_function_request_usd: float


class Durable(Data, frozen=True):
    operation_usd: float
    written_gb_usd: float
    retained_gb_month_usd: float


class ManagedInstances(Data, frozen=True):
    """``fee_share`` is of the instances' on-demand price, whatever is paid for them."""

    request_usd: float
    fee_share: float


class Prices(Data, frozen=True):
    """One Region's prices on one day. ``source`` and ``as_of`` go wherever the figures go."""

    region: str
    as_of: str
    source: str
    rules: Rules
    free_tier: FreeTier
    request_usd: float
    async_event: AsyncEvent
    duration_usd_per_gb_second: Mapping[str, tuple[Tier, ...]]
    edge: Edge
    provisioned: Mapping[str, Provisioned] = {}
    provisioned_rounding_s: int = 1
    ephemeral_storage_gb_second_usd: float = 0.0
    ephemeral_storage_free_mb: int = 512
    streamed_gb_usd: float = 0.0
    streamed_free_mb_a_response: float = 0.0
    snapstart: SnapStart | None = None
    poller_hour_usd: Mapping[str, float] = {}
    tenant_gb_usd: Mapping[str, float] = {}
    durable: Durable | None = None
    managed_instances: ManagedInstances | None = None

    @classmethod
    @cache
    def load(cls, region: str = "us-east-1", rules: str = "") -> Prices:
        """Return the shipped prices of ``region``, today's or those of ``rules`` (``2019``).

        Raises ``LookupError`` with what is shipped.
        """
        name = f"prices-{region}-{rules}.json" if rules else f"prices-{region}.json"
        file = SHIPPED / name
        if not file.is_file():
            raise LookupError(
                f"There are no prices of {region} {rules or 'today'}; there are {', '.join(shipped())}."
            )
        return msgspec.json.decode(file.read_bytes(), type=cls)


def shipped() -> list[str]:
    """Return the Regions, with the rules where they are not today's, of which prices are shipped.

    >>> shipped()
    ['us-east-1', 'us-east-1-2019']
    """
    names = [file.name for file in SHIPPED.iterdir()]
    return sorted(
        name.removeprefix("prices-").removesuffix(".json")
        for name in names
        if name.startswith("prices-") and name.endswith(".json")
    )
