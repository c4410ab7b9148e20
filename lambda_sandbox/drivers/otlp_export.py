"""Sends traces and metrics to an OpenTelemetry collector by OTLP over HTTP. A collector that is away costs what it missed.

Nothing waits for it: segments are collected for a second and sent from a task. Needs the extra ``otlp``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections import deque
from urllib.parse import urlsplit

from lambda_sandbox.botocore_guard import is_loopback
from lambda_sandbox.config import Config
from lambda_sandbox.drivers.cloudwatch import CloudWatch
from lambda_sandbox.drivers.xray import XRay
from lambda_sandbox.environments.openings import opens
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.http1 import ClientConnection, encode_request
from lambda_sandbox.telemetry.traces import Segment

_EVERY_S = 1.0
_METRICS_EVERY_S = 10.0
_WAITING = 10_000  # segments; beyond that the oldest are lost
_TIMEOUT_S = 5.0
_MINUTES = 3  # a minute is sent again while it grows: the collector keeps the last word
_log = logging.getLogger(__name__)


def check(config: Config) -> None:
    """Raise ``SandboxFault`` for an address that cannot be sent to, before anything has started."""
    address = urlsplit(config.otlp)
    try:
        port = address.port
    except ValueError:
        port = None
    if address.scheme != "http" or not address.hostname or port is None:
        raise SandboxFault(f"--otlp takes an address such as http://127.0.0.1:4318, not {config.otlp}.")
    if not is_loopback(address.hostname) and not opens(config.allow_network, address.hostname, port):
        raise SandboxFault(
            f"--otlp {config.otlp} is not on this machine: use a loopback address, or add "
            f"--allow-network {address.hostname}:{port}."
        )
    if (
        importlib.util.find_spec("opentelemetry") is None
        or importlib.util.find_spec("opentelemetry.proto") is None
    ):
        raise SandboxFault('--otlp needs opentelemetry-proto: pip install "lambda-sandbox-course[otlp]".')


class OtlpExport:
    """Exports what ``cloudwatch`` and ``xray`` have, from now on."""

    def __init__(self, endpoint: str, cloudwatch: CloudWatch, xray: XRay) -> None:
        address = urlsplit(endpoint)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 4318
        self._prefix = address.path.rstrip("/")
        self._cloudwatch = cloudwatch
        self._xray = xray
        xray.traces.on_segment = self.segment
        self._segments: deque[tuple[str, str, Segment]] = deque(maxlen=_WAITING)
        self._sent_version = 0
        self._said = False
        self._task: asyncio.Task[None] | None = None

    def segment(self, account_id: str, region: str, segment: Segment) -> None:
        """Take a segment that is complete."""
        if not segment.get("in_progress"):
            self._segments.append((account_id, region, segment))

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="otlp")

    async def stop(self) -> None:
        """Send what is left, for at most a few seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.flush()

    async def flush(self) -> None:
        """Send all that has happened so far."""
        self._xray.collect()
        await self._send_traces()
        await self._send_metrics()

    async def _run(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(_EVERY_S)
            rounds += 1
            self._xray.collect()
            await self._send_traces()
            if rounds % int(_METRICS_EVERY_S / _EVERY_S) == 0:
                await self._send_metrics()

    async def _send_traces(self) -> None:
        from lambda_sandbox.telemetry import otlp

        if self._segments:
            # The last word on a segment is the one that counts: it may have come in several states.
            latest = {each[2]["id"]: each for each in self._segments}
            self._segments.clear()
            owner = self._xray.traces.owner
            sent = [
                (account_id, region, segment, owner(segment, account_id, region))
                for account_id, region, segment in latest.values()
            ]
            await self._post("/v1/traces", otlp.traces_request(sent))

    async def _send_metrics(self) -> None:
        from lambda_sandbox.telemetry import otlp

        self._cloudwatch.flush()
        metrics = self._cloudwatch.metrics
        if metrics.version != self._sent_version:
            self._sent_version = metrics.version
            await self._post("/v1/metrics", otlp.metrics_request(metrics.recent(_MINUTES)))

    async def _post(self, path: str, body: bytes) -> None:
        host = f"{self._host}:{self._port}".encode()
        headers = [(b"Host", host), (b"Content-Type", b"application/x-protobuf")]
        request = encode_request(b"POST", f"{self._prefix}{path}".encode(), headers, body)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(ClientConnection, self._host, self._port)
                try:
                    response = await connection.request(request)
                finally:
                    connection.close()
        except OSError as error:  # TimeoutError and ConnectionError among them
            self._say(f"The collector at {host.decode()} does not answer ({error}): what it misses is lost.")
        else:
            if response.status >= 300:
                self._say(f"The collector at {host.decode()} answered {response.status} to {path}.")
            else:
                self._said = False

    def _say(self, sentence: str) -> None:
        """Once, not every second."""
        if not self._said:
            self._said = True
            _log.warning("%s", sentence)
