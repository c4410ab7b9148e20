"""``events`` and ``send-event``: samples of what services send, printed or sent to a function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lambda_sandbox.cli.connecting import client, endpoint_option

if TYPE_CHECKING:
    from lambda_sandbox.event_shapes import EventShape
    from lambda_sandbox.server_client import ServerClient

# The placeholders differ from event to event, so they are taken as they come and checked against the event's own.
_OPEN = {"ignore_unknown_options": True, "allow_extra_args": True}
_set = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set any field; VALUE is JSON, or else text.",
)


@click.command(
    context_settings=_OPEN, epilog="An event's own options, --bucket for one, are in: events NAME --fields"
)
@click.argument("name", required=False)
@_set
@click.option("--json", "compact", is_flag=True, help="Print JSON on one line.")
@click.option("--fields", is_flag=True, help="Print what the fields and options of the event mean.")
@click.pass_context
def events(
    context: click.Context, name: str | None, changes: tuple[str, ...], compact: bool, fields: bool
) -> None:
    """List the events that services send, or print a sample of one, filled in. Needs no running sandbox."""
    if name is None:
        _refuse(context.args)
        _refuse_without_name(changes, fields)
        _list(compact)
        return
    shape = _shape(name)
    if fields:
        _refuse(context.args)
        if changes:
            raise click.UsageError("--set changes a sample, and --fields prints none: leave out one of them")
        _explain(shape, compact)
        return
    event = _event(shape, context.args, changes)
    click.echo(json.dumps(event, separators=(",", ":")) if compact else json.dumps(event, indent=2))


@click.command("send-event", context_settings=_OPEN)
@click.argument("name")
@click.argument("function")
@_set
@click.option("--qualifier", help="Version or alias.")
@endpoint_option
@click.pass_context
def send_event(
    context: click.Context,
    name: str,
    function: str,
    changes: tuple[str, ...],
    qualifier: str | None,
    endpoint: str,
) -> int:
    """Send the event NAME to FUNCTION as its service does: waiting for the answer, or asynchronously.

    Takes the options of ``events`` as well. Exit code 1 when the function failed.
    """
    from lambda_sandbox.cli import invoking

    shape, server = _shape(name), client(endpoint)
    words = context.args
    if any(option.name == "function-arn" for option in shape.options) and "--function-arn" not in words:
        words = [*words, "--function-arn", _arn(server, function)]
    payload = json.dumps(_event(shape, words, changes)).encode()
    call = invoking.Call(payload, shape.invocation_type, qualifier)
    return invoking.invoke(server, function, call, log_tail=False)


def _shape(name: str) -> EventShape:
    from lambda_sandbox.event_shapes import load

    try:
        return load(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _event(shape: EventShape, words: list[str], changes: tuple[str, ...]) -> Any:
    from lambda_sandbox.event_shapes.paths import put

    try:
        event = shape.filled(_options(words))
        for change in changes:
            path, found, text = change.partition("=")
            if not found:
                raise ValueError(f"--set needs PATH=VALUE, and {change!r} has no =")
            put(event, path, _value(text))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return event


def _options(words: list[str]) -> dict[str, str]:
    """Return ``--name value`` and ``--name=value`` pairs as a dict. Raises ``ValueError``."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"unexpected word {word!r}")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise ValueError(f"--{name} needs a value")
            value = rest.pop(0)
        found[name] = value
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refuse(words: list[str]) -> None:
    if words:
        raise click.UsageError(f"unexpected word {words[0]!r}")


def _refuse_without_name(changes: tuple[str, ...], fields: bool) -> None:
    for option, given in (("--set", changes), ("--fields", fields)):
        if given:
            raise click.UsageError(f"{option} goes with the NAME of an event; without options: their list")


def _arn(server: ServerClient, function: str) -> str:
    from urllib.parse import quote

    from lambda_sandbox.cli.invoking import refuse_error

    path = f"/2015-03-31/functions/{quote(function, safe='')}/configuration"
    status, headers, body = server.request("GET", path, b"", {})
    refuse_error(server, status, headers, body, function)
    return str(json.loads(body)["FunctionArn"])


def _list(compact: bool) -> None:
    from lambda_sandbox.event_shapes import load, names

    shapes = [load(name) for name in names()]
    if compact:
        rows = [
            {"name": shape.name, "service": shape.service, "mode": shape.mode, "title": shape.title}
            for shape in shapes
        ]
        click.echo(json.dumps(rows, separators=(",", ":")))
        return
    from lambda_sandbox.cli import event_tables

    event_tables.kinds(shapes)


def _explain(shape: EventShape, compact: bool) -> None:
    if compact:
        rows = [
            {"path": field.path, "type": field.type, "optional": field.optional, "meaning": field.meaning}
            for field in shape.fields()
        ]
        click.echo(json.dumps(rows, separators=(",", ":")))
        return
    from lambda_sandbox.cli import event_tables

    event_tables.fields(shape)
