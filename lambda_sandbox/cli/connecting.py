"""The option that every command with a server has, and the client that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from lambda_sandbox.config import DEFAULT_PORT
from lambda_sandbox.errors import SandboxFault

if TYPE_CHECKING:
    from lambda_sandbox.server_client import ServerClient

endpoint_option = click.option(
    "--endpoint",
    envvar="LAMBDA_SANDBOX_ENDPOINT",
    default=f"http://127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="Address of the running sandbox.",
)


def client(endpoint: str, timeout_s: float = 910.0) -> ServerClient:
    """Return a client of the server at ``endpoint``; it waits longer than a function may take, which is 900 s."""
    from lambda_sandbox.server_client import ServerClient

    return ServerClient(endpoint, timeout_s)


def refuse_unknown(server: ServerClient, function: str | None) -> None:
    """Raise ``SandboxFault`` where there is no such function. For answers without a line: what is deleted may have some."""
    if function is None:
        return
    status, _, _ = server.request("GET", f"/2015-03-31/functions/{quote(function, safe='')}/configuration")
    if status == 404:
        raise SandboxFault(
            f"there is no function {function}, and nothing of one that is deleted; check the name"
        )
