"""Records of the Telemetry API: what happens to an environment, in the documented schema.

Source: AWS Lambda Developer Guide, "Lambda Telemetry API Event schema reference", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.invocation.environment import Environment
from lambda_sandbox.invocation.extension import ExtensionStatus
from lambda_sandbox.invocation.messages import Invocation, InvocationRecord, Status, Subscribed

Record = dict[str, Any]


def encoded(kind: str, record: Any, now: float) -> bytes:
    """Return one event as JSON. ``now`` is seconds since the epoch."""
    return json.dumps({"time": timestamp(now), "type": kind, "record": record}).encode()


def timestamp(now: float) -> str:
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def init_start(environment: Environment) -> tuple[str, Record]:
    """Return kind and record of the start of init, or of a restore."""
    function = environment.function
    about = {
        "functionName": function.function_name,
        "functionVersion": function.version,
        "instanceId": environment.log_stream,
        "instanceMaxMemory": function.memory_mb * 1024 * 1024,
        "runtimeVersion": f"{function.runtime}.sandbox",
    }
    if environment.restored:
        return "platform.restoreStart", about
    return "platform.initStart", _phase(environment) | about


def init_runtime_done(environment: Environment, status: str, error_type: str = "") -> tuple[str, Record]:
    record = {"status": status} | ({"errorType": error_type} if error_type else {})
    if environment.restored:
        return "platform.restoreRuntimeDone", record
    return "platform.initRuntimeDone", _phase(environment) | record


def init_report(environment: Environment, duration_ms: float, status: str) -> tuple[str, Record]:
    record = {"status": status, "metrics": {"durationMs": round(duration_ms, 3)}}
    if environment.restored:
        return "platform.restoreReport", record
    return "platform.initReport", _phase(environment) | record


def extension(status: ExtensionStatus) -> tuple[str, Record]:
    """Return kind and record of what became of an extension in an init."""
    record: Record = {"name": status.name, "state": status.state, "events": list(status.events)}
    return "platform.extension", record | ({"errorType": status.error_type} if status.error_type else {})


def subscribed(told: Subscribed) -> tuple[str, Record]:
    """Return kind and record of an extension's subscription to telemetry."""
    record: Record = {"name": told.name, "state": "Subscribed", "types": list(told.types)}
    return "platform.telemetrySubscription", record


def start(invocation: Invocation) -> Record:
    return {
        "requestId": invocation.request_id,
        "version": invocation.function.version,
        "tracing": _tracing(invocation),
    }


def runtime_done(
    invocation: Invocation,
    status: str,
    started_at: float,
    now: float,
    produced_bytes: int | None,
    error_type: str = "",
) -> Record:
    """``status`` is success, error, failure or timeout; a response that never came produced no bytes."""
    metrics: Record = {"durationMs": round((now - started_at) * 1000.0, 3)}
    record: Record = {"requestId": invocation.request_id, "status": status, "tracing": _tracing(invocation)}
    if produced_bytes is not None:
        metrics["producedBytes"] = produced_bytes
        record["spans"] = [
            {
                "name": "responseLatency",
                "start": timestamp(started_at),
                "durationMs": round((now - started_at) * 1000.0, 3),
            },
            {"name": "responseDuration", "start": timestamp(now), "durationMs": 0.0},
        ]
    if error_type:
        record["errorType"] = error_type
    return record | {"metrics": metrics}


def report(done: InvocationRecord, notice: str = "") -> Record:
    """Return the record of the REPORT line. ``notice`` is a sentence about the runtime where another version stands in for it."""
    figures = done.report
    assert figures is not None
    metrics: Record = {
        "durationMs": figures.duration_ms,
        "billedDurationMs": figures.billed_ms,
        "memorySizeMB": figures.memory_mb,
        "maxMemoryUsedMB": figures.max_memory_mb,
    }
    if figures.init_duration_ms is not None:
        metrics["initDurationMs"] = figures.init_duration_ms
    if figures.restore_duration_ms is not None:
        metrics["restoreDurationMs"] = figures.restore_duration_ms
    record = {
        "requestId": done.invocation.request_id,
        "metrics": metrics,
        "tracing": _tracing(done.invocation),
        "status": str(done.status),
    }
    if notice:
        # DIFFERS: the event ``platform.report`` has a member ``sandboxRuntime`` where an interpreter of this machine stands in for the
        # runtime that the function names.
        record["sandboxRuntime"] = notice
    return record | ({"errorType": done.error_type} if done.error_type else {})


def runtime_status(done: InvocationRecord) -> str:
    """Return how the runtime ended an invocation to which it gave no answer."""
    return "timeout" if done.status is Status.TIMEOUT else "failure"


def log_lines(data: bytes, as_json: bool) -> Iterator[Any]:
    """Yield the record of each line that was printed: text, or the object of a function that logs JSON."""
    for line in data.decode("utf-8", "replace").splitlines():
        if as_json:
            try:
                value = json.loads(line)
            except ValueError:
                value = line
            yield value if isinstance(value, dict) else line
        elif line:
            yield line


def _phase(environment: Environment) -> Record:
    return {
        "initializationType": str(environment.initialization_type),
        "phase": "init" if environment.init_attempt == 1 else "invoke",
    }


def _tracing(invocation: Invocation) -> Record:
    parts = dict(part.split("=", 1) for part in invocation.trace_header.split(";") if "=" in part)
    return {
        "spanId": parts.get("Parent", ""),
        "type": "X-Amzn-Trace-Id",
        "value": invocation.trace_header,
    }
