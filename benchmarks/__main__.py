"""``python -m benchmarks invoke [--json]``."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from benchmarks import invoke as invoke_benchmark


@click.group()
def main() -> None:
    """Measure the sandbox beside its peers."""


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--rounds", type=click.IntRange(1, 100), default=invoke_benchmark.ROUNDS, show_default=True)
@click.option(
    "--requests", type=click.IntRange(100, 100_000), default=invoke_benchmark.REQUESTS, show_default=True
)
def invoke(as_json: bool, rounds: int, requests: int) -> None:
    """Warm p50 and p99, throughput at 8 and 32 connections, cold start; beside a bare server."""
    figures = invoke_benchmark.run(rounds, requests)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    table = Table("figure", "value")
    for group in ("warm", "cold_start_ms"):
        for name, value in figures[group].items():
            table.add_row(f"{group} {name}", str(value))
    for connections, row in figures["throughput_rps"].items():
        for name, value in row.items():
            table.add_row(f"throughput c={connections} {name}", str(value))
    Console().print(table)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
