"""Functions from the command line: created, given new code, and kept up with a folder."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import click

from lambda_sandbox.cli.invoking import refuse_error
from lambda_sandbox.config import Config
from lambda_sandbox.deploying import newest_runtime
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.source_folder import SourceFolder

_FUNCTIONS = "/2015-03-31/functions"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A function's configuration; what is ``None`` is the API's default for a new function, and stays in one that is there."""

    name: str
    handler: str
    runtime: str | None = None
    memory_mb: int | None = None
    timeout_s: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        values = {
            "Handler": self.handler,
            "Runtime": self.runtime,
            "MemorySize": self.memory_mb,
            "Timeout": self.timeout_s,
            "Environment": {"Variables": dict(self.environment)} if self.environment else None,
        }
        return {name: value for name, value in values.items() if value is not None}


class Deployer:
    """Speaks the Lambda API of the server behind ``client``. Raises ``SandboxFault`` with the API's own words."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def create(self, deployment: Deployment, package: bytes, suffix: str = "") -> None:
        """Create the function with a role that need not exist; ``suffix`` is an archive's, which may tell the runtime."""
        account_id = Config.load().account_id
        members = (
            {"Runtime": newest_runtime(suffix) or newest_runtime(".py")}
            | deployment.members()
            | {
                "FunctionName": deployment.name,
                "Role": f"arn:aws:iam::{account_id}:role/developer",
                "Code": {"ZipFile": _text(package)},
            }
        )
        self._send("POST", _FUNCTIONS, members)

    def exists(self, name: str) -> bool:
        status, headers, answer = self._client.request("GET", f"{_FUNCTIONS}/{quote(name, safe='')}")
        if status != 404:
            refuse_error(self._client, status, headers, answer)
        return status == 200

    def configure(self, deployment: Deployment) -> None:
        self._send(
            "PUT", f"{_FUNCTIONS}/{quote(deployment.name, safe='')}/configuration", deployment.members()
        )

    def update(self, name: str, package: bytes) -> None:
        """Give the function new code: environments of the old retire when their invocation ends."""
        self._send("PUT", f"{_FUNCTIONS}/{quote(name, safe='')}/code", {"ZipFile": _text(package)})

    def _send(self, method: str, path: str, members: Mapping[str, Any]) -> None:
        body = json.dumps(members).encode()
        status, headers, answer = self._client.request(
            method, path, body, {"Content-Type": "application/json"}
        )
        refuse_error(self._client, status, headers, answer)


def create_function(
    client: ServerClient, deployment: Deployment, folder: SourceFolder, replace: bool
) -> bytes:
    """Create the function, or with ``replace`` give an existing one this code and the members that are named; return
    the package."""
    deployer, package = Deployer(client), folder.package()
    if not deployer.exists(deployment.name):
        deployer.create(deployment, package, folder.source.suffix if folder.source.is_file() else "")
        click.echo(f"created {deployment.name} from {folder.source}")
        return package
    if not replace:
        raise SandboxFault(f"there is a function {deployment.name}: add --replace to give it this code")
    deployer.configure(deployment)
    deployer.update(deployment.name, package)
    click.echo(f"{deployment.name} has the code of {folder.source} now")
    return package


def keep_up(client: ServerClient, name: str, folder: SourceFolder, package: bytes) -> None:
    """Give the function the folder's code at every change, until an interrupt."""
    deployer = Deployer(client)

    def publish(new: bytes) -> None:
        if not deployer.exists(name):
            raise SandboxFault(
                f"there is no function {name} any more, as after a reset; end the watch and create it again"
            )
        deployer.update(name, new)

    click.echo(f"watching {folder.source}: a saved change is live at once; Ctrl-C ends the watch")
    with contextlib.suppress(KeyboardInterrupt):
        for changed, _ in changes(folder, package, publish):
            click.echo(f"{name}: live after {(time.perf_counter() - changed) * 1000:.0f} ms")


def changes(
    folder: SourceFolder, package: bytes, publish: Callable[[bytes], None]
) -> Iterator[tuple[float, bytes]]:
    """Publish every package that differs from the last; yield when each was seen.

    What cannot be packaged or published is one sentence, and the next change is awaited.
    """
    current, said = package, ""
    for moment in folder.changes():
        try:
            new = folder.package()
            if new == current:
                if said:
                    print("lambda_sandbox: the code is what it was before", file=sys.stderr)
                said = ""
                continue
            publish(new)
        except SandboxFault as fault:
            said = str(fault)
            print(f"lambda_sandbox: {said}", file=sys.stderr)
            continue
        current, said = new, ""
        yield moment, new


def _text(package: bytes) -> str:
    return base64.b64encode(package).decode("ascii")
