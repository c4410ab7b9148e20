"""Tables of simulations for the terminal, from their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.cli.tables import print_table

Json = Mapping[str, Any]


def outcome(figures: Json) -> None:
    bill, latency, wait = figures["bill"], figures["latency_ms"], figures["wait_ms"]
    rows = [
        ("invocations", f"{figures['invocations']:,} in {figures['traffic_s']:,.1f} s"),
        ("cold starts", f"{figures['cold_starts']:,} ({figures['cold_start_share']:.4%})"),
        ("throttles", f"{figures['throttles']:,} ({figures['throttle_share']:.4%})"),
        *((f"  {reason}", f"{count:,}") for reason, count in figures["throttles_by_reason"].items()),
        *((f"ended: {status}", f"{count:,}") for status, count in figures["statuses"].items()),
        *((f"events: {condition}", f"{count:,}") for condition, count in figures["events"].items()),
        ("concurrency", f"mean {figures['concurrency']['mean']:,.2f}, peak {figures['concurrency']['peak']:,}"),
        ("environments, peak", f"{figures['environments_peak']:,}"),
        ("wait before the handler", _times(wait)),
        ("latency", _times(latency)),
        ("init", _times(figures["init_ms"])),
        *((line["meter"], f"{line['quantity']:,.3f} {line['unit']}: {line['usd']:,.6f} USD") for line in bill["lines"]),
        ("total", f"{bill['total_usd']:,.6f} USD"),
    ]  # fmt: skip
    if bill["month_usd"] is not None:
        rows.append(("a month at this rate", f"{bill['month_usd']:,.2f} USD, free tier not applied"))
    print_table(("", ""), rows, head=False)


def comparison(figures: Json) -> None:
    names = (
        f"{figures['compared']} ({figures['unit']})",
        "cold starts",
        "throttles",
        "concurrency",
        "p50",
        "p99",
        "USD/million",
    )
    rows = [
        (
            f"{run['value']:g}",
            f"{run['cold_start_share']:.4%}",
            f"{run['throttle_share']:.4%}",
            f"{run['concurrency']['mean']:,.2f}",
            _ms(run["latency_ms"], "p50"),
            _ms(run["latency_ms"], "p99"),
            f"{run['bill']['per_million_usd']:,.4f}" if run["bill"]["per_million_usd"] is not None else "",
        )
        for run in figures["runs"]
    ]  # fmt: skip
    print_table(names, rows, right=0)


def power_tuning(figures: Json) -> None:
    best = {figures["cheapest_mb"]: ["cheapest"]}
    best.setdefault(figures["fastest_mb"], []).append("fastest")
    best.setdefault(figures["balanced_mb"], []).append("balanced")
    rows = [
        (
            f"{point['memory_mb']} MB",
            f"{point['duration_ms']:,.2f} ms",
            f"{point['billed_ms']:,.1f} ms",
            f"{point['cold_ms']:,.2f} ms",
            f"{point['usd_per_million']:,.4f}",
            ", ".join(best.get(point["memory_mb"], [])),
        )
        for point in figures["points"]
    ]
    print_table(("memory", "duration", "billed", "first, cold", "USD/million", ""), rows, right=0)


def _times(figures: Json) -> str:
    return (
        ", ".join(f"{name} {_ms(figures, name)}" for name in ("mean", "p50", "p95", "p99", "max") if figures)
        or "none"
    )


def _ms(figures: Json, name: str) -> str:
    return f"{figures[name]:,.2f} ms" if figures else ""
