"""``python -m benchmarks invoke``: the sandbox beside a bare server that answers a constant, in one run.

Both servers run at the same time and are measured in turn, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from benchmarks import load
from lambda_sandbox.packaging import package

_ROLE = "arn:aws:iam::000000000000:role/bench"
_NOTHING = "def handler(event, context):\n    return None\n"
_BARE = Path(__file__).with_name("bare_server.py")
ROUNDS = 7
REQUESTS = 1500
COLD_STARTS = 15


def run(rounds: int = ROUNDS, requests: int = REQUESTS) -> dict[str, Any]:
    """Return all figures. Latencies are microseconds, cold starts milliseconds, throughput requests a second."""
    with (
        _server([sys.executable, str(_BARE)]) as bare,
        _server(_SANDBOX, LAMBDA_SANDBOX_NEIGHBOURS="0") as sandbox,
    ):
        client = _client(sandbox)
        _create(client, "noop")
        data = load.request("/2015-03-31/functions/noop/invocations")
        for port in (bare, sandbox):
            load.latencies(port, data, 300)
        warm = [_warm_round(bare, sandbox, data, requests) for _ in range(rounds)]
        spread = {c: _throughput(bare, sandbox, data, c) for c in (8, 32)}
        cold = _cold(client, sandbox)
    middle = {name: statistics.median(each[name] for each in warm) for name in warm[0]}
    return {
        "machine": {"cpus": os.cpu_count(), "python": sys.version.split()[0]},
        "warm": {name: round(value, 2) for name, value in middle.items()},
        "throughput_rps": spread,
        "cold_start_ms": cold,
        "rounds": rounds,
        "requests_a_round": requests,
    }


_SANDBOX = [sys.executable, "-m", "lambda_sandbox", "serve", "--port", "0"]


@contextmanager
def _server(command: list[str], **variables: str) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | variables)
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        yield int(words[1].rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _client(port: int) -> Any:
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return boto3.session.Session().client("lambda", endpoint_url=f"http://127.0.0.1:{port}", **keys)


def _create(client: Any, name: str) -> None:
    code = {"ZipFile": package(_NOTHING)}
    options = {"Runtime": "python3.12", "Handler": "app.handler", "Role": _ROLE, "MemorySize": 1769}
    client.create_function(FunctionName=name, Code=code, **options)


def _warm_round(bare: int, sandbox: int, data: bytes, count: int) -> dict[str, float]:
    floor = load.latencies(bare, data, count)
    ours = load.latencies(sandbox, data, count)
    return {
        "bare_p50_us": statistics.median(floor),
        "bare_p99_us": statistics.quantiles(floor, n=100)[98],
        "sandbox_p50_us": statistics.median(ours),
        "sandbox_p99_us": statistics.quantiles(ours, n=100)[98],
        "p50_ratio": statistics.median(ours) / statistics.median(floor),
    }


def _throughput(bare: int, sandbox: int, data: bytes, connections: int) -> dict[str, float]:
    floor, ours = [], []
    for _ in range(3):
        floor.append(load.throughput(bare, data, connections, 1.0))
        ours.append(load.throughput(sandbox, data, connections, 1.0))
    return {
        "bare": round(statistics.median(floor)),
        "sandbox": round(statistics.median(ours)),
        "ratio": round(statistics.median(ours) / statistics.median(floor), 3),
    }


def _cold(client: Any, port: int) -> dict[str, float]:
    """First invocations of new functions, seen by the caller, beside an interpreter that does nothing."""
    names = [f"cold-{number}" for number in range(COLD_STARTS)]
    for name in names:
        _create(client, name)
    ours, python = [], []
    with load.connect(port) as connection:
        for name in names:
            start = time.perf_counter()
            load.exchange(connection, load.request(f"/2015-03-31/functions/{name}/invocations"))
            ours.append((time.perf_counter() - start) * 1000)
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            python.append((time.perf_counter() - start) * 1000)
    first, nothing = statistics.median(ours), statistics.median(python)
    return {
        "sandbox_p50": round(first, 2),
        "python_pass_p50": round(nothing, 2),
        "ratio": round(first / nothing, 2),
    }
