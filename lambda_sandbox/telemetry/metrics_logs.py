"""Metrics in what functions print: whole lines are looked at once somebody reads metrics, not while the function runs."""

from __future__ import annotations

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.telemetry import emf
from lambda_sandbox.telemetry.metrics import MetricName, Metrics

# POLICY: metrics in logs (metric filters, embedded metric format) are counted when somebody reads metrics, and after each 256 KB that
# functions have printed.
_PENDING_BYTES = 256 << 10
_LINE_BYTES = 1 << 20  # a line that is longer is no log event of CloudWatch Logs


class LogMetrics:
    """``output`` takes chunks as they come from an environment; a line may be spread over several."""

    def __init__(self, metrics: Metrics, clock: WaitingClock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._pending: list[tuple[FunctionConfiguration, str, bytes]] = []
        self._size = 0
        self._partial: dict[str, bytes] = {}
        self._unended: set[str] = set()  # streams of which the last chunk taken ended within a line

    def output(self, function: FunctionConfiguration, stream: str, data: bytes) -> None:
        """Take what a function printed. Chunks in which no line can carry metrics cost one search."""
        ended = data.endswith(b"\n")
        if emf.MARK not in data and stream not in self._unended and ended:
            return
        (self._unended.discard if ended else self._unended.add)(stream)
        self._pending.append((function, stream, data))
        self._size += len(data)
        if self._size > _PENDING_BYTES:
            self.flush()

    def forget_stream(self, stream: str) -> None:
        """The environment is gone: a last line without its end counts as it is."""
        self.flush()
        self._partial.pop(stream, None)
        self._unended.discard(stream)

    def flush(self) -> None:
        pending, self._pending = self._pending, []
        self._size = 0
        for function, stream, data in pending:
            lines = (self._partial.pop(stream, b"") + data).split(b"\n")
            rest = lines.pop()
            if rest and len(rest) <= _LINE_BYTES:
                self._partial[stream] = rest
            for line in lines:
                if emf.MARK in line:
                    self.line(line, function.account_id, function.region)

    def line(self, line: bytes | str, account_id: str, region: str) -> None:
        """Report the metrics of one line. Its timestamp is of the wall's clock, which functions see."""
        for each in emf.parse(line):
            metric = MetricName(account_id, region, each.namespace, each.name, each.dimensions)
            moment = self._clock.of(each.timestamp)
            self._metrics.distribution(metric, moment, each.unit, each.storage_resolution_s).add_many(
                each.values
            )

    def clear(self) -> None:
        self._pending.clear()
        self._partial.clear()
        self._unended.clear()
        self._size = 0
