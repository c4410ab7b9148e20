"""``invoke FILE:HANDLER``: a function straight from its file, in a sandbox that lives as long as the command.

It is a real sandbox: the same isolation, limits, timeout and REPORT line as behind ``serve``, in every language.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from lambda_sandbox.cli import attaching, invoking, tables
from lambda_sandbox.cli.connecting import PATIENCE_S
from lambda_sandbox.cli.deploying import Deployer, Deployment, changes
from lambda_sandbox.cli.invoking import Call
from lambda_sandbox.deploying import newest_runtime
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.packaging import is_archive
from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.server_process import ServerProcess
from lambda_sandbox.source_folder import SourceFolder

_SUFFIXES = (".py", ".mjs", ".js", ".cjs", ".rb")
_DEBUGGED_S = 24 * 3600.0  # and somebody may think for a day


@dataclass(frozen=True, slots=True)
class Source:
    """A handler in a file. ``root`` is what is deployed, ``handler`` as in the API."""

    root: Path
    handler: str
    runtime: str
    file: Path

    @property
    def name(self) -> str:
        """The function's name: the module's, as far as the API takes it."""
        return re.sub(r"[^a-zA-Z0-9_-]", "-", self.handler.rpartition(".")[0])[:64]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says of the function; ``None`` is the API's default."""

    runtime: str | None = None
    memory_mb: int | None = None
    timeout_s: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    neighbours: bool = False
    debug: bool = False
    debug_port: int | None = None


def is_source(target: str) -> bool:
    """Return whether ``target`` names a file: neither a dot nor a slash can be in a function's name or ARN."""
    return "." in target or "/" in target or target.startswith(":") or Path(target).is_file()


def meant(target: str) -> str:
    """Return the ``FILE:HANDLER`` that ``target`` was probably meant to be, where that file exists; else ``""``.

    It was typed without the file's suffix, with a dot for the colon as in the API, or with one colon too many.
    """
    first, _, rest = target.partition(":")
    module, _, last = first.rpartition(".")
    handler = rest.strip(":").partition(":")[0]
    tries = [(first, handler)] + [(first + suffix, handler) for suffix in _SUFFIXES]
    if not rest:  # app.handler, app.py.handler
        tries += [(module, last)] + [(module + suffix, last) for suffix in _SUFFIXES]
    found = ((file, name or "handler") for file, name in tries if Path(file).suffix in _SUFFIXES)
    return next((f"{file}:{name}" for file, name in found if Path(file).is_file()), "")


def source(target: str, runtime: str | None = None) -> Source:
    """Read ``FILE:HANDLER``. Raises ``click.UsageError`` with what is wrong with it."""
    file, colon, handler = target.rpartition(":")
    if colon and not file:
        raise click.UsageError(f"name the file as well, such as app.py{target}")
    path = Path(file)
    instead = meant(target)
    if instead and not (path if colon else Path(target)).is_file():
        raise click.UsageError(f"{target} is not FILE:HANDLER; write {instead}")
    if not colon and Path(target).suffix not in _SUFFIXES and not Path(target).exists():
        raise click.UsageError(
            f"there is no file {target}; name a file and the handler in it, such as app.py:handler"
        )
    if not colon or not handler or "/" in handler:
        raise click.UsageError(f"name the handler as well: {target.rstrip(':')}:handler")
    if path.is_dir():
        raise click.UsageError(
            f"{file} is a folder: name the file in it, such as {path / 'app.py'}:{handler}"
        )
    if not path.is_file():
        raise click.UsageError(f"there is no file {file}")
    if is_archive(path):
        raise click.UsageError(
            f"{file} is deployed, not invoked as a file: create-function NAME --code {file} --handler {handler}"
        )
    chosen = runtime or newest_runtime(path.suffix)
    if not chosen:
        raise click.UsageError(
            f"{path.name} is no .py, .js, .mjs, .cjs or .rb file: say which --runtime runs it"
        )
    if "." in path.stem:
        raise click.UsageError(f"{path.name} cannot be imported: no dot but the last may be in its name")
    # The folder of the name that was typed: where that is a link, the file behind it has another name and folder.
    root = path.parent.resolve()
    return Source(root, f"{path.stem}.{handler}", chosen, root / path.name)


def run(found: Source, settings: Settings, call: Call, *, watch: bool = False) -> int:
    """Deploy, invoke, print log and answer; with ``watch`` again at every change. Returns the last exit code."""
    folder = SourceFolder(found.root)
    package = folder.package()
    flags = ["--neighbours" if settings.neighbours else "--no-neighbours"]
    server = ServerProcess(0, flags=flags)
    try:
        client = ServerClient(server.endpoint, _DEBUGGED_S if settings.debug else PATIENCE_S)
        session = Session(client, found.name, call)
        deployment = Deployment(
            found.name,
            found.handler,
            settings.runtime or found.runtime,
            settings.memory_mb,
            settings.timeout_s,
            settings.environment,
        )
        Deployer(client).create(deployment, package)
        if settings.debug:
            print(
                attaching.begin(client, found.name, settings.debug_port, found.root).text(),
                file=sys.stderr,
                flush=True,
            )
        code = session.invoke()
        return _again(session, folder, package, found.file) if watch else code
    finally:
        server.stop()


def _again(session: Session, folder: SourceFolder, package: bytes, file: Path) -> int:
    def publish(new: bytes) -> None:
        if not file.is_file():
            raise SandboxFault(f"{file} is gone; put it back, or end this with Ctrl-C")
        session.update(new)

    print(f"watching {folder.root}: invoked again at every change; Ctrl-C ends it", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):
        for changed, _ in changes(folder, package, publish):
            live_ms = (time.perf_counter() - changed) * 1000.0
            print(f"--- live {live_ms:.0f} ms after the change", file=sys.stderr)
            session.invoke()
    return 0


class Session:
    """One function in one sandbox; prints each invocation's own part of the log on standard error."""

    def __init__(self, client: ServerClient, name: str, call: Call) -> None:
        self._client = client
        self._name = name
        self._call = call
        self._logged = 0

    def update(self, package: bytes) -> None:
        Deployer(self._client).update(self._name, package)

    def invoke(self) -> int:
        """Print the log and the answer; return 1 when the function failed."""
        began = time.perf_counter()
        answer = invoking.send(self._client, self._name, self._call)
        took_ms = (time.perf_counter() - began) * 1000.0
        self._show_log()
        click.echo(answer.payload.decode("utf-8", "replace"))
        print(f"{took_ms:.1f} ms", file=sys.stderr)
        if answer.function_error:
            print(f"the function failed ({answer.function_error})", file=sys.stderr)
        return 1 if answer.function_error else 0

    def _show_log(self) -> None:
        events = self._client.read("/_sandbox/logs", function=self._name)["events"]
        for event in events[self._logged :]:
            message = event["message"].rstrip("\n").replace("\r", "\n")
            print(tables.visible(message), file=sys.stderr)
        self._logged = len(events)
