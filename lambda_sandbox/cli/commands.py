"""The commands. Each loads what it needs when it runs, so that ``serve`` starts without the rest."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import click

from lambda_sandbox import __version__
from lambda_sandbox.cli import seeing
from lambda_sandbox.cli.connecting import client, endpoint_option, named, refuse_unknown
from lambda_sandbox.cli.developing import create_function, debug, invoke
from lambda_sandbox.cli.events import events, send_event
from lambda_sandbox.cli.simulating import power_tune, simulate
from lambda_sandbox.cli.wording import wrong_command_line
from lambda_sandbox.config import DEFAULT_PORT

_json = click.option("--json", "as_json", is_flag=True, help="Print the sandbox's JSON instead of a table.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lambda_sandbox")
def cli() -> None:
    """A local AWS Lambda on loopback: start it, invoke functions, see logs, bill and history."""


@cli.command()
@click.option("--host", help="Loopback address to bind to (127.0.0.1 unless given).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"TCP port; 0 takes a free one ({DEFAULT_PORT} unless given).",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False),
    callback=lambda context, option, value: _folder(value, "--state", "to keep nothing"),
    help="Folder to keep everything in.",
)
@click.option("--listen-fd", type=click.IntRange(0), help="Serve on this inherited listening socket as well.")
@click.option(
    "--isolation", type=click.Choice(["auto", "bwrap", "none"]), help="How environments are shut off."
)
@click.option(
    "--runtime-client",
    type=click.Choice(["lean", "native"]),
    help="Python runtime client; native is awslambdaric.",
)
@click.option("--neighbours/--no-neighbours", default=None, help="Run S3, SQS and the rest beside Lambda.")
@click.option("--allow-reset/--no-allow-reset", default=None, help="Open or close POST /_sandbox/reset.")
@click.option(
    "--enforce-iam",
    is_flag=True,
    default=None,
    help="Verify signatures, and let the policies of IAM decide who may do what.",
)
@click.option(
    "--clock",
    help="real, or scaled:60 for retries, batching windows and ages that run 60 times as fast.",
)
@click.option(
    "--otlp", help="Send traces and metrics to the OpenTelemetry collector at http://127.0.0.1:4318."
)
@click.option(
    "--allow-network",
    multiple=True,
    metavar="HOST:PORT",
    help="Let every function, and the sandbox itself, reach this host and port; may be repeated.",
)
@click.option(
    "--node-modules",
    type=click.Path(),
    metavar="DIR",
    callback=lambda context, option, value: _folder(value, "--node-modules", "to bring no packages"),
    help="Let Node.js functions find the packages that npm installed in DIR, as AWS's runtimes bring the SDK.",
)
@click.option(
    "--stop-with-stdin", is_flag=True, help="Stop when standard input ends, as it does when a parent dies."
)
def serve(**flags: Any) -> int:
    """Start the sandbox in the foreground; Ctrl-C stops it."""
    from lambda_sandbox import app
    from lambda_sandbox.botocore_guard import is_loopback
    from lambda_sandbox.config import Config
    from lambda_sandbox.wiring import listening

    flags["allow_network"] = flags["allow_network"] or None  # not given: what the variable says
    with wrong_command_line():
        config = Config.load(**flags)
        app.check(config)
    if not is_loopback(config.host):
        raise click.UsageError(
            f"{config.host or 'an empty --host'} is not loopback; the sandbox serves this machine only"
        )
    if flags["stop_with_stdin"] and not _can_end():
        raise click.UsageError("--stop-with-stdin needs a standard input that can end, such as a pipe")
    if config.listen_fd is not None:
        listening.inherited(
            config.listen_fd
        ).detach()  # what cannot be served on is said before anything starts
    app.serve(config)
    return 0


cli.add_command(invoke)
cli.add_command(create_function)
cli.add_command(debug)
cli.add_command(events)
cli.add_command(send_event)
cli.add_command(simulate)
cli.add_command(power_tune)
for command in seeing.COMMANDS:
    cli.add_command(command)


@cli.command("fork-server", hidden=True)
@click.option("--requests-fd", type=click.IntRange(0), required=True, help="An inherited packet socket.")
def fork_server(requests_fd: int) -> None:
    """Start sandboxes by fork, one for each request of the program that started this."""
    from lambda_sandbox import fork_server as server

    server.run(requests_fd)


@cli.command()
@click.argument("function", required=False, callback=named)
@_json
@endpoint_option
def logs(function: str | None, as_json: bool, endpoint: str) -> None:
    """Print the log of FUNCTION, or of all functions."""
    from lambda_sandbox.cli import tables

    server = client(endpoint)
    answer = server.read("/_sandbox/logs", function=function)
    if not answer["events"]:
        refuse_unknown(server, function)
    tables.logs(answer) if not as_json else _print_json(answer)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--isolation", type=click.Choice(["auto", "bwrap", "none"]), help="The isolation to examine.")
def doctor(as_json: bool, isolation: str | None) -> int:
    """Start a sandbox, try to break each promise from inside, and print what held. Exit code 1 when one was broken."""
    from lambda_sandbox.cli.doctor import diagnose, show

    diagnosis = diagnose(isolation)
    _print_json(diagnosis.to_json()) if as_json else show(diagnosis)
    return 0 if diagnosis.ok else 1


@cli.command()
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True
)
def parity(form: str) -> None:
    """Print what the sandbox does with each operation and option of the Lambda API. Needs no running sandbox."""
    from lambda_sandbox import parity as view
    from lambda_sandbox.cli import tables

    rows = view.operations()
    if form == "table":
        tables.parity(rows, view.summary(rows))
    elif form == "markdown":
        click.echo(view.markdown(rows), nl=False)
    else:
        _print_json(view.to_json(rows))


@cli.command()
@endpoint_option
def reset(endpoint: str) -> None:
    """Empty the sandbox: functions, environments, logs, bill and neighbours."""
    client(endpoint).post("/_sandbox/reset")
    click.echo("the sandbox is empty")


@cli.command()
@_json
@endpoint_option
def health(as_json: bool, endpoint: str) -> None:
    """Print whether a sandbox runs, and what its isolation enforces."""
    from lambda_sandbox.cli import tables

    answer = client(endpoint).health()
    tables.health(answer, endpoint) if not as_json else _print_json(answer)


def _can_end() -> bool:
    """Say whether standard input is one whose end can be waited for: no file, no ``/dev/null``, and not closed."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def _folder(text: str | None, option: str, without: str) -> Path | None:
    if text == "":  # as a path this is the folder that the command happens to run in
        raise click.UsageError(f"{option} is empty: name a folder, or leave it out {without}")
    return None if text is None else Path(text)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))
