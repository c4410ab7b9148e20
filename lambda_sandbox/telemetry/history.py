"""What happened and why, kept in memory: every attempt, every environment, every batch, every delivery."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.messages import InvocationRecord
from lambda_sandbox.telemetry.neighbour_usage import NeighbourUsage

# POLICY: ``sandbox.history()`` keeps the last 20,000 invocations and drops older ones.
_RECORDS = 20_000
# POLICY: ``sandbox.history()`` keeps fewer invocations once their events, of up to 6 MB each, take more than 64 MB.
_EVENT_BYTES = 64 << 20
_ENVIRONMENTS = 5_000
# POLICY: ``sandbox.history()`` names the first 100 records of a batch and counts the rest.
_NAMED_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """One invocation of a mapping, or (without ``request_id``) records that no filter matched; ``count`` in all."""

    at: float
    uuid: str
    request_id: str
    records: tuple[str, ...]
    count: int
    why: str = ""


class History:
    """``neighbours`` is what the functions asked of S3, SQS and the rest. ``unsaved`` collects what whoever keeps the history
    has not written yet; ``None`` where nobody does."""

    def __init__(self) -> None:
        self.records: deque[InvocationRecord] = deque()
        self.neighbours = NeighbourUsage()
        self.unsaved: list[InvocationRecord] | None = None
        self._event_bytes = 0
        self._environments: dict[str, Environment] = {}
        self._past: dict[str, dict[str, Any]] = {}
        self._decisions: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._denials: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._deliveries: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._faults: deque[dict[str, Any]] = deque(maxlen=_RECORDS)
        self._batches: deque[Batch] = deque(maxlen=_RECORDS)
        self._mapping_metrics: dict[str, dict[str, int]] = {}

    # --- what is heard -------------------------------------------------------------------------------

    def mapping_metric(self, uuid: str, metric: str, number: int) -> None:
        """Add to one of AWS's event source mapping metrics, such as ``PolledEventCount``."""
        metrics = self._mapping_metrics.setdefault(uuid, {})
        metrics[metric] = metrics.get(metric, 0) + number

    def record(self, record: InvocationRecord) -> None:
        """Remember a finished attempt."""
        self.records.append(record)
        self._event_bytes += len(record.invocation.payload)
        if self.unsaved is not None:
            self.unsaved.append(record)
        while len(self.records) > _RECORDS or self._event_bytes > _EVENT_BYTES:
            self._event_bytes -= len(self.records.popleft().invocation.payload)

    def mapping_decision(self, at: float, uuid: str, sentence: str) -> None:
        """Remember why an event source mapping kept, deleted or delayed a batch. ``at`` is seconds since the epoch."""
        self._decisions.append({"at": at, "uuid": uuid, "why": sentence})

    def batch(self, at: float, uuid: str, request_id: str, records: Sequence[str], why: str) -> None:
        """Remember which records of a mapping one invocation got; ``request_id`` is empty for those no filter matched."""
        self._batches.append(Batch(at, uuid, request_id, tuple(records[:_NAMED_RECORDS]), len(records), why))

    def denial(self, at: float, principal: str, action: str, resource: str, why: str) -> None:
        """Remember that IAM refused a request, and which statement was missing. ``at`` is seconds since the epoch."""
        self._denials.append(
            {"at": at, "principal": principal, "action": action, "resource": resource, "why": why}
        )

    def delivery(self, at: float, sentence: str) -> None:
        """Remember what became of the record of an asynchronous event. ``at`` is seconds since the epoch."""
        self._deliveries.append({"at": at, "why": sentence})

    def fault(self, at: float, kind: str, request_id: str, function_name: str, why: str) -> None:
        """Remember a fault that a rule asked for; ``request_id`` is empty where it met no invocation."""
        self._faults.append(
            {"at": at, "kind": kind, "request_id": request_id, "function_name": function_name, "why": why}
        )

    def environment(self, environment: Environment) -> None:
        """Remember an environment from its start; what becomes of it is read from the object itself."""
        self._environments[environment.environment_id] = environment
        if len(self._environments) > _ENVIRONMENTS:
            del self._environments[next(iter(self._environments))]

    def past_environments(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take over what an earlier life of the sandbox kept of its environments."""
        self._past.update((str(row["environment_id"]), row) for row in rows)

    def clear(self) -> None:
        for kept in (self.records, self._environments, self._past, self._decisions, self._denials):
            kept.clear()
        for heard in (self._deliveries, self._faults, self._batches, self._mapping_metrics, self.neighbours):
            heard.clear()
        self._event_bytes = 0

    # --- what is asked -------------------------------------------------------------------------------

    def of(self, account_id: str | None = None) -> Iterable[InvocationRecord]:
        return (
            r for r in self.records if account_id is None or r.invocation.function.account_id == account_id
        )

    def of_request(self, request_id: str) -> list[InvocationRecord]:
        """Return every attempt of a request, in order; an event that ran twice has more than its attempts."""
        return [record for record in self.records if record.invocation.request_id == request_id]

    def of_trace(self, root: str) -> list[InvocationRecord]:
        """Return the attempts that carried a trace's ``Root=…``."""
        return [record for record in self.records if root in record.invocation.trace_header]

    def batch_of(self, request_id: str) -> Batch | None:
        return next((batch for batch in self._batches if batch.request_id == request_id), None)

    def batches_before(self, batch: Batch) -> list[Batch]:
        """Return what the batch's mapping did before it, in order."""
        mine = [each for each in self._batches if each.uuid == batch.uuid]
        return mine[: mine.index(batch)]

    def deliveries_of(self, request_id: str) -> list[dict[str, Any]]:
        """Return what became of the records of an event; a letter's subject begins with the event's id."""
        return [each for each in self._deliveries if each["why"].startswith(f"event {request_id} ")]

    def faults_of(self, request_id: str) -> list[dict[str, Any]]:
        return [each for each in self._faults if each["request_id"] == request_id]

    def environments(self) -> list[dict[str, Any]]:
        """Return the rows of all environments, oldest first."""
        return [*self._past.values(), *self.living_environments()]

    def living_environments(self) -> list[dict[str, Any]]:
        """Return the rows of the environments of this life of the sandbox."""
        return [_environment(environment) for environment in self._environments.values()]

    def to_json(self) -> dict[str, Any]:
        """Return ``{"invocations": […], "environments": […], "mappings": […]}``, oldest first; times are seconds since the epoch."""
        return {
            "invocations": [invocation_row(record) for record in self.records],
            "environments": self.environments(),
            "mappings": list(self._decisions),
            "batches": [asdict(batch) for batch in self._batches],
            "denials": list(self._denials),
            "deliveries": list(self._deliveries),
            "faults": list(self._faults),
            "mapping_metrics": {uuid: dict(metrics) for uuid, metrics in self._mapping_metrics.items()},
        }


def invocation_row(record: InvocationRecord) -> dict[str, Any]:
    """Return one attempt as JSON-ready values; durations are milliseconds, memory is MB."""
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
        "throttled_by": record.throttled_by,
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
        "phases": [{"kind": kind, "start": start, "end": end} for kind, start, end in environment.past],
        "invocations": environment.invocations,
    }


def matching(rows: Iterable[Mapping[str, Any]], asked: Mapping[str, str], now: float) -> list[dict[str, Any]]:
    """Return the invocations that a query asks for: ``function``, ``status``, ``cold``, ``since``, ``request_id``, ``limit``.

    ``since`` is seconds since the epoch, or with ``s``, ``m``, ``h`` or ``d`` behind it so long before ``now``. Raises
    ``ValueError`` with one sentence for what is no query.
    """
    unknown = set(asked) - {"function", "status", "cold", "since", "request_id", "limit"}
    if unknown:
        raise ValueError(f"history cannot be asked for {', '.join(sorted(unknown))}")
    found = [dict(row) for row in rows]
    for name, column in (("function", "function_name"), ("status", "status"), ("request_id", "request_id")):
        if name in asked:
            found = [row for row in found if row[column] == asked[name]]
    if "cold" in asked:
        if asked["cold"] not in ("true", "false"):
            raise ValueError(f"cold is true or false, not {asked['cold']}")
        wanted = asked["cold"] == "true"
        found = [row for row in found if row["cold"] is wanted and row["environment_id"]]
    if "since" in asked:
        begins = moment(asked["since"], now)
        found = [row for row in found if row["ended_at"] >= begins]
    if "limit" in asked:
        if not asked["limit"].isdecimal() or not int(asked["limit"]):
            raise ValueError(f"limit is a positive number, not {asked['limit']}")
        found = found[-int(asked["limit"]) :]
    return found


_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def moment(text: str, now: float) -> float:
    """Return seconds since the epoch for ``1700000000``, or for ``15m`` before ``now``. Raises ``ValueError``.

    >>> moment("2m", 1000.0)
    880.0
    """
    number, factor = (text[:-1], _SECONDS[text[-1]]) if text[-1:] in _SECONDS else (text, 0.0)
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e12:
        raise ValueError(f"since is seconds since the epoch or a time such as 30s, 15m, 2h or 1d, not {text}")
    return now - value * factor if factor else value
