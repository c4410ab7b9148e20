"""The commands that show what happened and why: ``explain``, ``history``, ``timeline``, ``bill``, and ``faults``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lambda_sandbox.cli.connecting import client, endpoint_option, named, refuse_unknown
from lambda_sandbox.cli.numbers import Finite

_json = click.option("--json", "as_json", is_flag=True, help="Print the sandbox's JSON instead of a table.")
_KINDS = (
    "throttle", "init-crash", "slow-start", "freeze", "duplicate", "neighbour-error", "neighbour-latency", "clock-skew",
)  # fmt: skip


@click.command()
@click.argument("request_id", default="last", callback=named)
@click.option("--function", help="With last: of this function.")
@click.option("--last-error", is_flag=True, help="The last invocation that did not succeed.")
@_json
@endpoint_option
def explain(request_id: str, function: str | None, last_error: bool, as_json: bool, endpoint: str) -> None:
    """Print why the invocation REQUEST_ID, or the last one, went as it did: each step, its time and its price."""
    from lambda_sandbox.cli.tables import explanation

    if request_id != "last" and (function or last_error):
        raise click.UsageError("--function and --last-error look for an invocation: leave out REQUEST_ID")
    answer = client(endpoint).read(
        "/_sandbox/explain",
        request_id=request_id,
        function=function,
        last_error="true" if last_error else None,
    )
    _print_json(answer) if as_json else explanation(answer)


@click.command()
@click.argument("function", required=False, callback=named)
@click.option("--function", "of_function", help="The same as FUNCTION.")
@click.option("--status", type=click.Choice(["success", "error", "timeout", "throttle"]))
@click.option("--cold/--warm", default=None, help="Only cold starts, or only warm ones.")
@click.option("--since", help="Seconds since the epoch, or 30s, 15m, 2h or 1d before now.")
@click.option("--request-id", help="The attempts of one request.")
@click.option("--limit", type=click.IntRange(1), help="Only the last ones.")
@_json
@endpoint_option
def history(
    function: str | None,
    of_function: str | None,
    status: str | None,
    cold: bool | None,
    since: str | None,
    request_id: str | None,
    limit: int | None,
    as_json: bool,
    endpoint: str,
) -> None:
    """Print every attempt with the reason for each decision, or those that are asked for."""
    from lambda_sandbox.cli import tables

    if function and of_function and function != of_function:
        raise click.UsageError("FUNCTION and --function name two functions; history takes one")
    server = client(endpoint)
    answer = server.read(
        "/_sandbox/history",
        function=function or of_function,
        status=status,
        cold=None if cold is None else str(cold).lower(),
        since=since,
        request_id=request_id,
        limit=None if limit is None else str(limit),
    )
    if not answer["invocations"]:
        refuse_unknown(server, function or of_function)
    _print_json(answer) if as_json else tables.history(answer)


@click.command()
@click.argument("function", required=False, callback=named)
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture into this file."
)
@click.option("--since", help="Only what ended since then: 30s, 15m, 2h or 1d before now.")
@endpoint_option
def timeline(function: str | None, svg: Path | None, since: str | None, endpoint: str) -> None:
    """Draw the execution environments of FUNCTION, or of all functions, as lanes over time."""
    from lambda_sandbox.cli.tables import terminal
    from lambda_sandbox.cli.timeline_text import show
    from lambda_sandbox.telemetry.timeline import Timeline

    server = client(endpoint)
    drawn = Timeline(server.read("/_sandbox/history", function=function, since=since), function)
    if not drawn.lanes:
        refuse_unknown(server, function)
    if svg is not None:
        try:
            svg.write_text(drawn.svg(), encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"cannot write {svg}: {error.strerror}") from None
        count = len(drawn.lanes)
        click.echo(f"{svg} shows {count} execution environment{'' if count == 1 else 's'}")
        return
    console = terminal()
    show(drawn, console, min(console.width, 160))


@click.command()
@click.option(
    "--rules", type=click.Choice(["2019"]), help="Those of another time: 100 ms steps, init not billed."
)
@_json
@endpoint_option
def bill(rules: str | None, as_json: bool, endpoint: str) -> None:
    """Print what the invocations so far would cost on AWS, and what they used beside Lambda: each, by function, by day,
    and a month at this rate."""
    from lambda_sandbox.cli import tables

    answer = client(endpoint).read("/_sandbox/bill", rules=rules)
    _print_json(answer) if as_json else tables.bill(answer)


@click.group()
def faults() -> None:
    """Let things go wrong on request: seeded rules, off until one is added."""


@faults.command("add")
@click.argument("kind", metavar="KIND", type=click.Choice(_KINDS))
@click.option("--function", default="", help="Only for this function.")
@click.option("--probability", type=Finite(), default=1.0, show_default=True, help="Above 0, at most 1.")
@click.option("--count", type=int, help="Strike at most so often.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes what is drawn.")
@click.option(
    "--ms", type=Finite(), default=0.0, help="Length of a slow start, freeze or latency, or a clock's skew."
)
@click.option("--service", default="", help="For neighbours: the service, such as s3, sqs or dynamodb.")
@click.option("--operation", default="", help="For neighbours: the operation, such as PutItem.")
@click.option(
    "--status", type=int, default=0, help="For neighbour-error: 400, 429, 500 (unless given) or 503."
)
@endpoint_option
def faults_add(endpoint: str, **rule: Any) -> None:
    """Add a rule of KIND and print its id.

    KIND is throttle, init-crash, slow-start, freeze, duplicate, neighbour-error, neighbour-latency or clock-skew.
    """
    answer = client(endpoint).send_json("POST", "/_sandbox/faults", rule)
    click.echo(answer["id"])


@faults.command("list")
@_json
@endpoint_option
def faults_list(as_json: bool, endpoint: str) -> None:
    """Print the rules, and how often each was asked and struck."""
    from lambda_sandbox.cli import tables

    answer = client(endpoint).send_json("GET", "/_sandbox/faults")
    _print_json(answer) if as_json else tables.faults(answer)


@faults.command("clear")
@click.argument("rule_id", required=False)
@endpoint_option
def faults_clear(rule_id: str | None, endpoint: str) -> None:
    """Take away the rule RULE_ID, or all of them."""
    answer = client(endpoint).send_json("DELETE", "/_sandbox/faults", None, id=rule_id)
    click.echo(f"{answer['cleared']} fault rules cleared, {len(answer['faults'])} left")


COMMANDS = (explain, history, timeline, bill, faults)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))
