"""``invoke``: one call over plain HTTP, without boto3's half second of imports."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import click

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.server_client import ServerClient


def invoke(
    client: ServerClient,
    function: str,
    payload: bytes,
    invocation_type: str,
    qualifier: str | None,
    *,
    log_tail: bool,
) -> int:
    """Print the function's answer and return the exit code. Raises ``SandboxFault`` for an error of the API."""
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    if qualifier is not None:
        path += f"?Qualifier={quote(qualifier, safe='')}"
    headers = {"X-Amz-Invocation-Type": invocation_type, "X-Amz-Log-Type": "Tail" if log_tail else "None"}
    status, answered, body = client.request("POST", path, payload, headers)
    if status >= 300:
        raise SandboxFault(_api_error(answered, body))
    if "x-amz-log-result" in answered:
        click.echo(
            base64.b64decode(answered["x-amz-log-result"]).decode("utf-8", "replace"), err=True, nl=False
        )
    click.echo(body.decode("utf-8", "replace") if body else f"accepted ({status})")
    if "x-amz-function-error" in answered:
        click.echo(
            f"the function failed ({answered['x-amz-function-error']}); see: logs {function}", err=True
        )
        return 1
    return 0


def _api_error(headers: dict[str, str], body: bytes) -> str:
    try:
        members: Any = json.loads(body)
        message = members.get("message") or members.get("Message") or ""
    except (ValueError, AttributeError):
        message = body[:200].decode("utf-8", "replace")
    return f"{headers.get('x-amzn-errortype', 'error')}: {message}"
