"""What the services beside Lambda would have cost, from dated price data. Exact: decimal numbers all the way.

A price that was not read in a source says so (``confirmed`` is false), here and in the bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from lambda_sandbox.telemetry.neighbour_usage import Call, Used
from lambda_sandbox.telemetry.prices import SHIPPED


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``usd`` is what ``per`` of ``unit`` cost."""

    service: str
    unit: str
    usd: Decimal
    source: str
    confirmed: bool
    per: int = 1

    def of(self, quantity: Decimal) -> Decimal:
        """Return what ``quantity`` costs in US dollars, without rounding."""
        return quantity * self.usd / self.per


class NeighbourPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Region's prices on one day, by meter."""

    region: str
    as_of: str
    meters: Mapping[str, Price]

    @classmethod
    @cache
    def load(cls, region: str = "us-east-1") -> NeighbourPrices:
        """Return the shipped prices of ``region``. Raises ``LookupError``."""
        file = SHIPPED / f"neighbour-prices-{region}.json"
        if not file.is_file():
            raise LookupError(f"There are no prices of the services beside Lambda for {region}.")
        return msgspec.json.decode(file.read_bytes(), type=cls)


def lines(sums: Iterable[Used], prices: NeighbourPrices) -> list[dict[str, Any]]:
    """Return one line for each day, function and meter; ``usd`` is a decimal in text."""
    made = []
    for used in sums:
        price = prices.meters[used.meter]
        made.append(
            {
                "day": used.day,
                "function_name": used.function_name,
                "service": price.service,
                "meter": used.meter,
                "quantity": plain(used.quantity),
                "unit": price.unit,
                "usd": plain(price.of(used.quantity)),
                "confirmed": price.confirmed,
            }
        )
    return made


def neighbour_bill(sums: Iterable[Used], prices: NeighbourPrices) -> dict[str, Any]:
    """Return ``rows``, the sums by ``functions``, ``services`` and ``days``, and ``total_usd``, all decimals in text."""
    rows = lines(sums, prices)
    used = {row["meter"] for row in rows}
    return {
        "rows": rows,
        **{
            kind: _summed(rows, column)
            for kind, column in (("functions", "function_name"), ("services", "service"), ("days", "day"))
        },
        "total_usd": plain(sum((Decimal(row["usd"]) for row in rows), Decimal(0))),
        "prices": {
            "region": prices.region,
            "as_of": prices.as_of,
            "meters": {
                name: {
                    "usd": plain(each.usd),
                    "per": each.per,
                    "source": each.source,
                    "confirmed": each.confirmed,
                }
                for name, each in prices.meters.items()
                if name in used
            },
        },
    }


def of_call(call: Call, prices: NeighbourPrices) -> Decimal:
    """Return what one request to a neighbour costs in US dollars."""
    return sum((prices.meters[meter].of(quantity) for meter, quantity in call.used.items()), Decimal(0))


def _summed(rows: list[dict[str, Any]], column: str) -> list[dict[str, str]]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row[column]] = sums.get(row[column], Decimal(0)) + Decimal(row["usd"])
    return [{"name": name, "total_usd": plain(sums[name])} for name in sorted(sums)]


def plain(number: Decimal) -> str:
    """Return a number without an exponent and without trailing zeros.

    >>> plain(Decimal("4E-7")), plain(Decimal("100"))
    ('0.0000004', '100')
    """
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
