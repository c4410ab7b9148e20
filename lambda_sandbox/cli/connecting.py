"""The option that every command with a server has, and the client that it makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from lambda_sandbox.config import DEFAULT_PORT
from lambda_sandbox.errors import SandboxFault

if TYPE_CHECKING:
    from lambda_sandbox.server_client import ServerClient

_NAMED = 10  # functions in a sentence
PATIENCE_S = 910.0  # a function may take 900 s

endpoint_option = click.option(
    "--endpoint",
    envvar="LAMBDA_SANDBOX_ENDPOINT",
    default=f"http://127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="Address of the running sandbox.",
)


def client(endpoint: str) -> ServerClient:
    """Return a client of the server at ``endpoint``; it waits longer than a function may take."""
    from lambda_sandbox.server_client import ServerClient

    return ServerClient(endpoint, PATIENCE_S)


def refuse_unknown(server: ServerClient, function: str | None) -> None:
    """Raise ``SandboxFault`` where there is no such function. For answers without a line: what is deleted may have some."""
    if function is None:
        return
    status, _, _ = server.request("GET", f"/2015-03-31/functions/{quote(function, safe='')}/configuration")
    if status in (400, 404):  # 400: what can be no function's name
        raise SandboxFault(
            f"there is no function {function}, and nothing of one that is deleted; {what_there_is(server)}"
        )


def named(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an argument that is empty, as a shell variable without a value is: it would mean all, or the last."""
    if value is not None and not value.strip():
        raise click.UsageError(f"{parameter.human_readable_name} is empty: name one, or leave it out")
    return value


def what_there_is(server: ServerClient) -> str:
    """Return the end of a sentence about a function that is not there: the names of those that are."""
    _, _, body = server.request("GET", f"/2015-03-31/functions/?MaxItems={_NAMED}")
    names = [str(each["FunctionName"]) for each in json.loads(body).get("Functions", [])]
    if not names:
        return "none is deployed here yet"
    return f"check the name: there {'is' if len(names) == 1 else 'are'} {', '.join(names)}{', …' if len(names) == _NAMED else ''}"
