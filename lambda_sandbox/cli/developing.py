"""The commands of whoever writes a function: deploy it from a folder, invoke it, stop it in a debugger."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from lambda_sandbox.cli.connecting import client, endpoint_option
from lambda_sandbox.errors import SandboxFault

_memory = click.option("--memory", type=click.IntRange(128, 10240), help="Memory in MB (128 unless given).")
_timeout = click.option("--timeout", type=click.IntRange(1, 900), help="Timeout in seconds (3 unless given).")
_environment = click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="KEY=VALUE",
    help="A variable of the function; may be repeated.",
)
# What only a function that is started from its file has.
_OF_FILES = ("runtime", "memory", "timeout", "variables", "watch", "neighbours", "debug", "debug_port")
_NO_NAME = re.compile(r"[^a-zA-Z0-9_.:$-]")
_OF_NAMES = ("invocation_type", "qualifier", "log_tail", "endpoint")


@click.command()
@click.argument("function")
@click.option("--event", "-e", help="A file, - for standard input, or JSON itself ({} unless given).")
@click.option("--payload", "-p", help="The event as JSON text, or @FILE, or @- for standard input.")
@click.option(
    "--context", "client_context", help="Client context: a JSON object, or the file that holds one."
)
@click.option("--type", "invocation_type", type=click.Choice(["RequestResponse", "Event", "DryRun"]))
@click.option("--qualifier", help="Version or alias.")
@click.option("--logs", "log_tail", is_flag=True, help="Show the end of the log as well (on standard error).")
@click.option(
    "--runtime", help="Runtime for a FILE; this Python's version or its language's newest unless given."
)
@_memory
@_timeout
@_environment
@click.option("--watch", is_flag=True, help="Invoke a FILE again at every change of its folder.")
@click.option("--neighbours", is_flag=True, help="Give a FILE's function S3, SQS and the rest as well.")
@click.option("--debug", is_flag=True, help="Let a FILE's function wait for a debugger; nothing times out.")
@click.option(
    "--debug-port", type=click.IntRange(0, 65535), help="Port for --debug (5678, Node.js 9229; 0: free)."
)
@endpoint_option
def invoke(function: str, **options: Any) -> int:
    """Invoke FUNCTION and print what it returns. The exit code is 1 when the function failed.

    FUNCTION is a function of the running sandbox, or FILE:HANDLER, such as app.py:handler, which needs no running
    sandbox: the file's folder is the function's code. Its log goes to standard error.
    """
    from lambda_sandbox.cli import invoking, running

    _refuse_no_name(function)
    call = invoking.Call(
        _event(options["event"], options["payload"]),
        options["invocation_type"] or "RequestResponse",
        options["qualifier"],
        _client_context(options["client_context"]),
    )
    if not running.is_source(function):
        _refuse(_OF_FILES, f"goes with FILE:HANDLER, and {function} names a function that is deployed")
        _refuse_wrong_name(function)
        try:
            return invoking.invoke(client(options["endpoint"]), function, call, log_tail=options["log_tail"])
        except SandboxFault as fault:
            meant = running.meant(function)
            raise SandboxFault(f"{fault}; the file is invoked by {meant}") if meant else fault from None
    found = running.source(function, options["runtime"])
    _refuse(_OF_NAMES, f"goes with a function that is deployed, and {function} names a file")
    settings = running.Settings(
        options["runtime"],
        options["memory"],
        options["timeout"],
        _variables(options["variables"]),
        options["neighbours"],
        options["debug"],
        options["debug_port"],
    )
    if options["debug_port"] is not None and not options["debug"]:
        raise click.UsageError("--debug-port goes with --debug")
    return running.run(found, settings, call, watch=options["watch"])


@click.command("create-function")
@click.argument("name")
@click.option(
    "--code",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder that holds the function's code, or a .zip or .jar, which is deployed as it is.",
)
@click.option("--handler", required=True, help="As in the API: module.function.")
@click.option(
    "--runtime", help="For a new function this Python's version, or the newest Java for a .jar, unless given."
)
@_memory
@_timeout
@_environment
@click.option(
    "--replace",
    is_flag=True,
    help="If there is such a function, give it this code and what is named here; its other settings stay.",
)
@click.option("--watch", is_flag=True, help="Stay, and give the function new code at every change of it.")
@endpoint_option
def create_function(name: str, folder: Path, handler: str, endpoint: str, **options: Any) -> None:
    """Create the function NAME from a folder or archive; with --watch a saved change is live within a second."""
    from lambda_sandbox.cli import deploying
    from lambda_sandbox.source_folder import source_at

    _refuse_no_name(name)
    _refuse_wrong_name(name)
    _refuse_file_in_handler(handler, folder)
    deployment = deploying.Deployment(
        name,
        handler,
        options["runtime"],
        options["memory"],
        options["timeout"],
        _variables(options["variables"]),
    )
    source, server = source_at(folder), client(endpoint)
    package = deploying.create_function(server, deployment, source, options["replace"])
    if options["watch"]:
        deploying.keep_up(server, name, source, package)


@click.command()
@click.argument("function")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="5678, and 9229 for Node.js, unless given; 0: a free one."
)
@click.option("--off", is_flag=True, help="End it: the function's next environment runs as ever.")
@endpoint_option
def debug(function: str, port: int | None, off: bool, endpoint: str) -> None:
    """Let FUNCTION wait for a debugger before its code is loaded, and print what an editor needs to attach.

    Python (debugpy) and Node.js. Nothing in the function times out and it is not frozen until --off.
    """
    from lambda_sandbox.cli import attaching

    if off and port is not None:
        raise click.UsageError("--port goes with the begin of debugging, not with --off")
    server = client(endpoint)
    if off:
        click.echo("it runs as ever" if attaching.end(server, function) else "it was not debugged")
    else:
        click.echo(attaching.begin(server, function, port).text())


def _refuse(names: tuple[str, ...], why: str) -> None:
    """Refuse options that were typed and would change nothing."""
    context, typed = click.get_current_context(), click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        if parameter.name in names and context.get_parameter_source(parameter.name) is typed:
            raise click.UsageError(f"{parameter.opts[0]} {why}")


def _refuse_no_name(name: str) -> None:
    if not name.strip():
        raise click.UsageError("the function's name is empty: write one, such as greeter")


def _refuse_wrong_name(name: str) -> None:
    """Say in words what the API says with a pattern. An ARN, or a name with a version behind a colon, is a name as well."""
    wrong = _NO_NAME.search(name)
    if wrong:
        raise click.UsageError(
            f"{name!r} is no function's name: letters, digits, - and _ can be in one, and {wrong[0]!r} cannot"
        )


def _refuse_file_in_handler(handler: str, folder: Path) -> None:
    """The API takes any handler without a blank, and only the first invocation would fail."""
    file, _, function = handler.partition(":")
    module = Path(file).with_suffix("").as_posix() if Path(file).name else ""
    if module and Path(file).suffix and "::" not in handler and (folder / file).is_file():
        raise click.UsageError(
            f"--handler is module.function, as in the API: {module}.{function or 'handler'}, not {handler}"
        )


def _event(event: str | None, payload: str | None) -> bytes:
    from lambda_sandbox.cli import invoking

    if event is not None and payload is not None:
        raise click.UsageError("--event and --payload are the same thing: give one of them")
    if event is not None:
        return invoking.event(event, sys.stdin.buffer.read)
    if payload is None or not payload.startswith("@"):
        return (payload or "{}").encode()
    try:
        return sys.stdin.buffer.read() if payload == "@-" else Path(payload[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read the payload from {payload[1:]}: {error.strerror}") from None


def _client_context(text: str | None) -> str:
    if text is None:
        return ""
    from lambda_sandbox.cli import invoking

    if text == "-":  # standard input is the event's
        raise click.UsageError("--context takes a JSON object, or the file that holds one")
    value = json.loads(invoking.event(text, sys.stdin.buffer.read, "client context"))
    if not isinstance(value, dict):
        raise click.UsageError("--context takes a JSON object")
    return json.dumps(value)


def _variables(pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if not pair.partition("=")[0] or "=" not in pair:
            raise click.UsageError(f"--env takes KEY=VALUE, and {pair!r} is not that")
    keys = [pair.partition("=")[0] for pair in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise click.UsageError(f"--env {key} is given {keys.count(key)} times: give it once")
    return dict(pair.split("=", 1) for pair in pairs)
