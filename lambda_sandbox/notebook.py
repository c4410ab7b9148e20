"""``connect()``: points boto3 at a sandbox, keeps it away from real AWS, and shows what ran.

The same notebook talks to real AWS when ``connect()`` is left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lambda_sandbox import aws_environment, botocore_guard, local_names
from lambda_sandbox.config import Config
from lambda_sandbox.connection_wish import Traits, Wish
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.fault_rules import FaultSwitch, banner
from lambda_sandbox.resources import Isolation
from lambda_sandbox.telemetry.explanation import Explanation
from lambda_sandbox.telemetry.timeline import Timeline
from lambda_sandbox.telemetry.views import Bill, History, Logs

if TYPE_CHECKING:
    from lambda_sandbox.deploying import Deployed
    from lambda_sandbox.drivers.in_process.sandbox import InProcess

IN_PROCESS = "in-process"
_PORTS_TRIED = 20

_connected: Sandbox | None = None


class Backend(Protocol):
    """What a sandbox is behind the front: a server, or this interpreter."""

    endpoint: str

    def health(self) -> dict[str, Any]: ...
    def read(self, route: str, **query: str | None) -> dict[str, Any]: ...
    def post(self, route: str) -> dict[str, Any]: ...
    def send_json(
        self, method: str, route: str, value: dict[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]: ...


class Sandbox:
    """A connected sandbox. ``endpoint`` is its address; ``notes`` says what was noticed while connecting."""

    def __init__(self, backend: Backend, *, origin: str, notes: tuple[str, ...] = ()) -> None:
        self._backend = backend
        self._origin = origin
        self._traits_of_server: Traits | None = None
        self.notes = notes
        self.endpoint = backend.endpoint

    @property
    def isolation(self) -> Isolation:
        """What the machine lets the sandbox enforce, and what is missing."""
        answer = self._backend.health()["isolation"]
        opened = tuple(answer.get("opened", ()))  # the in-process driver opens nothing
        return Isolation(answer["level"], tuple(answer["enforced"]), tuple(answer["missing"]), opened)

    @property
    def clock(self) -> str:
        """By which clock retries, batching windows and ages run: ``real``, ``scaled:FACTOR`` or ``manual``."""
        return self._traits.clock

    @property
    def enforces_iam(self) -> bool:
        """Whether signatures are verified and IAM's policies decide."""
        return self._traits.enforces_iam

    @property
    def _traits(self) -> Traits:
        if self._traits_of_server is None:  # settled when the server starts, so they are asked for once
            self._traits_of_server = Traits.of(self._backend.health())
        return self._traits_of_server

    def logs(self, name: str | None = None) -> Logs:
        """Return the log of function ``name``, or of all functions."""
        return Logs(self._backend.read("/_sandbox/logs", function=name), name)

    def bill(self, *, rules: str | None = None) -> Bill:
        """Return what the invocations so far would cost on AWS, today or by the ``rules`` of another time (``"2019"``)."""
        return Bill(self._backend.read("/_sandbox/bill", rules=rules))

    def history(
        self,
        function: str | None = None,
        *,
        status: str | None = None,
        cold: bool | None = None,
        since: str | float | None = None,
        limit: int | None = None,
    ) -> History:
        """Return every attempt and environment, with the reason for each decision, or those that are asked for.

        ``status`` is success, error, timeout or throttle; ``since`` is seconds since the epoch, or a time such as ``"15m"``
        before now; ``limit`` keeps the last ones. Raises ``SandboxFault`` with one sentence for what is no query.
        """
        asked = {
            "function": function,
            "status": status,
            "cold": None if cold is None else str(cold).lower(),
            "since": None if since is None else str(since),
            "limit": None if limit is None else str(limit),
        }
        return History(self._backend.read("/_sandbox/history", **asked))

    def explain(
        self, request_id: str = "last", *, function: str | None = None, last_error: bool = False
    ) -> Explanation:
        """Return why one invocation went as it did: each step, its time and its price.

        ``"last"`` is the last one, of ``function`` if it is named, or with ``last_error`` the last that did not succeed.
        Raises ``SandboxFault`` with one sentence for a request that nothing is known of.
        """
        asked = {"request_id": request_id, "function": function, "last_error": "true" if last_error else None}
        return Explanation(self._backend.read("/_sandbox/explain", **asked))

    @property
    def faults(self) -> FaultSwitch:
        """What goes wrong on request: ``faults.add("throttle", "quote", probability=0.5)``, ``faults.clear()``."""
        return FaultSwitch(self._backend)

    def timeline(self, name: str | None = None) -> Timeline:
        """Return the picture of the execution environments of function ``name``, or of all functions."""
        return Timeline(self._backend.read("/_sandbox/history"), name)

    def reset(self) -> None:
        """Empty the sandbox: functions, environments, logs, bill and neighbours. Nothing comes back."""
        self._backend.post("/_sandbox/reset")

    def client(self, service: str, **options: Any) -> Any:
        """Return ``boto3.client(service)``; plain ``boto3`` reaches the sandbox just as well."""
        import boto3

        make: Any = boto3.client
        return make(service, **options)

    def deploy(self, source: str | Path | Mapping[str, str | bytes], **options: Any) -> Deployed:
        """Create a function from a file, a folder, a dictionary or source text; ``options`` as in ``create_function``.

        ``sandbox.deploy("src/app.py").invoke({"a": 1}).value`` is what its ``handler`` returned.
        """
        from lambda_sandbox.deploying import deploy

        return deploy(self.client("lambda"), source, **options)

    def __repr__(self) -> str:
        isolation = self.isolation
        text = f"Lambda sandbox at {self.endpoint} ({self._origin}) · isolation: {isolation.level}"
        text += f" · clock: {self.clock}" if self.clock.startswith("scaled") else ""
        text += " · IAM enforced" if self.enforces_iam else ""
        if isolation.missing:
            text += f" · not enforced: {', '.join(isolation.missing)}"
        if isolation.opened:
            text += f" · functions reach {isolation.network}"
        faults = banner(self.faults.list())
        return " · ".join([text, *self.notes, *([faults] if faults else [])])

    def _repr_html_(self) -> str:
        isolation = self.isolation
        rows = [
            ("endpoint", f"{self.endpoint} ({self._origin})"),
            ("isolation", isolation.level),
            ("enforced", ", ".join(isolation.enforced) or "nothing"),
            ("not enforced", ", ".join(isolation.missing) or "nothing is missing"),
            ("functions reach", isolation.network),
            ("clock", self.clock),
            ("IAM", "enforced" if self.enforces_iam else "every key may do everything in its account"),
            *(("note", note) for note in self.notes),
            *(("faults", text) for text in [banner(self.faults.list())] if text),
        ]
        cells = "".join(
            f'<tr><th scope="row" style="text-align:left;padding:2px 10px">{name}</th>'
            f'<td style="text-align:left;padding:2px 10px">{escape(value)}</td></tr>'
            for name, value in rows
        )
        return (
            '<table style="border-collapse:collapse;font-size:13px;color:inherit;background:transparent">'
            f'<caption style="text-align:left;font-weight:600">Lambda sandbox</caption>{cells}</table>'
        )


class InProcessSandbox(Sandbox):
    """A sandbox in this interpreter, whose time moves by hand."""

    def __init__(self, driver: InProcess) -> None:
        super().__init__(driver, origin="the functions run in this interpreter")
        self._driver = driver

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once: retries, idle environments and the rest come due on the way."""
        self._driver.advance(seconds)

    def run_until_idle(self) -> None:
        """Run the asynchronous events that were accepted, and what else is due now."""
        self._driver.run_until_idle()

    def close(self) -> None:
        self._driver.close()


def connect(
    endpoint: str | None = None,
    *,
    driver: str = "server",
    clock: str | None = None,
    enforce_iam: bool = False,
    quiet: bool = False,
) -> Sandbox:
    """Point every boto3 session of this process at a sandbox and return it.

    ``endpoint`` is a running server; without it ``LAMBDA_SANDBOX_ENDPOINT`` counts, then a server on port 9000, then one
    is started, which ends with this process. ``driver="in_process"`` runs the functions in this very interpreter: no
    server, no socket, no isolation. A second call returns the same sandbox, unless it asks for another one.
    ``clock="scaled:60"`` makes an hour of waiting for retries, batching windows and ages last a minute: if the sandbox found
    runs by another clock, one is started for this process. A clock is settled when a sandbox starts. So is ``enforce_iam=True``:
    signatures are verified, and policies decide who may do what.

    Until ``disconnect()``, a botocore request that would leave this machine raises ``RealAwsRefused``. The guard holds
    for this process; processes that it starts get the endpoint and the dummy credentials from the environment.

    Raises ``SandboxFault`` when no sandbox answers or none can be started; the guard holds then as well: cells that follow are
    often run all the same, and were not meant for a real account.
    """
    try:
        return _connect(endpoint, driver, Wish(clock, enforce_iam), quiet)
    except BaseException:
        if _connected is None:
            botocore_guard.install()
        raise


def _connect(endpoint: str | None, driver: str, wish: Wish, quiet: bool) -> Sandbox:
    global _connected
    if driver not in ("server", "in_process"):
        raise SandboxFault(f'there is no driver {driver!r}; choose driver="server" or driver="in_process"')
    if driver == "in_process" and endpoint is not None:
        raise SandboxFault("the in_process driver has no server; leave out endpoint=")
    wish.check(driver)
    if _connected is not None and _serves(_connected, endpoint, driver, wish):
        return _connected
    disconnect()
    _connected = _connect_in_process() if driver == "in_process" else _connect_server(endpoint, wish)
    if not quiet:
        print(_connected)
    return _connected


def disconnect() -> None:
    """Undo ``connect()``: environment variables, guard, and the server if it was started for this process."""
    global _connected, _server
    botocore_guard.uninstall()
    if _connected is not None:
        aws_environment.restore()
        local_names.uninstall()
        if isinstance(_connected, InProcessSandbox):
            _connected.close()
        _connected = None
    if _server is not None:
        _server.stop()
        _server = None


_server: Any = None  # the ServerProcess that was started here, if any


def _serves(sandbox: Sandbox, endpoint: str | None, driver: str, wish: Wish) -> bool:
    if (sandbox.endpoint == IN_PROCESS) != (driver == "in_process"):
        return False
    if wish.unmet(sandbox._traits):
        return False
    if endpoint is None and _server is not None:  # it is preferred to what the variable names
        return bool(_server.running)
    wanted = endpoint or os.environ.get("LAMBDA_SANDBOX_ENDPOINT")
    if driver == "server" and wanted is not None:
        from lambda_sandbox.server_client import ServerClient

        return ServerClient(wanted).endpoint == sandbox.endpoint
    return _server is None or bool(_server.running)


def _connect_in_process() -> Sandbox:
    from lambda_sandbox.drivers.in_process.sandbox import InProcess

    driver = InProcess(Config.load())
    aws_environment.apply(None, driver.account_id, driver.region)
    botocore_guard.install(driver.answer)
    return InProcessSandbox(driver)


def _connect_server(endpoint: str | None, wish: Wish) -> Sandbox:
    from lambda_sandbox.server_client import ServerClient

    config = Config.load()
    given = endpoint or os.environ.get("LAMBDA_SANDBOX_ENDPOINT")
    notes: tuple[str, ...] = ()
    if given:
        client, origin = ServerClient(given), "given"
    else:
        client, origin, notes = _find_or_start(config.port, wish)
    unmet = wish.unmet(Traits.of(client.health()))
    if unmet:
        if endpoint is not None:
            raise SandboxFault(
                f"the sandbox at {client.endpoint} {unmet}; start it with {' '.join(wish.flags)}"
            )
        notes = (f"the sandbox at {client.endpoint} {unmet}, so this is another one",)
        client, origin = _start(0, wish)
    aws_environment.apply(client.endpoint, config.account_id, config.region)
    botocore_guard.install()
    local_names.install()  # an API's address is a name below .localhost
    return Sandbox(client, origin=origin, notes=notes)


def _find_or_start(port: int, wish: Wish) -> tuple[Any, str, tuple[str, ...]]:
    from lambda_sandbox.server_client import ServerClient
    from lambda_sandbox.server_process import port_state

    notes: tuple[str, ...] = ()
    chosen = 0
    for candidate in range(port, port + _PORTS_TRIED) if port else ():
        state = port_state(candidate)
        if state == "sandbox":
            return ServerClient(f"http://127.0.0.1:{candidate}"), "already running", notes
        if state == "free":
            chosen = candidate
            break
        notes = (f"port {port} is taken by another program, so this is another port",)
    if wish.special:
        chosen = 0  # that port is where whoever asks for nothing special looks, for a sandbox in real time
    client, origin = _start(chosen, wish)
    return client, origin, notes


def _start(port: int, wish: Wish) -> tuple[Any, str]:
    global _server
    from lambda_sandbox.server_client import ServerClient
    from lambda_sandbox.server_process import ServerProcess

    _server = ServerProcess(port, flags=wish.flags)
    return ServerClient(_server.endpoint), "started for this process"
