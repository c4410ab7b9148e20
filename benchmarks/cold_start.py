"""Cold starts: from the request to the first answer of a handler, isolated, beside ``python3 -c pass``.

Everything is measured in alternating rounds on the same machine in the same run, so that what else the machine does is in both
sides of a ratio.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from lambda_sandbox.config import Config
from lambda_sandbox.environments.process import ProcessEnvironments
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import Exit, FunctionConfiguration

_PLAIN = "def handler(event, context):\n    return 1\n"
_BOTO3 = "import boto3\n\ndef handler(event, context):\n    return 1\n"
_RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_WAIT_S = 60.0
_SETTLE_S = 0.05
_TRIES = 2  # a round takes the better one of both sides; and as many environments wait in the pool
_EVENT = (
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn\r\nContent-Length: 2\r\n\r\n{}"
)


class _RuntimeApi(asyncio.Protocol):
    """Gives one event to the environment that asks, and notes when the answer is there."""

    def __init__(self, host: Host, environment_id: str) -> None:
        self._host, self._environment_id = host, environment_id
        self._given = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._given:
            self._given = True
            self._transport.write(_EVENT)
        else:
            self._host.answered(self._environment_id)


class Host:
    """Owns environments at one level of isolation."""

    def __init__(self, folder: Path, isolation: str, blanks: int) -> None:
        config = Config(isolation=isolation, blank_environments=blanks)
        self.environments = ProcessEnvironments(config, asyncio.get_running_loop(), self)
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._folder = folder
        self._count = 0

    def runtime_api_protocol(self, environment_id: str) -> _RuntimeApi:
        return _RuntimeApi(self, environment_id)

    endpoint_protocol = runtime_api_protocol

    def on_output(self, environment_id: str, data: bytes) -> None:
        print(data.decode("utf-8", "replace"), file=sys.stderr)

    def on_exit(self, environment_id: str, exit_: Exit) -> None:
        answer = self._answers.get(environment_id)
        if answer is not None and not answer.done():
            answer.set_exception(SandboxFault(f"an environment ended: {exit_}"))

    def on_extensions_started(self, environment_id: str, names: list[str]) -> None: ...

    def on_extension_output(self, environment_id: str, data: bytes) -> None: ...

    def on_extension_refused(self, environment_id: str, name: str, reason: str) -> None: ...

    def on_extension_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_runtime_exit(self, environment_id: str, exit_: Exit) -> None: ...

    def on_datagram(self, environment_id: str, data: bytes) -> None: ...

    def answered(self, environment_id: str) -> None:
        answer = self._answers[environment_id]
        if not answer.done():
            self.environments.init_finished(environment_id)
            answer.set_result(None)

    def start(self, source: str) -> tuple[str, asyncio.Future[None]]:
        """Start an environment; the future is done with its first answer."""
        self._count += 1
        environment_id = f"cold{self._count}"
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers[environment_id] = answer
        function = FunctionConfiguration(
            "000000000000", "us-east-1", "cold", _RUNTIME, "app.handler", "", "", 0, "", "", memory_mb=1769
        )
        self.environments.start(environment_id, function, self._code(source))
        return environment_id, answer

    async def prepared(self) -> None:
        """Return when everything that waits for a cold start is there."""
        for _ in range(round(_WAIT_S / _SETTLE_S)):
            if self.environments.prepared():
                return
            await asyncio.sleep(_SETTLE_S)
        raise SandboxFault("the environments that shall wait for a function do not come")

    def _code(self, source: str) -> Path:
        code = self._folder / f"code{len(source)}"
        if not code.exists():
            code.mkdir(mode=0o755)
            (code / "app.py").write_text(source)
            subprocess.run(
                [sys.executable, "-m", "compileall", "-q", str(code)], check=True
            )  # as publishing does
        return code

    async def cold_start_ms(self, source: str) -> float:
        start = time.perf_counter()
        environment_id, answer = self.start(source)
        await asyncio.wait_for(answer, _WAIT_S)
        elapsed = time.perf_counter() - start
        self.environments.stop(environment_id)
        return elapsed * 1000

    async def burst_s(self, count: int) -> float:
        start = time.perf_counter()
        started = [self.start(_PLAIN) for _ in range(count)]
        for _, answer in started:
            await asyncio.wait_for(answer, _WAIT_S)
        elapsed = time.perf_counter() - start
        for environment_id, _ in started:
            self.environments.stop(environment_id)
        return elapsed

    async def private_kb(self, count: int) -> float:
        """Return the private memory of one idle environment, with everything that runs for it."""
        started = [self.start(_PLAIN) for _ in range(count)]
        for _, answer in started:
            await asyncio.wait_for(answer, _WAIT_S)
        await asyncio.sleep(_SETTLE_S)
        total = sum(_private_kb(pid) for name, _ in started for pid in self.environments.processes(name))
        for environment_id, _ in started:
            self.environments.stop(environment_id)
        return total / count


def _private_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@asynccontextmanager
async def _host(folder: Path, isolation: str, blanks: int) -> AsyncIterator[Host]:
    host = Host(folder, isolation, blanks)
    try:
        yield host
    finally:
        await host.environments.close()


def measure(rounds: int, burst: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures; ratios are medians of each round's own ratio."""
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        Path(folder).chmod(0o755)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_measure(Path(folder), rounds, burst, progress))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what the server uses, too."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _measure(folder: Path, rounds: int, burst: int, progress: Callable[[str], None]) -> dict[str, Any]:
    async with _host(folder, "auto", 0) as zygote, _host(folder, "auto", _TRIES) as pool:
        level = zygote.environments.isolation.level
        if level != "namespaces":
            raise SandboxFault(f"cold starts are forked at the isolation 'namespaces'; here it is {level!r}")
        figures: dict[str, Any] = {"isolation": level, "rounds": rounds}
        figures["cold_start_ms"] = await _cold_starts(zygote, pool, rounds, progress)
        async with _spawning(folder) as spawned:
            figures["burst"] = await _bursts(zygote, spawned, burst, rounds, progress)
            progress("memory of idle environments")
            ours, theirs = await zygote.private_kb(10), await spawned.private_kb(10)
        figures["private_kb"] = {
            "zygote": round(ours),
            "spawned": round(theirs),
            "ratio": round(ours / theirs, 2),
        }
    return figures  # fmt: skip


@asynccontextmanager
async def _spawning(folder: Path) -> AsyncIterator[Host]:
    """The same environments through bubblewrap, or bare where that is not installed."""
    try:
        host = Host(folder, "bwrap", 0)
    except SandboxFault:
        host = Host(folder, "none", 0)
    try:
        yield host
    finally:
        await host.environments.close()


async def _cold_starts(
    zygote: Host, pool: Host, rounds: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    ways = {"zygote": (zygote, _PLAIN), "zygote boto3": (zygote, _BOTO3)}
    ways |= {"pool": (pool, _PLAIN), "pool boto3": (pool, _BOTO3)}
    await zygote.prepared()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        progress(f"cold starts, round {number + 1} of {rounds}")
        for name, (host, source) in ways.items():
            if host is pool:
                await pool.prepared()
            await asyncio.sleep(_SETTLE_S)
            floor = min(_python_ms() for _ in range(_TRIES))
            taken[name].append(min([await host.cold_start_ms(source) for _ in range(_TRIES)]))
            ratios[name].append(taken[name][-1] / floor)
    return {
        name: {
            "p50_ms": round(statistics.median(taken[name]), 2),
            "best_ms": round(min(taken[name]), 2),
            "ratio_to_python_pass": round(statistics.median(ratios[name]), 2),
        }
        for name in ways
    }


def _python_ms() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - start) * 1000


async def _bursts(
    zygote: Host, spawned: Host, count: int, rounds: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    pairs = []
    for number in range(max(1, rounds // 4)):
        progress(f"bursts of {count}, round {number + 1}")
        await asyncio.sleep(_SETTLE_S)
        ours = await zygote.burst_s(count)
        await asyncio.sleep(_SETTLE_S)
        pairs.append((ours, await spawned.burst_s(count)))
    return {
        "environments": count,
        "zygote_per_s": round(count / statistics.median(ours for ours, _ in pairs), 1),
        f"{spawned.environments.isolation.level}_per_s": round(
            count / statistics.median(theirs for _, theirs in pairs), 1
        ),
        "ratio": round(statistics.median(theirs / ours for ours, theirs in pairs), 2),
    }
