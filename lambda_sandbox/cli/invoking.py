"""``invoke``: one call over plain HTTP, without boto3's half second of imports."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from lambda_sandbox.cli.connecting import what_there_is
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.server_client import ServerClient

_SHOWN = 80  # characters of an event in a sentence about it


@dataclass(frozen=True, slots=True)
class Call:
    """``event`` is the payload; ``client_context`` the text of a JSON object, or empty."""

    event: bytes = b"{}"
    invocation_type: str = "RequestResponse"
    qualifier: str | None = None
    client_context: str = ""

    def headers(self) -> dict[str, str]:
        context = base64.b64encode(self.client_context.encode()).decode("ascii")
        headers = {"X-Amz-Invocation-Type": self.invocation_type}
        return headers | {"X-Amz-Client-Context": context} if context else headers


@dataclass(frozen=True, slots=True)
class Answer:
    """``function_error`` is AWS's header: empty, ``Handled`` or ``Unhandled``. ``log_tail`` is the last 4 KB, when asked for."""

    status: int
    payload: bytes
    function_error: str
    log_tail: str


def send(client: ServerClient, function: str, call: Call, *, log_tail: bool = False) -> Answer:
    """Invoke, and return the answer. Raises ``SandboxFault`` for an error of the API."""
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    if call.qualifier is not None:
        path += f"?Qualifier={quote(call.qualifier, safe='')}"
    headers_sent = {**call.headers(), "X-Amz-Log-Type": "Tail" if log_tail else "None"}
    status, headers, body = client.request("POST", path, call.event, headers_sent)
    refuse_error(client, status, headers, body, function if call.qualifier is None else "")
    tail = base64.b64decode(headers.get("x-amz-log-result", "")).decode("utf-8", "replace")
    return Answer(status, body, headers.get("x-amz-function-error", ""), tail)


def invoke(client: ServerClient, function: str, call: Call, *, log_tail: bool) -> int:
    """Print the function's answer and return the exit code. Raises ``SandboxFault`` for an error of the API."""
    answer = send(client, function, call, log_tail=log_tail)
    if answer.log_tail:
        click.echo(answer.log_tail, err=True, nl=False)
    text = answer.payload.decode("utf-8", "replace")
    click.echo(text or f"accepted ({answer.status})")
    if answer.function_error:
        click.echo(f"the function failed ({answer.function_error}); see: logs {function}", err=True)
        return 1
    return 0


def event(text: str, read_input: Callable[[], bytes], what: str = "event") -> bytes:
    """Return the JSON that ``text`` means: ``-`` is standard input, else the name of a file, else JSON itself.

    Raises ``click.UsageError`` for what is none of them.
    """
    if text == "-":
        return checked(read_input(), "standard input", what)
    path = Path(text)
    try:
        found = path.exists() and text != ""
    except (OSError, ValueError):  # too long for a name, or not one at all
        found = False
    if found:
        try:
            return checked(path.read_bytes(), text, what)
        except OSError as error:
            raise click.UsageError(f"cannot read the {what} from {text}: {error.strerror}") from None
    try:
        json.loads(text)
    except ValueError as error:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        why = f" ({error})" if text.lstrip().startswith(("{", "[", '"')) else ""
        raise click.UsageError(f"the {what} {shown!r} is neither a file that exists nor JSON{why}") from None
    return text.encode()


def checked(content: bytes, origin: str, what: str = "event") -> bytes:
    """Return content that is JSON. Raises ``click.UsageError`` that names its origin for any other."""
    if not content.strip():
        raise click.UsageError(f"the {what} in {origin} is empty: write {{}} for an empty one")
    try:
        json.loads(content)
    except UnicodeDecodeError:
        raise click.UsageError(f"the {what} in {origin} is not JSON: it is no text") from None
    except ValueError as error:
        raise click.UsageError(f"the {what} in {origin} is not JSON: {error}") from None
    return content


def refuse_error(
    client: ServerClient, status: int, headers: dict[str, str], body: bytes, function: str = ""
) -> None:
    """Raise ``SandboxFault`` for an answer that is an error of the API, and for one that no Lambda API gives.

    ``function`` is what the request was about, where nothing else can be missing: the sentence then ends with what there is.
    """
    if "x-amzn-requestid" not in headers and "x-amzn-errortype" not in headers:
        raise client.not_a_sandbox()
    if status == 404 and function and ":" not in function:
        raise SandboxFault(f"{api_error(headers, body)}; {what_there_is(client)}")
    if status >= 300:
        raise SandboxFault(api_error(headers, body))


def api_error(headers: dict[str, str], body: bytes) -> str:
    """Return the code and the message of an answer that is an error of the API."""
    try:
        members: Any = json.loads(body)
        message = members.get("message") or members.get("Message") or ""
    except (ValueError, AttributeError):
        message = body[:200].decode("utf-8", "replace")
    return f"{headers.get('x-amzn-errortype', 'error')}: {message}"
