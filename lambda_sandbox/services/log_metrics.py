"""Reports the data points of metric filters by ``PutMetricData`` at the sandbox's own endpoint, from a thread of its own."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE
from lambda_sandbox.triggers.logs_metrics import DataPoint

_MOST_A_CALL = 1_000  # PutMetricData takes this many
_Report = tuple[str, str, list[DataPoint]]


class MetricReporter:
    """``report`` returns at once; a writer of logs never waits for CloudWatch."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Report] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def report(self, account_id: str, region: str, points: Iterable[DataPoint]) -> None:
        found = list(points)
        if not found:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="metric filters", daemon=True)
            self._thread.start()
        self._waiting.put((account_id, region, found))

    def _run(self) -> None:
        while True:
            account_id, region, points = self._waiting.get()
            try:
                self._send(account_id, region, points)
            except Exception as error:  # the thread must live on for the points behind these
                print(f"{len(points)} data points of metric filters were lost: {error!r}", file=sys.stderr)

    def _send(self, account_id: str, region: str, points: list[DataPoint]) -> None:
        api = connect(os.environ[ENDPOINT_VARIABLE], account_id, region, "cloudwatch")
        by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for point in points:
            by_namespace[point.namespace].append(_datum(point))
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _MOST_A_CALL):
                part = data[start : start + _MOST_A_CALL]
                api.call("PutMetricData", Namespace=namespace, MetricData=part)


def _datum(point: DataPoint) -> dict[str, Any]:
    return {
        "MetricName": point.name,
        "Value": point.value,
        "Unit": point.unit,
        "Timestamp": point.timestamp,
        "Dimensions": [{"Name": name, "Value": value} for name, value in point.dimensions.items()],
    }
