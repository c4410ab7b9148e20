"""What durable executions are billed for: operations, data written, and data kept from its begin to the end of its retention.

Source: AWS Lambda pricing, "Durable functions", read 2026-11.

POLICY: the bill for data that durable executions keep counts each byte from the start of its execution, whenever it was written. AWS
documents no moment at which it measures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from lambda_sandbox.telemetry.meters import Usage, charges
from lambda_sandbox.telemetry.prices import Prices

_GB = 1024**3
_MONTH_S = 30.4 * 86_400  # a twelfth of a year
_Key = tuple[str, str]  # the function's name, and the day (UTC) on which its executions began


class Execution(Protocol):
    """What is asked of an execution; times are seconds on the waiting clock."""

    @property
    def function_name(self) -> str: ...

    @property
    def started_at(self) -> float: ...

    @property
    def billed_operations(self) -> int: ...

    @property
    def bytes_written(self) -> int: ...


@dataclass(slots=True)
class _Used:
    executions: int = 0
    operations: int = 0
    written_gb: float = 0.0
    gb_months: float = 0.0

    def add(self, other: _Used) -> None:
        self.executions += other.executions
        self.operations += other.operations
        self.written_gb += other.written_gb
        self.gb_months += other.gb_months


@dataclass(slots=True)
class DurableUsage:
    """Keeps what executions used that are gone."""

    _gone: dict[_Key, _Used] = field(default_factory=dict)

    def leave(self, execution: Execution, now: float) -> None:
        """An execution is deleted: it costs no more, and what it has cost stays."""
        self._gone.setdefault(_key(execution), _Used()).add(_used(execution, now))

    def bill(self, executions: Iterable[Execution], now: float, prices: Prices) -> dict[str, Any]:
        """Return the bill so far: ``rows`` by function, ``days`` by the day of the executions' begin, ``total_usd``.

        Money is decimal text. Raises ``LookupError`` where the prices know no durable functions and some ran.
        """
        by_function: dict[str, _Used] = {}
        by_day: dict[str, _Used] = {}
        found = [(_key(each), _used(each, now)) for each in executions]
        for (name, day), used in [*self._gone.items(), *found]:
            by_function.setdefault(name, _Used()).add(used)
            by_day.setdefault(day, _Used()).add(used)
        rows = [_row(name, by_function[name], prices) for name in sorted(by_function)]
        days = [{"name": day, "total_usd": _text(_usd(by_day[day], prices))} for day in sorted(by_day)]
        total = sum((Decimal(row["total_usd"]) for row in rows), Decimal(0))
        return {"rows": rows, "days": days, "total_usd": _text(total)}


def _key(execution: Execution) -> _Key:
    return execution.function_name, f"{datetime.fromtimestamp(execution.started_at, UTC):%Y-%m-%d}"


def _used(execution: Execution, now: float) -> _Used:
    gb = execution.bytes_written / _GB
    months = max(0.0, now - execution.started_at) / _MONTH_S
    return _Used(1, execution.billed_operations, gb, gb * months)


def _row(name: str, used: _Used, prices: Prices) -> dict[str, Any]:
    return {
        "function_name": name,
        "executions": used.executions,
        "operations": used.operations,
        "written_gb": used.written_gb,
        "gb_months": used.gb_months,
        "charges": [{"meter": each.meter, "usd": each.usd} for each in charges(_usage(used), prices)],
        "total_usd": _text(_usd(used, prices)),
    }


def _usage(used: _Used) -> Usage:
    return Usage(
        durable_operations=used.operations,
        durable_written_gb=used.written_gb,
        durable_gb_months=used.gb_months,
    )


def _usd(used: _Used, prices: Prices) -> Decimal:
    return sum((Decimal(str(each.usd)) for each in charges(_usage(used), prices)), Decimal(0))


def _text(usd: Decimal) -> str:
    return f"{usd:f}"
