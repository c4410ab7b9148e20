"""The option that every command with a server has, and the client that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lambda_sandbox.config import DEFAULT_PORT

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
