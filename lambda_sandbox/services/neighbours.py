"""S3, DynamoDB, SQS and the rest, from moto in a process of its own (it would share our interpreter's lock).

The process inherits a Unix socket that already listens, so ``start`` returns at once: calls that come early wait in the
socket's backlog until moto is up. No other user and no browser can reach that socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from lambda_sandbox.config import Config
from lambda_sandbox.errors import InvalidParameterValueException, SandboxFault
from lambda_sandbox.http1 import ClientConnection, Headers, Response, encode_request
from lambda_sandbox.services.addressing import access_key, path_style
from lambda_sandbox.services.api_gateway.addresses import PORT_VARIABLE
from lambda_sandbox.services.forwarder import (
    ENDPOINT_VARIABLE,
    ENFORCED_VARIABLE,
    REACH_VARIABLE,
    TOKEN_VARIABLE,
)
from lambda_sandbox.services.mqtt_broker import BROKER_VARIABLE, problem_with
from lambda_sandbox.services.postgres.kept import FOLDER_VARIABLE
from lambda_sandbox.services.unavailable import unavailable
from lambda_sandbox.services.waiting_moto import IMPORT_SETTINGS, ForkedProcess, WaitingMoto

# POLICY: the emulated services beside Lambda (S3, SQS, DynamoDB and so on) serve 256 requests at once; further ones wait.
CONNECTIONS_MAX = 256
STOP_WAIT_S = 2.0
# POLICY: a sandbox with ``--state`` gives the other services 15 s to write down what they hold when it stops.
_DATABASES_WAIT_S = 15.0
ACCOUNT_HEADER = b"x-moto-account-id"  # moto's own
_FOLDER, _SOCKET = "lambda-sandbox-moto-", "moto.sock"
_SOCKET_PATH_BYTES = 103  # what every system takes: macOS has 104 with the end
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_log = logging.getLogger(__name__)

Status = Literal["off", "stopped", "starting", "running", "crashed"]


@dataclass
class _Moto:
    """One life of moto's process. Its folder holds its socket and its log, and goes with it."""

    process: subprocess.Popen[bytes] | ForkedProcess
    folder: Path
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    idle: list[ClientConnection] = field(default_factory=list)
    busy: set[ClientConnection] = field(default_factory=set)

    @property
    def socket_path(self) -> str:
        return str(self.folder / _SOCKET)

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


class Neighbours:
    """``endpoint`` is where the forwarder posts Event invokes: set it before ``start`` when the port is only known then.

    Belongs to the event loop that called ``start`` (or the first ``forward``). Nothing in here is kept on disk but databases
    of RDS, with a state folder: DIFFERS, moto has no persistence, so queues, buckets and tables are gone when its process ends.

    ``waiting`` is what becomes moto's process the first time; without it, and after a crash, one is started anew.
    """

    def __init__(
        self, config: Config, endpoint: str | None = None, waiting: WaitingMoto | None = None
    ) -> None:
        self.endpoint = endpoint or f"http://127.0.0.1:{config.port}"
        self._config = config
        self._waiting = waiting
        self._moto: _Moto | None = None
        self._lost: str | None = None
        self._stopped = False
        self.on_lost: Callable[[], None] = lambda: None  # the process has ended unexpectedly
        self.token = secrets.token_urlsafe(24)  # by which the endpoint knows calls that the neighbours make
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)

    @property
    def status(self) -> Status:
        if not self._config.neighbours:
            return "off"
        if self._moto is not None:
            return "running" if self._moto.ready.is_set() else "starting"
        return "crashed" if self._lost else "stopped"

    @property
    def url(self) -> str:
        """The address of moto's own socket, empty while it is not running; clients use the sandbox's endpoint."""
        return f"unix://{self._moto.socket_path}" if self._moto else ""

    @property
    def pid(self) -> int | None:
        return self._moto.process.pid if self._moto else None

    async def start(self) -> None:
        """Start moto's process and return at once; on demand, leave that to the first call.

        Raises ``SandboxFault`` where there are no Unix sockets, or no way to the MQTT broker that is asked for.
        """
        problem = problem_with(self._config.mqtt_broker) if self._config.mqtt_broker else ""
        if problem:
            raise SandboxFault(problem)
        self._stopped = False
        if self._config.neighbours and not self._config.neighbours_on_demand and self._moto is None:
            self._spawn()

    async def ready(self) -> bool:
        """Wait until moto answers; False when it does not run."""
        moto = self._moto
        if moto is None:
            return False
        await moto.ready.wait()
        return self._moto is moto

    async def forward(
        self, method: bytes | str, target: bytes | str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        """Pass one request on and return status, headers and body. Never raises for a neighbour that is down: that is a 503.

        A HEAD answer keeps the ``Content-Length`` of the object and has no body.
        """
        response = await self._forward(_bytes(method), _bytes(target), headers, body)
        return response.status, response.headers, response.body

    async def fetch_object(self, bucket: str, key: str, version: str | None = None) -> bytes:
        """Return an object of S3. Raises ``InvalidParameterValueException`` with S3's code and message."""
        target = f"/{quote(bucket)}/{quote(key)}" + (f"?versionId={quote(version)}" if version else "")
        scope = f"{self._config.account_id}/20260101/{self._config.region}/s3/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        headers = [(b"Host", b"localhost"), (b"Authorization", authorization.encode())]
        status, _, body = await self.forward(b"GET", target.encode(), headers, b"")
        if status != 200:
            code, message = _s3_error(body)
            raise InvalidParameterValueException(
                f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
            )
        return body

    async def reset(self) -> None:
        """Empty every neighbour; the process goes on."""
        if self._moto is not None:
            headers = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]
            await self.forward(b"POST", b"/moto-api/reset", headers, b"")

    async def stop(self) -> None:
        """End the process and forget its data; ``forward`` answers 503 until the next ``start``."""
        self._stopped = True
        self._lost = None
        if self._waiting is not None:
            self._waiting.end()
        moto = self._moto
        if moto is not None:
            self._detach(moto)
            await asyncio.to_thread(_end, moto, _DATABASES_WAIT_S if self._config.state else STOP_WAIT_S)

    # --- the process ---------------------------------------------------------------------------------

    def _spawn(self) -> _Moto:
        if not hasattr(socket, "AF_UNIX"):
            raise SandboxFault(
                "The neighbour services need Unix sockets: run the sandbox on Linux, macOS or WSL."
            )
        folder = _make_folder()
        with socket.socket(socket.AF_UNIX) as listener, (folder / "moto.log").open("wb") as log:
            listener.bind(str(folder / _SOCKET))
            listener.listen(1024)
            process = self._begin(listener, log, folder)
        moto = self._moto = _Moto(process, folder)
        os.set_blocking(moto.stdout.fileno(), False)
        asyncio.get_running_loop().add_reader(moto.stdout.fileno(), self._on_output, moto)
        return moto

    def _begin(
        self, listener: socket.socket, log: IO[bytes], folder: Path
    ) -> subprocess.Popen[bytes] | ForkedProcess:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            try:
                return waiting.become(listener, log, folder, self._environment(folder))
            except OSError:
                _log.warning("the process that waited to serve the neighbours has ended: starting another")
        return subprocess.Popen(
            [sys.executable, "-m", "lambda_sandbox.services.moto_process", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[listener.fileno()],
            cwd=folder,
            env=self._environment(folder),
            start_new_session=True,  # Ctrl-C is for the server, which then stops us in order
        )

    def _door_port(self) -> int:
        """Return the port of the inherited listener where there is one: its clients may have no way to the other."""
        if self._config.listen_fd is None:
            return urlsplit(self.endpoint).port or 80
        with socket.socket(fileno=os.dup(self._config.listen_fd)) as inherited:
            port: int = inherited.getsockname()[1]
            return port

    def _environment(self, folder: Path) -> dict[str, str]:
        """Nothing is inherited but what Python needs: no credentials, no profile, no proxy."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        return {
            **kept,
            "HOME": str(folder),
            "PYTHONPATH": str(_PACKAGE_PARENT),
            "PYTHONWARNINGS": "ignore",
            ENDPOINT_VARIABLE: self.endpoint,
            TOKEN_VARIABLE: self.token,
            **({ENFORCED_VARIABLE: "1"} if self._config.enforce_iam else {}),
            **(self._kept() if self._config.keeper_token else {}),
            PORT_VARIABLE: str(self._door_port()),
            **self._broker(),
            **self._databases(),
            **IMPORT_SETTINGS,
            "MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR": "false",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self._config.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _kept(self) -> dict[str, str]:
        """Say what holds while work is graded: objects stay in memory, where their keeper sees how much they are."""
        return {REACH_VARIABLE: self.endpoint, "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(1 << 40)}

    def _broker(self) -> dict[str, str]:
        """Say where the MQTT broker is, and whose rules see its messages."""
        config = self._config
        if not config.mqtt_broker:
            return {}
        return {BROKER_VARIABLE: f"{config.mqtt_broker} {config.account_id} {config.region}"}

    def _databases(self) -> dict[str, str]:
        """Say where databases are kept, if they are."""
        state = self._config.state
        return {} if state is None else {FOLDER_VARIABLE: str(state.resolve() / "databases")}

    def _on_output(self, moto: _Moto) -> None:
        data = moto.stdout.read()
        if data:
            moto.ready.set()
        elif data == b"":
            self._crashed(moto)

    def _crashed(self, moto: _Moto) -> None:
        if self._moto is not moto:
            return
        self._detach(moto)
        last = _last_line(moto.folder / "moto.log")
        moto.process.kill()  # it may have closed its output only
        code = _end(moto)
        self._lost = (
            f"The neighbour services (S3, SQS, DynamoDB and the rest) ended unexpectedly with exit code {code}"
            f"{f' ({last})' if last else ''}; their queues, buckets and tables are gone. "
            "They are starting again, empty: create what you need and repeat the call."
        )
        _log.warning("%s", self._lost)
        self.on_lost()

    def _detach(self, moto: _Moto) -> None:
        self._moto = None
        asyncio.get_running_loop().remove_reader(moto.stdout.fileno())
        for connection in (*moto.idle, *moto.busy):
            connection.close()
        moto.ready.set()

    # --- calls ---------------------------------------------------------------------------------------

    async def _forward(self, method: bytes, target: bytes, headers: Headers, body: bytes) -> Response:
        refusal = self._why_not()
        if refusal is not None:
            return unavailable(refusal, headers)
        moto = self._moto or self._spawn()
        moved_target, moved_headers = path_style(target, headers)
        moved_headers = self._with_account(moved_headers)
        data = encode_request(method, moved_target, moved_headers, body)
        try:
            async with self._slots:
                return await self._exchange(moto, data, head=method == b"HEAD")
        except OSError:  # ConnectionError among them
            self._crashed(moto)
            return unavailable(
                self._why_not() or "The neighbour services did not answer: repeat the call.", headers
            )

    def _with_account(self, headers: Headers) -> Headers:
        """Say which account a request is for, unless the endpoint has: a 12-digit access key is the account itself."""
        if any(name.lower() == ACCOUNT_HEADER for name, _ in headers):
            return headers
        key = access_key(headers)
        account_id = key if len(key) == 12 and key.isdigit() else self._config.account_id
        return [*headers, (ACCOUNT_HEADER, account_id.encode())]

    def _why_not(self) -> str | None:
        """Return the sentence for a 503, or None. A crash is reported once; the report starts moto again."""
        if not self._config.neighbours:
            return "The neighbour services are off: start the sandbox without LAMBDA_SANDBOX_NEIGHBOURS=0 to use them."
        if self._stopped:
            return "The neighbour services are stopped: start the sandbox again to use them."
        lost, self._lost = self._lost, None
        if lost is not None and self._moto is None:
            self._spawn()
        return lost

    async def _exchange(self, moto: _Moto, data: bytes, *, head: bool) -> Response:
        connection = await self._connection(moto)
        moto.busy.add(connection)
        try:
            response = await connection.request(data, head=head)
        finally:
            moto.busy.discard(connection)
        if connection.usable:
            moto.idle.append(connection)
        return response

    async def _connection(self, moto: _Moto) -> ClientConnection:
        while moto.idle:
            connection = moto.idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(ClientConnection, moto.socket_path)
        return connection


def _make_folder() -> Path:
    """Return a new private folder with a path that is short enough for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    if len(os.fsencode(folder / _SOCKET)) <= _SOCKET_PATH_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=_FOLDER, dir="/tmp"))


def _end(moto: _Moto, wait_s: float = STOP_WAIT_S) -> int:
    """End the process, wait for it and remove its folder. Blocks for at most ``wait_s``."""
    moto.stdin.close()  # what it watches
    try:
        code = moto.process.wait(wait_s)
    except subprocess.TimeoutExpired:
        moto.process.kill()
        code = moto.process.wait()
    with contextlib.suppress(OSError):
        moto.stdout.close()
    shutil.rmtree(moto.folder, ignore_errors=True)
    return code


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""


def _s3_error(body: bytes) -> tuple[str, str]:
    try:
        error = ElementTree.fromstring(body)  # noqa: S314 - from our own process
    except ElementTree.ParseError:
        return "InternalError", "S3 gave no reason."
    return error.findtext("Code") or "InternalError", error.findtext("Message") or "S3 gave no reason."


def _bytes(text: bytes | str) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
