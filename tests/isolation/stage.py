"""A host for real environments, speaking the product's own Runtime API protocol; used by the tests of processes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from lambda_sandbox.config import Config
from lambda_sandbox.environments.open_network import OpenNetwork
from lambda_sandbox.environments.process import ProcessEnvironments
from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.http_server import HttpConnection, Request
from lambda_sandbox.invocation.messages import Invocation, RefuseRuntime
from lambda_sandbox.resources import Exit, FunctionConfiguration
from lambda_sandbox.runtime_api.protocol import RuntimeApiConnection

WAIT_S = 30.0


class Endpoint(HttpConnection):
    """Stands where the server's endpoint is: answers every request with its target."""

    def handle(self, request: Request) -> None:
        self.answer_json(200, {"target": request.target.decode()})


class Stage:
    """Starts environments, hands them events and keeps what comes back."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        mother: ZygoteProcess | None = None,
        open_network: OpenNetwork | None = None,
    ) -> None:
        self.folder = folder
        loop = asyncio.get_running_loop()
        self.environments = ProcessEnvironments(config, loop, self, mother, open_network)
        self.logs: dict[str, bytes] = {}
        self.init_errors: list[dict[str, Any]] = []
        self._ready: dict[str, asyncio.Queue[RuntimeApiConnection | Exit]] = {}
        self._answers: dict[str, asyncio.Queue[dict[str, Any] | Exit]] = {}
        self._numbers = itertools.count()

    # --- what the environments call -------------------------------------------------------------------

    def runtime_api_protocol(self, environment_id: str) -> RuntimeApiConnection:
        return RuntimeApiConnection(environment_id, self)

    def endpoint_protocol(self, environment_id: str) -> Endpoint:
        return Endpoint()

    def on_output(self, environment_id: str, data: bytes) -> None:
        self.logs[environment_id] += data

    def on_exit(self, environment_id: str, exit_: Exit) -> None:
        self._ready[environment_id].put_nowait(exit_)
        self._answers[environment_id].put_nowait(exit_)

    def runtime_next(self, environment_id: str, connection: RuntimeApiConnection) -> RefuseRuntime | None:
        self._ready[environment_id].put_nowait(connection)
        return None

    def runtime_response(self, environment_id: str, request_id: str, payload: bytes) -> RefuseRuntime | None:
        self.logs[environment_id] += self.environments.drain_output(environment_id)
        self._answers[environment_id].put_nowait({"result": payload, "request_id": request_id})
        return None

    def runtime_error(
        self, environment_id: str, request_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        self.logs[environment_id] += self.environments.drain_output(environment_id)
        self._answers[environment_id].put_nowait({"error": json.loads(payload), "error_type": error_type})
        return None

    def runtime_init_error(
        self, environment_id: str, payload: bytes, error_type: str
    ) -> RefuseRuntime | None:
        self.init_errors.append({"error": json.loads(payload), "error_type": error_type})
        return None

    # --- what the tests call --------------------------------------------------------------------------

    def write(self, source: str | dict[str, str]) -> Path:
        code = self.folder / f"code{next(self._numbers)}"
        for name, text in ({"app.py": source} if isinstance(source, str) else source).items():
            path = code / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        code.chmod(0o755)
        return code

    def function(self, **members: Any) -> FunctionConfiguration:
        base = {
            "runtime": "python3.12",
            "handler": "app.handler",
            "role": "",
            "code_sha256": "",
            "code_size": 0,
        }
        base |= {"revision_id": "", "last_modified": ""}
        return FunctionConfiguration("123456789012", "eu-west-1", "demo", **(base | members))

    def start(self, source: str | dict[str, str] | Path, environment_id: str = "", **members: Any) -> str:
        environment_id = environment_id or f"environment{next(self._numbers)}"
        self.logs.setdefault(environment_id, b"")
        self._ready[environment_id] = asyncio.Queue()
        self._answers[environment_id] = asyncio.Queue()
        code = source if isinstance(source, Path) else self.write(source)
        self.environments.start(environment_id, self.function(**members), code)
        return environment_id

    async def ready(self, environment_id: str) -> RuntimeApiConnection | Exit:
        return await asyncio.wait_for(self._ready[environment_id].get(), WAIT_S)

    async def ended(self, environment_id: str) -> Exit:
        while not isinstance(end := await self.ready(environment_id), Exit):
            pass
        return end

    async def send(
        self, environment_id: str, event: Any = None, *, context: str = "", timeout_s: float = 30
    ) -> str:
        connection = await self.ready(environment_id)
        assert isinstance(connection, RuntimeApiConnection), self.logs[environment_id].decode()
        request_id = f"request-{next(self._numbers)}"
        invocation = Invocation(
            request_id,
            self.function(),
            json.dumps(event).encode(),
            0.0,
            client_context=context,
            trace_header="Root=1-2-3",
        )
        connection.deliver(invocation, int((time.time() + timeout_s) * 1000))
        return request_id

    async def answer(self, environment_id: str) -> dict[str, Any] | Exit:
        return await asyncio.wait_for(self._answers[environment_id].get(), WAIT_S)

    async def invoke(self, environment_id: str, event: Any = None, **options: Any) -> Any:
        """Send one event and return the handler's result. Fails the test on any other end."""
        await self.send(environment_id, event, **options)
        answer = await self.answer(environment_id)
        assert isinstance(answer, dict), (answer, self.logs[environment_id].decode())
        assert "result" in answer, answer
        return json.loads(answer["result"])

    async def run(self, source: str | dict[str, str], event: Any = None, **members: Any) -> Any:
        return await self.invoke(self.start(source, **members), event)

    async def fail(
        self, source: str | dict[str, str], event: Any = None, **members: Any
    ) -> dict[str, Any] | Exit:
        """Run one event in a new environment and return how it failed."""
        environment_id = self.start(source, **members)
        await self.send(environment_id, event)
        return await self.answer(environment_id)


@contextlib.asynccontextmanager
async def stage(
    folder: Path,
    isolation: str = "auto",
    runtime_client: str = "lean",
    allow_network: tuple[str, ...] = (),
    open_network: OpenNetwork | None = None,
    blank_environments: int = Config().blank_environments,
    node_modules: Path | None = None,
) -> AsyncIterator[Stage]:
    """``isolation`` is one of the configuration's, or ``forked``: the strongest, by a zygote that several servers share."""
    with contextlib.ExitStack() as stack:
        mother = stack.enter_context(shared_zygote()) if isolation == "forked" else None
        config = Config(
            isolation="auto" if mother else isolation,
            runtime_client=runtime_client,
            allow_network=allow_network,
            blank_environments=blank_environments,
            node_modules=node_modules,
        )
        scene = Stage(folder, config, mother, open_network)
        try:
            yield scene
        finally:
            await scene.environments.close()


@contextlib.contextmanager
def shared_zygote() -> Iterator[ZygoteProcess]:
    """Give a zygote that servers may have forks of. Raises ``SandboxFault`` where the machine allows none."""
    with tempfile.TemporaryDirectory() as folder:
        mother = ZygoteProcess(Path(folder), native=False)
        try:
            mother.wait_ready()
            yield mother
        finally:
            mother.end()
