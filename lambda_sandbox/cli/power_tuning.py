"""Power tuning: what one function takes and costs with more and with less memory, measured on real environments."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from lambda_sandbox.cli.invoking import api_error, refuse_error
from lambda_sandbox.environments.isolation import CPU
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.telemetry import meters
from lambda_sandbox.telemetry.prices import Prices

_UPDATE_S = 60.0


@dataclass(frozen=True, slots=True)
class Point:
    """One memory size. ``duration_ms`` is the median of warm invocations, ``cold_ms`` init and handler of the first."""

    memory_mb: int
    duration_ms: float
    billed_ms: float
    cold_ms: float
    usd_per_million: float


class PowerTuning:
    """Invokes ``$LATEST`` of one function ``invocations`` times for each memory size, and puts its own size back."""

    def __init__(self, client: ServerClient, function_name: str, payload: bytes, invocations: int) -> None:
        self._client = client
        self._function_name = function_name
        self._path = f"/2015-03-31/functions/{quote(function_name, safe='')}/configuration"
        self._payload = payload
        self._invocations = invocations
        self._prices = Prices.load()

    def measure(
        self, memories_mb: tuple[int, ...], progress: Callable[[str], None] = lambda sentence: None
    ) -> dict[str, Any]:
        """Return the figures as JSON-ready values. Raises ``SandboxFault`` where the function or the server fails."""
        missing = self._client.health()["isolation"]["missing"]
        before = self._configuration()
        architecture = before["Architectures"][0]
        points = []
        with self._restored(before["MemorySize"]):
            for memory_mb in memories_mb:
                progress(f"{memory_mb} MB")
                points.append(self._point(memory_mb, architecture))
        least_usd, least_ms = min(p.usd_per_million for p in points), min(p.duration_ms for p in points)
        balanced = min(points, key=lambda p: p.usd_per_million / least_usd + p.duration_ms / least_ms)
        return {
            "function_name": self._function_name,
            "architecture": architecture,
            "invocations": self._invocations,
            "cpu_in_proportion": CPU not in missing,
            "points": [asdict(point) for point in points],
            "cheapest_mb": next(p.memory_mb for p in points if p.usd_per_million == least_usd),
            "fastest_mb": next(p.memory_mb for p in points if p.duration_ms == least_ms),
            "balanced_mb": balanced.memory_mb,
            "prices": {
                "as_of": self._prices.as_of,
                "region": self._prices.region,
                "source": self._prices.source,
            },
        }

    def _point(self, memory_mb: int, architecture: str) -> Point:
        self._set_memory(memory_mb)
        ids = [self._invoke() for _ in range(self._invocations + 1)]
        history = self._client.read("/_sandbox/history")["invocations"]
        rows = {row["request_id"]: row for row in history}
        cold, *warm = (rows[request_id] for request_id in ids)
        billed_ms = statistics.mean(row["billed_ms"] for row in warm)
        gb_s = meters.gb_seconds(memory_mb, billed_ms / 1000.0)
        usd = gb_s * self._prices.duration_usd_per_gb_second[architecture][0].usd + self._prices.request_usd
        return Point(
            memory_mb,
            round(statistics.median(row["duration_ms"] for row in warm), 2),
            round(billed_ms, 2),
            round(cold["duration_ms"] + (cold["init_duration_ms"] or 0.0), 2),
            usd * 1_000_000,
        )

    def _invoke(self) -> str:
        status, headers, body = self._client.invoke(self._function_name, self._payload)
        if status >= 300 or "x-amz-function-error" in headers:
            answer = api_error(headers, body) if status >= 300 else body[:300].decode("utf-8", "replace")
            raise SandboxFault(f"{self._function_name} failed, so there is nothing to tune: {answer}")
        return headers["x-amzn-requestid"]

    @contextmanager
    def _restored(self, memory_mb: int) -> Iterator[None]:
        try:
            yield
        finally:
            self._set_memory(memory_mb)

    def _set_memory(self, memory_mb: int) -> None:
        self._request("PUT", json.dumps({"MemorySize": memory_mb}).encode())
        ends = time.monotonic() + _UPDATE_S
        while (status := self._configuration()["LastUpdateStatus"]) != "Successful":
            if status == "Failed" or time.monotonic() > ends:
                raise SandboxFault(
                    f"{self._function_name} did not take {memory_mb} MB: the update is {status}"
                )
            time.sleep(0.05)

    def _configuration(self) -> dict[str, Any]:
        return self._request("GET")

    def _request(self, method: str, body: bytes = b"") -> dict[str, Any]:
        status, headers, answer = self._client.request(method, self._path, body)
        refuse_error(self._client, status, headers, answer, self._function_name)
        figures: dict[str, Any] = json.loads(answer)
        return figures
