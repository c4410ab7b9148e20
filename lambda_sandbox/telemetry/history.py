"""What happened and why, kept in memory: every attempt, every environment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.messages import InvocationRecord

_RECORDS = 20_000  # POLICY: older records are dropped from memory
_EVENT_BYTES = (
    64 << 20
)  # POLICY: and so are they when the events in them, of up to 6 MB each, take more than this
_ENVIRONMENTS = 5_000


class History:
    def __init__(self) -> None:
        self.records: deque[InvocationRecord] = deque()
        self._event_bytes = 0
        self._environments: dict[str, Environment] = {}
        self._decisions: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._denials: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._deliveries: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._mapping_metrics: dict[str, dict[str, int]] = {}

    def mapping_metric(self, uuid: str, metric: str, number: int) -> None:
        """Add to one of AWS's event source mapping metrics, such as ``PolledEventCount``."""
        metrics = self._mapping_metrics.setdefault(uuid, {})
        metrics[metric] = metrics.get(metric, 0) + number

    def record(self, record: InvocationRecord) -> None:
        """Remember a finished attempt."""
        self.records.append(record)
        self._event_bytes += len(record.invocation.payload)
        while len(self.records) > _RECORDS or self._event_bytes > _EVENT_BYTES:
            self._event_bytes -= len(self.records.popleft().invocation.payload)

    def mapping_decision(self, at: float, uuid: str, sentence: str) -> None:
        """Remember why an event source mapping kept, deleted or delayed a batch. ``at`` is seconds since the epoch."""
        self._decisions.append({"at": at, "uuid": uuid, "why": sentence})

    def denial(self, at: float, principal: str, action: str, resource: str, why: str) -> None:
        """Remember that IAM refused a request, and which statement was missing. ``at`` is seconds since the epoch."""
        self._denials.append(
            {"at": at, "principal": principal, "action": action, "resource": resource, "why": why}
        )

    def delivery(self, at: float, sentence: str) -> None:
        """Remember what became of the record of an asynchronous event. ``at`` is seconds since the epoch."""
        self._deliveries.append({"at": at, "why": sentence})

    def environment(self, environment: Environment) -> None:
        """Remember an environment from its start; what becomes of it is read from the object itself."""
        self._environments[environment.environment_id] = environment
        if len(self._environments) > _ENVIRONMENTS:
            del self._environments[next(iter(self._environments))]

    def clear(self) -> None:
        self.records.clear()
        self._event_bytes = 0
        self._environments.clear()
        self._decisions.clear()
        self._denials.clear()
        self._deliveries.clear()
        self._mapping_metrics.clear()

    def of(self, account_id: str | None = None) -> Iterable[InvocationRecord]:
        return (
            r for r in self.records if account_id is None or r.invocation.function.account_id == account_id
        )

    def to_json(self) -> dict[str, Any]:
        """Return ``{"invocations": […], "environments": […], "mappings": […]}``, oldest first; times are seconds since the epoch."""
        return {
            "invocations": [_invocation(record) for record in self.records],
            "environments": [_environment(environment) for environment in self._environments.values()],
            "mappings": list(self._decisions),
            "denials": list(self._denials),
            "deliveries": list(self._deliveries),
            "mapping_metrics": {uuid: dict(metrics) for uuid, metrics in self._mapping_metrics.items()},
        }


def _invocation(record: InvocationRecord) -> dict[str, Any]:
    invocation, report = record.invocation, record.report
    return {
        "request_id": invocation.request_id,
        "function_name": invocation.function.function_name,
        "function_arn": invocation.function.qualified_arn,
        "environment_id": record.environment_id,
        "invocation_type": invocation.invocation_type.value,
        "arrived_at": invocation.arrived_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "duration_ms": report.duration_ms if report else 0.0,
        "billed_ms": report.billed_ms if report else 0,
        "init_duration_ms": report.init_duration_ms if report else None,
        "restore_duration_ms": report.restore_duration_ms if report else None,
        "memory_mb": invocation.function.memory_mb,
        "max_memory_mb": report.max_memory_mb if report else 0,
        "status": record.status.value,
        "error_type": record.error_type,
        "cold": record.cold,
        "attempt": invocation.attempt,
        "why": record.why,
    }


def _environment(environment: Environment) -> dict[str, Any]:
    return {
        "environment_id": environment.environment_id,
        "function_name": environment.function.function_name,
        "function_arn": environment.function.qualified_arn,
        "log_stream": environment.log_stream,
        "initialization_type": environment.initialization_type.value,
        "state": environment.state.value,
        "started_at": environment.started_at,
        "ready_at": environment.ready_at,
        "stopped_at": environment.stopped_at,
        "stop_reason": environment.stop_reason,
        "resets": environment.resets,
        "invocations": environment.invocations,
    }
