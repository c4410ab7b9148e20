"""What all telemetry costs a warm invoke: two sandboxes side by side, one with its recorders cut off, by turns."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.client import Connection, latencies_s
from benchmarks.invoke import percentile
from benchmarks.servers import CODE, ROLE, Target, place, request
from lambda_sandbox import package

FUNCTION = "warm"
WITH, WITHOUT = "lambda_sandbox", "benchmarks.telemetry_off"
_WARM_UP_CALLS = 500
_TURN = 5


def measure(rounds: int, calls: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return p50 in microseconds with and without telemetry, and the median of the rounds' quotients."""
    with _server(WITH) as on, _server(WITHOUT) as off:
        targets = {"on": on, "off": off}
        connections = {name: Connection(t.host, t.port, t.request) for name, t in targets.items()}
        _round(connections, _WARM_UP_CALLS)
        taken: dict[str, list[float]] = {name: [] for name in targets}
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for name, p50_us in _round(connections, calls).items():
                taken[name].append(p50_us)
        for connection in connections.values():
            connection.close()
    quotients = [one / other for one, other in zip(taken["on"], taken["off"], strict=True)]
    return {
        "rounds": rounds,
        "calls_per_round": calls,
        "on_p50_us": round(statistics.median(taken["on"]), 1),
        "off_p50_us": round(statistics.median(taken["off"]), 1),
        "ratio_p50": round(statistics.median(quotients), 3),
        "overhead_percent": round((statistics.median(quotients) - 1) * 100, 1),
    }


def _round(connections: dict[str, Connection], calls: int) -> dict[str, float]:
    """Call each in turn, so that both meet the same weather on the machine; return p50 in microseconds.

    A turn is some calls right behind each other: what a sandbox still does after an answer holds up the next call.
    """
    seconds: dict[str, list[float]] = {name: [] for name in connections}
    for number in range(calls // _TURN):
        # Who is first changes: the second finds the caches as the first left them.
        for name in sorted(connections, reverse=number % 2 == 0):
            seconds[name] += latencies_s(connections[name], _TURN)
    return {name: percentile(values, 0.50) * 1e6 for name, values in seconds.items()}


@contextlib.contextmanager
def _server(module: str) -> Iterator[Target]:
    command = [sys.executable, "-m", module, "serve", "--port", "0", "--stop-with-stdin", "--no-neighbours"]
    environment = os.environ | {"LAMBDA_SANDBOX_ACCOUNT_CONCURRENCY": "100000"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().split()[1]
            _create(endpoint)
            path = f"/2015-03-31/functions/{FUNCTION}/invocations"
            yield Target(module, *place(endpoint), request(endpoint, path))
        finally:
            process.terminate()


def _create(endpoint: str) -> None:
    client: Any = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",  # noqa: S106 - the sandbox takes any
        config=Config(proxies={}),
    )
    client.create_function(
        FunctionName=FUNCTION,
        Runtime=f"python3.{sys.version_info.minor}",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": package(CODE, filename="app.py")},
        MemorySize=1769,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
