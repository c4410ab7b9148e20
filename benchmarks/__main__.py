"""``python -m benchmarks``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks import cold_start as cold_starts_of_environments
from benchmarks import control_plane as many_functions
from benchmarks import events as mappings
from benchmarks import grade as grading
from benchmarks import simulate as simulations
from benchmarks import soak as long_run
from benchmarks import telemetry as telemetry_costs
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
@click.option("--native-limit", type=float, help="The same for the functions that run AWS's own client.")
def invoke(
    as_json: bool, rounds: int, calls: int, cold_starts: int, limit: float | None, native_limit: float | None
) -> None:
    """Invoke a function warm and cold, beside a bare server that answers a constant.

    Beside AWS's emulator, too, when LAMBDA_RIE is its path, and beside serverless-offline when SERVERLESS_OFFLINE is a
    folder that it is installed in.
    """
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = measure(rounds, calls, cold_starts, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show(Console(), figures)
    over = False
    for kind, most in (("ratio_p50", limit), ("native_ratio_p50", native_limit)):
        ratio = figures["warm"][kind]
        if most is not None and ratio > most:
            errors.print(f"{kind}: warm p50 is {ratio} times the bare server's; the limit is {most:g}")
            over = True
    sys.exit(1 if over else 0)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--rounds", type=click.IntRange(1), default=31, show_default=True, help="Alternating rounds.")
@click.option("--calls", type=click.IntRange(100), default=500, show_default=True, help="Calls a round.")
@click.option(
    "--limit", type=float, help="Exit with 1 when telemetry costs more than so many percent of p50."
)
def telemetry(as_json: bool, rounds: int, calls: int, limit: float | None) -> None:
    """Invoke a warm function beside a sandbox whose recorders are cut off: what history, logs and metrics cost."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = telemetry_costs.measure(rounds, calls, progress=status.update)
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        text = f"{figures['on_p50_us']} us with telemetry, {figures['off_p50_us']} us without"
        print(f"{text}: {figures['overhead_percent']} % (median of {rounds} paired rounds)")
    if limit is not None and figures["overhead_percent"] > limit:
        errors.print(f"telemetry costs {figures['overhead_percent']} % of p50; the limit is {limit:g} %")
        sys.exit(1)


@main.command("control-plane")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--functions", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--versions", type=click.IntRange(0), default=10, show_default=True, help="Of each function.")
@click.option("--limit-ms", type=float, help="Exit with 1 when a median is above this.")
def control_plane(as_json: bool, functions: int, versions: int, limit_ms: float | None) -> None:
    """List, get, update and publish among many functions, and restart with them."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = many_functions.measure(functions, versions, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show_control_plane(Console(), figures)
    slowest = max(figures["median_ms"].values())
    if limit_ms is not None and slowest > limit_ms:
        errors.print(f"the slowest median is {slowest} ms; the limit is {limit_ms:g} ms")
        sys.exit(1)


def show_control_plane(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"{figures['functions']} functions with {figures['versions']} versions each")
    table.add_column("")
    table.add_column("median", justify="right")
    for what, median_ms in figures["median_ms"].items():
        table.add_row(what.replace("_", " "), f"{median_ms} ms")
    table.add_row("restart", f"{figures['restart_s']} s")
    console.print(table)


@main.command("cold-start")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Alternating rounds.")
@click.option("--burst", type=click.IntRange(1), default=40, show_default=True, help="Cold starts at once.")
def cold_start(as_json: bool, rounds: int, burst: int) -> None:
    """Start isolated environments beside ``python3 -c pass``, one by one and in a burst; and weigh them."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = cold_starts_of_environments.measure(rounds, burst, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show_cold_starts(Console(), figures)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--minutes", type=click.FloatRange(0.1), default=5.0, show_default=True)
@click.option("--p99-limit", type=float, default=3.0, show_default=True, help="Times the p99 of the start.")
@click.option(
    "--memory-limit-mb", type=float, default=64.0, show_default=True, help="Growth in the second half."
)
def soak(as_json: bool, minutes: float, p99_limit: float, memory_limit_mb: float) -> None:
    """Call 30 functions, half of them ill-behaved, at full speed; exit with 1 when something is left behind."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = long_run.measure(minutes * 60, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else Console().print(figures)
    wrong = long_run.verdict(figures, p99_limit, memory_limit_mb)
    for sentence in wrong:
        errors.print(sentence)
    sys.exit(1 if wrong else 0)


def show_cold_starts(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"cold starts, isolation {figures['isolation']}, {figures['rounds']} rounds")
    for name in ("", "p50", "best", "to python3 -c pass"):
        table.add_column(name, justify="left" if not name else "right")
    for name, way in figures["cold_start_ms"].items():
        table.add_row(name, f"{way['p50_ms']} ms", f"{way['best_ms']} ms", f"{way['ratio_to_python_pass']}")
    console.print(table)
    burst, memory = figures["burst"], figures["private_kb"]
    console.print(f"burst of {burst['environments']}: {burst['ratio']} times as fast as spawning each")
    console.print(
        f"private memory, idle: {memory['zygote']} kB, spawned {memory['spawned']} kB, ratio {memory['ratio']}"
    )


@main.command("grade")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--count", type=click.IntRange(2), default=200, show_default=True, help="Trivial submissions a run."
)
@click.option("--lab-count", type=click.IntRange(2), default=2, show_default=True, help="Of lab 09.")
@click.option(
    "--peer-count", type=click.IntRange(1), default=4, show_default=True, help="For each other grader."
)
@click.option(
    "--limit", type=float, help="Exit with 1 when a trivial submission takes more seconds with one worker."
)
def grade(as_json: bool, count: int, lab_count: int, peer_count: int, limit: float | None) -> None:
    """Grade a trivial lab and lab 09, beside nbgrader, Otter and nbclient. A few minutes; for a whole class: --count 1000."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = grading.measure(count, lab_count, peer_count, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show_grading(Console(), figures)
    each_s = figures["trivial"]["ours, 1 at once"]["each_s"]
    if limit is not None and each_s > limit:
        errors.print(f"a trivial submission takes {each_s} s; the limit is {limit:g} s")
        sys.exit(1)


def show_grading(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"grading, isolation {figures['isolation']}")
    for name in ("", "seconds a submission", "CPU seconds", "memory at the 100th, the last"):
        table.add_column(name, justify="left" if not name else "right")
    for lab in ("trivial", "lab_09"):
        for name, row in figures[lab].items():
            memory = ", ".join(f"{kb // 1024} MB" for kb in row.get("memory_kb", {}).values())
            cost = (str(row["each_s"]), str(row["each_cpu_s"])) if "each_s" in row else (row["missing"], "")
            table.add_row(f"{lab.replace('_', ' ')}: {name}", *cost, memory)
    console.print(table)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Alternating rounds.")
@click.option("--requests", type=click.IntRange(100), default=100_000, show_default=True, help="A round.")
@click.option("--million/--no-million", default=True, help="Also run `simulate` with a million, twice.")
@click.option(
    "--limit", type=float, help="Exit with 1 when a request costs more than this many of SimFaaS's."
)
def simulate(as_json: bool, rounds: int, requests: int, million: bool, limit: float | None) -> None:
    """Simulate callers, beside SimFaaS where `make bench` has installed it."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = simulations.measure(requests, rounds, million, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show_simulations(Console(), figures)
    slowest = max((each.get("ratio_processor", 0.0) for each in figures["compared"]), default=0.0)
    if limit is not None and slowest > limit:
        errors.print(f"a request costs {slowest} times SimFaaS's; the limit is {limit:g}")
        sys.exit(1)


def show_simulations(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(
        title=f"requests per second of processor time, {figures['rounds']} rounds, {figures['peer']}"
    )
    for name in ("", "sandbox", "SimFaaS", "cost, ours to theirs"):
        table.add_column(name, justify="left" if not name else "right")
    for each in figures["compared"]:
        peer = each.get("simfaas")
        table.add_row(
            each["workload"],
            f"{each['sandbox']['requests_per_processor_s']:,}",
            f"{peer['requests_per_processor_s']:,}" if peer else "",
            str(each.get("ratio_processor", "")),
        )
    console.print(table)
    if "million" in figures:
        run = figures["million"]
        same = "the same answer" if run["same_answer"] else "DIFFERENT answers"
        console.print(f"a million invocations: {run['wall_s']} s, processor {run['processor_s']} s, {same}")


def show(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"invoke, isolation {figures['isolation']}, median of {figures['rounds']} rounds")
    for name in ("", "bare", "sandbox", "ratio"):
        table.add_column(name, justify="left" if not name else "right")
    warm = figures["warm"]
    bare, ours = warm["bare"], warm["sandbox"]
    table.add_row(
        "warm p50, one processor", f"{bare['p50_us']} µs", f"{ours['p50_us']} µs", f"{warm['ratio_p50']}"
    )
    native = warm["native"]
    table.add_row("… with AWS's own client", "", f"{native['p50_us']} µs", f"{warm['native_ratio_p50']}")
    for name, ratio in warm.items():
        if "_to_" in name:
            table.add_row(name.replace("_", " "), "", "", f"{ratio}")
    relay = figures["warm"]["relay"]
    table.add_row("and with a process behind it, nothing else", f"{relay['p50_us']} µs", "", "")
    placed = figures["warm_where_the_system_places_them"]
    table.add_row(
        "warm p50, any processors",
        f"{placed['bare']['p50_us']} µs",
        f"{placed['sandbox']['p50_us']} µs",
        f"{placed['ratio_p50']}",
    )
    table.add_row("warm p99, one processor", f"{bare['p99_us']} µs", f"{ours['p99_us']} µs", "")
    for connections, rates in figures["throughput"].items():
        name = f"calls per second, {connections} connections"
        table.add_row(name, str(rates["bare_per_s"]), str(rates["sandbox_per_s"]), str(rates["ratio"]))
    cold = figures["cold_start"]
    table.add_row("cold start p50 (first call)", "", f"{cold['p50_ms']} ms", "")
    table.add_row("cold start p99", "", f"{cold['p99_ms']} ms", "")
    console.print(table)
    for name, shares in figures["warm_processor_us"].items():
        parts = ", ".join(f"{whose} {used_us} µs" for whose, used_us in shares.items())
        console.print(f"processor time of a warm call, {name}: {parts}")


@main.command("events")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--records", type=click.IntRange(100), default=500, show_default=True, help="For each rate.")
@click.option("--puts", type=click.IntRange(10), default=200, show_default=True, help="For each delay.")
def events(as_json: bool, records: int, puts: int) -> None:
    """Read records through mappings of queues and streams, beside moto read bare."""
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        figures = mappings.measure(records, puts, progress=status.update)
    print(json.dumps(figures, indent=2)) if as_json else show_events(Console(), figures)


def show_events(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title=f"{figures['records']} records through event source mappings")
    for name in ("", "records/s", "moto bare", "ratio"):
        table.add_column(name, justify="left" if not name else "right")
    for source in ("sqs", "kinesis"):
        for batch in mappings.BATCHES:
            found = figures[source][f"batch_{batch}"]
            cells = (found["records_per_s"], found["bare_per_s"], found["ratio"])
            table.add_row(f"{source}, batches of {batch}", *map(str, cells))
    console.print(table)
    for source in ("sqs", "kinesis"):
        delay = figures[source]["delay_ms"]
        console.print(f"{source}, put to handler: p50 {delay['p50']} ms, p99 {delay['p99']} ms")


if __name__ == "__main__":
    main()
