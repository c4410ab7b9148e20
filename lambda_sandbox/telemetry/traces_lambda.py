"""The two segments that Lambda itself sends of an invocation that is traced: the service's and the function's.

``deliver`` gives the function its trace header, whose parent is the function's segment: what the X-Ray SDK sends from inside
belongs there. Times are seconds since the epoch on the wall's clock, as those of what functions send.

Source: AWS Lambda Developer Guide, "Visualize Lambda function invocations using AWS X-Ray", read 2026-11; fact ``x-xray``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from lambda_sandbox.invocation.messages import EVENT, Invocation, InvocationRecord, Status
from lambda_sandbox.telemetry.traces import Segment, Traces
from lambda_sandbox.telemetry.traces_header import parts, replaced, segment_id

_RATE = 0.05  # of what comes after the first request of a second
_PENDING = 20_000


@dataclass(slots=True)
class _Open:
    """A traced invocation: where it came from, and its last attempt."""

    parent: str
    attempts: list[Segment]


class LambdaTraces:
    """Decides what is traced and makes its segments. ``seed`` makes the sampling repeatable."""

    def __init__(self, traces: Traces, seed: int | None = None) -> None:
        self._traces = traces
        self._random = random.Random(seed)  # noqa: S311 - a sample, not a secret
        self._seconds: dict[str, int] = {}
        self._open: dict[str, _Open] = {}
        self.overhead: dict[str, tuple[Segment, str, str]] = {}  # by environment: waits for its next event

    def sample(self, invocation: Invocation) -> None:
        """Decide for a function with active tracing, where the caller has not: one request a second, and 5 % of the others."""
        if invocation.function.tracing_mode != "Active":
            return
        known = parts(invocation.trace_header)
        if known.get("Sampled") in ("0", "1") and not _is_fresh(invocation):
            return
        second = int(invocation.arrived_at)
        first = self._seconds.get(invocation.function.arn) != second
        self._seconds[invocation.function.arn] = second
        sampled = first or self._random.random() < _RATE
        root = (
            known.get("Root")
            or f"1-{second:08x}-{segment_id(invocation.request_id)}{second & 0xFFFFFFFF:08x}"
        )
        invocation.trace_header = replaced(
            invocation.trace_header, Root=root, Sampled="1" if sampled else "0"
        )

    def deliver(self, invocation: Invocation) -> None:
        """The function is about to get its event, which is traced: make its segment the parent of what it does."""
        if invocation.request_id not in self._open:
            if len(self._open) >= _PENDING:
                del self._open[next(iter(self._open))]
            self._open[invocation.request_id] = _Open(_upstream(invocation), [])
        own = segment_id(invocation.request_id, "function", str(invocation.attempt))
        invocation.trace_header = replaced(invocation.trace_header, Parent=own)

    def record(self, record: InvocationRecord) -> None:
        """An attempt that is traced is over, or was throttled: keep its segments."""
        invocation = record.invocation
        opened = self._open.get(invocation.request_id)
        parent = opened.parent if opened is not None else _upstream(invocation)
        service = self._service_segment(record, parent, opened.attempts if opened is not None else [])
        function = invocation.function
        if record.report is not None:
            made = self._function_segment(record, service)
            self._traces.put(made, function.account_id, function.region)
            self.overhead[record.environment_id] = (made, function.account_id, function.region)
        self._traces.put(service, function.account_id, function.region)
        if invocation.invocation_type is not EVENT or record.status is Status.SUCCESS:
            self._open.pop(invocation.request_id, None)

    def ready_again(self, environment_id: str, now: float) -> None:
        """The runtime asked for its next event: that ends the overhead of the last one."""
        waiting = self.overhead.pop(environment_id, None)
        if waiting is not None:
            segment, account_id, region = waiting
            segment["end_time"] = segment["subsegments"][-1]["end_time"] = now
            self._traces.put(segment, account_id, region)

    def clear(self) -> None:
        self._open.clear()
        self.overhead.clear()
        self._seconds.clear()

    # --- parts ---------------------------------------------------------------------------------------

    def _service_segment(self, record: InvocationRecord, parent: str, before: list[Segment]) -> Segment:
        """``AWS::Lambda``: what the service did, from the arrival on; with the attempts of an asynchronous event."""
        invocation = record.invocation
        function = invocation.function
        segment = _segment(record, segment_id(invocation.request_id, "service"), "AWS::Lambda")
        segment["start_time"] = min(invocation.arrived_at, record.started_at)
        if parent:
            segment["parent_id"] = parent
        throttled = record.status is Status.THROTTLE
        status = 429 if throttled else 202 if invocation.invocation_type is EVENT else 200
        segment["http"] = {"response": {"status": status}}
        segment["resource_arn"] = function.qualified_arn
        segment["aws"]["function_arn"] = function.qualified_arn
        if throttled:
            segment |= {"throttle": True, "error": True}
        elif record.status is not Status.SUCCESS:
            segment["fault"] = True
        if invocation.invocation_type is EVENT:
            dwell = _subsegment(invocation.request_id, "Dwell Time", invocation.arrived_at, record.started_at)
            attempt = _subsegment(
                invocation.request_id,
                f"Attempt #{invocation.attempt}",
                record.started_at,
                record.ended_at,
            )
            if record.status is not Status.SUCCESS:
                attempt["fault"] = True
            before.append(attempt)
            dwell["end_time"] = before[0]["start_time"]
            segment["subsegments"] = [dwell, *before]
        return segment

    def _function_segment(self, record: InvocationRecord, service: Segment) -> Segment:
        """``AWS::Lambda::Function``: what went on in the environment."""
        invocation, report = record.invocation, record.report
        assert report is not None
        identity = segment_id(invocation.request_id, "function", str(invocation.attempt))
        segment = _segment(record, identity, "AWS::Lambda::Function")
        segment["parent_id"] = service.get("subsegments", [service])[-1]["id"]
        init_ms = report.init_duration_ms or report.restore_duration_ms or 0.0
        request = f"{invocation.request_id}/{invocation.attempt}"
        inside = []
        if init_ms:
            name = "Restore" if report.restore_duration_ms else "Initialization"
            began = record.started_at - init_ms / 1000.0
            inside.append(_subsegment(request, name, began, record.started_at))
            segment["start_time"] = began
        inside.append(_subsegment(request, "Invocation", record.started_at, record.ended_at))
        inside.append(_subsegment(request, "Overhead", record.ended_at, record.ended_at))
        segment["subsegments"] = inside
        segment["cold_start"] = record.cold
        if record.status is not Status.SUCCESS:
            segment |= {"fault": True, "cause": _cause(record, identity)}
            next(each for each in inside if each["name"] == "Invocation")["fault"] = True
        return segment


def _is_fresh(invocation: Invocation) -> bool:
    """Say whether the service itself made the header, of the request's id, because the caller had none."""
    return invocation.request_id.replace("-", "")[:24] in invocation.trace_header


def _upstream(invocation: Invocation) -> str:
    """Return the segment that the invocation continues, empty where nobody sent one along."""
    return "" if _is_fresh(invocation) else parts(invocation.trace_header).get("Parent", "")


def _segment(record: InvocationRecord, identity: str, origin: str) -> Segment:
    invocation = record.invocation
    return {
        "id": identity,
        "trace_id": parts(invocation.trace_header).get("Root", ""),
        "name": invocation.function.function_name,
        "origin": origin,
        "start_time": record.started_at,
        "end_time": record.ended_at,
        "aws": {"account_id": invocation.function.account_id, "request_id": invocation.request_id},
    }


def _subsegment(request: str, name: str, start: float, end: float) -> Segment:
    return {"id": segment_id(request, name), "name": name, "start_time": start, "end_time": max(start, end)}


def _cause(record: InvocationRecord, identity: str) -> Segment:
    kind = record.error_type or str(record.status)
    exception = {"id": segment_id(identity, "cause"), "type": kind, "message": kind}
    return {"working_directory": "/var/task", "exceptions": [exception]}
