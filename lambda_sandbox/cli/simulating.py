"""``simulate``, a million requests on a virtual clock; ``power-tune``, some requests on real environments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambda_sandbox import quotas
from lambda_sandbox.cli.connecting import client, endpoint_option
from lambda_sandbox.cli.numbers import FiniteRange
from lambda_sandbox.cli.wording import wrong_command_line

if TYPE_CHECKING:
    from lambda_sandbox.simulation.scenario import Scenario

_DEFAULT_INVOCATIONS = 100_000
_DURATION = "constant:MS, exponential:MEAN_MS, lognormal:MEDIAN_MS:SIGMA or history:FILE"


@click.command()
@click.option("--traffic", default="poisson:100", show_default=True,
    help="poisson:RATE, bursty:RATE[:FACTOR[:BURST_S[:CALM_S]]], diurnal:RATE[:AMPLITUDE] or csv:FILE; RATE is a second. "
    "A CSV file has a column for each minute, 1 to 1440, or a column arrived_at_s.",
)  # fmt: skip
@click.option("--csv-function", default="", help="Take only this HashFunction's row of the CSV file.")
@click.option("--invocations", "-n", type=click.IntRange(1),
    help=f"How many callers come ({_DEFAULT_INVOCATIONS:,} unless --duration or a CSV file says when it ends).",
)  # fmt: skip
@click.option(
    "--duration", "duration_s", type=FiniteRange(0, min_open=True), help="Seconds that callers come for."
)
@click.option(
    "--handler", default="lognormal:100:0.5", show_default=True, help=f"How long it takes: {_DURATION}."
)
@click.option(
    "--init",
    default="lognormal:300:0.3",
    show_default=True,
    help="How long a cold start's init takes, likewise.",
)
@click.option("--memory", "memory_mb", type=click.IntRange(quotas.MEMORY_MB_MIN, quotas.MEMORY_MB_MAX),
    default=quotas.MEMORY_MB_DEFAULT, show_default=True, help="MB.",
)  # fmt: skip
@click.option("--measured-at", "measured_at_mb", type=click.IntRange(quotas.MEMORY_MB_MIN, quotas.MEMORY_MB_MAX),
    help="The memory in MB at which --handler and --init hold (--memory unless given).",
)  # fmt: skip
@click.option("--cpu-bound", type=FiniteRange(0, 1), default=1.0, show_default=True,
    help="The part of init and handler that is processor time, and gets shorter with more memory.",
)  # fmt: skip
@click.option("--timeout", "timeout_s", type=click.IntRange(1, quotas.TIMEOUT_S_MAX), default=quotas.TIMEOUT_S_DEFAULT,
    show_default=True, help="Seconds.",
)  # fmt: skip
@click.option("--architecture", type=click.Choice(["x86_64", "arm64"]), default="x86_64", show_default=True)
@click.option(
    "--async", "asynchronous", is_flag=True, help="Invocations of type Event: Lambda queues and retries them."
)
@click.option(
    "--errors",
    "error_share",
    type=FiniteRange(0, 1),
    default=0.0,
    help="The part of the handlers that fails.",
)
@click.option("--reserved", type=click.IntRange(0), help="Reserved concurrency of the function.")
@click.option(
    "--provisioned", type=click.IntRange(0), default=0, help="Provisioned concurrency of the version."
)
@click.option("--account-limit", type=click.IntRange(quotas.UNRESERVED_CONCURRENCY_MIN), default=quotas.ACCOUNT_CONCURRENCY,
    show_default=True, help="Concurrent executions of the account.",
)  # fmt: skip
@click.option("--keep-alive", "keep_alive_s", type=FiniteRange(0), default=300.0, show_default=True,
    help="Seconds that an idle environment is kept; AWS documents no number.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same answer.")
@click.option(
    "--compare",
    metavar="AXIS=V,V",
    help="Run once for each value of memory, provisioned, reserved or keep-alive.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this .svg or .png file."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def simulate(
    traffic: str, csv_function: str, handler: str, init: str, compare: str | None, plot: Path | None, as_json: bool,
    **values: Any,
) -> None:  # fmt: skip
    """Send simulated callers to the sandbox's own core, on a virtual clock: cold starts, throttles, latency, the bill."""
    from lambda_sandbox.simulation import plots
    from lambda_sandbox.simulation.outcome import simulate as run

    with wrong_command_line():  # it is all that a simulation is made from
        draw = plots.to_file(plot) if plot is not None else None
        scenario = _scenario(traffic, csv_function, handler, init, values)
        figures = run(scenario).to_json() if compare is None else _compared(scenario, compare)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        _print_table(figures, swept=compare is not None)
    if draw is not None:
        _draw(draw, plots.outcome(figures) if compare is None else plots.comparison(figures), plot)


def _compared(scenario: Scenario, compare: str) -> dict[str, Any]:
    from rich.console import Console

    from lambda_sandbox.simulation import comparison

    axis, steps = comparison.parse(compare)
    with Console(stderr=True).status("simulating") as status:
        return comparison.compare(scenario, axis, steps, status.update).to_json()


def _print_table(figures: dict[str, Any], *, swept: bool) -> None:
    from lambda_sandbox.cli import simulation_tables as tables

    tables.comparison(figures) if swept else tables.outcome(figures)


def _scenario(traffic: str, csv_function: str, handler: str, init: str, values: dict[str, Any]) -> Scenario:
    from lambda_sandbox.simulation import durations
    from lambda_sandbox.simulation import traffic as arrivals
    from lambda_sandbox.simulation.scenario import Scenario

    recorded = traffic.startswith("csv:")
    if csv_function and not recorded:
        raise click.UsageError("--csv-function needs --traffic csv:FILE")
    if values["invocations"] is None and values["duration_s"] is None and not recorded:
        values["invocations"] = _DEFAULT_INVOCATIONS
    return Scenario(
        traffic=arrivals.from_csv(Path(traffic[4:]), csv_function) if recorded else arrivals.parse(traffic),
        handler=durations.parse(handler, "duration_ms"),
        init=durations.parse(init, "init_duration_ms"),
        **values,
    )


@click.command("power-tune")
@click.argument("function")
@click.option(
    "--memory",
    default="128,256,512,1024,1769,3008",
    show_default=True,
    help="Sizes in MB with commas between.",
)
@click.option("--payload", "-p", default="{}", help="JSON text, or @FILE.")
@click.option(
    "--invocations", "-n", type=click.IntRange(1), default=10, show_default=True, help="Of each size, warm."
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this .svg or .png file."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@endpoint_option
def power_tune(
    function: str,
    memory: str,
    payload: str,
    invocations: int,
    plot: Path | None,
    as_json: bool,
    endpoint: str,
) -> None:
    """Invoke FUNCTION with each memory size on the running sandbox: what it takes and costs. Its own size is put back."""
    from rich.console import Console

    from lambda_sandbox.cli import invoking
    from lambda_sandbox.cli import simulation_tables as tables
    from lambda_sandbox.cli.power_tuning import PowerTuning
    from lambda_sandbox.simulation import comparison, plots

    with wrong_command_line():
        draw = plots.to_file(plot) if plot is not None else None
        _, sizes = comparison.parse(f"memory={memory}")
    try:
        event = Path(payload[1:]).read_bytes() if payload.startswith("@") else payload.encode()
    except OSError as error:
        raise click.UsageError(f"cannot read the payload from {payload[1:]}: {error.strerror}") from None
    invoking.checked(event, payload[1:] if payload.startswith("@") else "--payload")
    errors = Console(stderr=True)
    tuning = PowerTuning(client(endpoint), function, event, invocations)
    with errors.status("tuning") as status:
        figures = tuning.measure(tuple(int(size) for size in sizes), status.update)
    if not figures["cpu_in_proportion"]:
        errors.print(
            "This sandbox does not share the processor by memory (see doctor), so only the price changes with the size."
        )
    click.echo(json.dumps(figures, indent=2)) if as_json else tables.power_tuning(figures)
    if draw is not None:
        _draw(draw, plots.power_tuning(figures), plot)


def _draw(draw: Callable[[Any], None], figure: Any, plot: Path | None) -> None:
    try:
        draw(figure)
    except OSError as error:
        raise click.UsageError(f"cannot write {plot}: {error.strerror}") from None
