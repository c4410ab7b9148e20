"""``python -m benchmarks``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.invoke import measure


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure the sandbox on this machine."""


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--rounds", type=click.IntRange(1), default=21, show_default=True, help="Alternating rounds.")
@click.option("--calls", type=click.IntRange(100), default=500, show_default=True, help="Calls a round.")
@click.option("--cold-starts", type=click.IntRange(1), default=20, show_default=True, help="First calls.")
@click.option(
    "--limit",
    type=float,
    help="Exit with 1 when the warm p50 is more than this many times the bare server's.",
)
def invoke(as_json: bool, rounds: int, calls: int, cold_starts: int, limit: float | None) -> None:
    """Invoke a function warm and cold, beside a bare server that answers a constant."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = measure(rounds, calls, cold_starts, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show(Console(), figures)
    ratio = figures["warm"]["ratio_p50"]
    if limit is not None and ratio > limit:
        errors.print(f"warm p50 is {ratio} times the bare server's; the limit is {limit:g}")
        sys.exit(1)


def show(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"invoke, isolation {figures['isolation']}, median of {figures['rounds']} rounds")
    for name in ("", "bare", "sandbox", "ratio"):
        table.add_column(name, justify="left" if not name else "right")
    warm = figures["warm"]
    bare, ours = warm["bare"], warm["sandbox"]
    table.add_row(
        "warm p50, one connection", f"{bare['p50_us']} µs", f"{ours['p50_us']} µs", f"{warm['ratio_p50']}"
    )
    table.add_row("warm p99, one connection", f"{bare['p99_us']} µs", f"{ours['p99_us']} µs", "")
    for connections, rates in figures["throughput"].items():
        name = f"calls per second, {connections} connections"
        table.add_row(name, str(rates["bare_per_s"]), str(rates["sandbox_per_s"]), str(rates["ratio"]))
    cold = figures["cold_start"]
    table.add_row("cold start p50 (first call)", "", f"{cold['p50_ms']} ms", "")
    table.add_row("cold start p99", "", f"{cold['p99_ms']} ms", "")
    console.print(table)


if __name__ == "__main__":
    main()
