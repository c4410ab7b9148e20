"""What durable executions report to CloudWatch, in the namespace ``AWS/Lambda``; their invocations report what all do.

Source: AWS Lambda Developer Guide, "Monitoring durable functions", read 2026-11.
UNCONFIRMED: the dimensions (here the account, and the function's name) and when each is reported.

POLICY: the metric of running durable executions is reported at each start and end; those of operations and bytes written, when an
execution has ended. AWS does not say when.
"""

from __future__ import annotations

from typing import Protocol

from lambda_sandbox.telemetry.metrics import Dimensions, MetricName, Metrics

NAMESPACE = "AWS/Lambda"
# Running executions of an account in a Region (fact q-durable). Nobody gets there in a sandbox, so that it is not enforced.
_MOST, _MOST_IN_WIDE_REGIONS = 5_000_000, 10_000_000
_WIDE_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
_ENDS = {
    "SUCCEEDED": "DurableExecutionSucceeded",
    "FAILED": "DurableExecutionFailed",
    "TIMED_OUT": "DurableExecutionTimedOut",
    "STOPPED": "DurableExecutionStopped",
}


class Execution(Protocol):
    """What is asked of an execution; times are seconds on the waiting clock."""

    @property
    def account_id(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def function_name(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def started_at(self) -> float: ...

    @property
    def ended_at(self) -> float: ...

    @property
    def paused_s(self) -> float: ...

    @property
    def billed_operations(self) -> int: ...

    @property
    def bytes_written(self) -> int: ...


class DurableMetrics:
    """Reports to ``metrics``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def started(self, execution: Execution, running: int) -> None:
        """``running`` executions of the account run now, this one among them."""
        self._add(execution, "DurableExecutionStarted", 1.0, "Count", execution.started_at)
        self._running(execution, running, execution.started_at)

    def ended(self, execution: Execution, running: int) -> None:
        """``running`` executions of the account still run."""
        at = execution.ended_at
        took_s = max(0.0, at - execution.started_at - execution.paused_s)
        if execution.status in _ENDS:
            self._add(execution, _ENDS[execution.status], 1.0, "Count", at)
        self._add(execution, "DurableExecutionDuration", took_s * 1000.0, "Milliseconds", at)
        self._add(execution, "DurableExecutionOperations", float(execution.billed_operations), "Count", at)
        self._add(
            execution, "DurableExecutionStorageWrittenBytes", float(execution.bytes_written), "Bytes", at
        )
        self._running(execution, running, at)

    def _running(self, execution: Execution, running: int, at: float) -> None:
        most = _MOST_IN_WIDE_REGIONS if execution.region in _WIDE_REGIONS else _MOST
        share = 100.0 * running / most
        self._add_under((), execution, "ApproximateRunningDurableExecutions", float(running), "Count", at)
        self._add_under((), execution, "ApproximateRunningDurableExecutionsUtilization", share, "Percent", at)

    def _add(self, execution: Execution, metric: str, value: float, unit: str, at: float) -> None:
        for dimensions in ((), (("FunctionName", execution.function_name),)):
            self._add_under(dimensions, execution, metric, value, unit, at)

    def _add_under(
        self, dimensions: Dimensions, execution: Execution, metric: str, value: float, unit: str, at: float
    ) -> None:
        name = MetricName(execution.account_id, execution.region, NAMESPACE, metric, dimensions)
        self._metrics.distribution(name, at, unit).add(value)
