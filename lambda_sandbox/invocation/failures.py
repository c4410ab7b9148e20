"""The payloads and log lines with which AWS reports a function's failure; all of them are data, never exceptions."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from lambda_sandbox.quotas import SYNC_PAYLOAD_BYTES
from lambda_sandbox.resources import Exit

INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"


@dataclass(frozen=True, slots=True)
class Failure:
    """``payload`` is the caller's JSON; ``report_error_type`` is what the REPORT line names; ``log`` a platform line."""

    payload: bytes
    report_error_type: str
    log: str = ""
    status: str = "error"


def _payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out(request_id: str, timeout_s: int, timestamp: str) -> Failure:
    text = f"{request_id} Task timed out after {timeout_s:.2f} seconds"
    payload = _payload(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    )
    return Failure(payload, "", f"{timestamp} {text}\n", status="timeout")


def exited(request_id: str, exit_: Exit, error_type: str = "") -> Failure:
    """An environment's process that ended while it owed an answer.

    ``error_type`` is that of an extension in it which had said before that it fails.
    """
    how = _how(exit_)
    reason = f"Runtime exited with error: {how}" if how else "Runtime exited without providing a reason"
    kind = error_type or "Runtime.ExitError"
    report = "Runtime.OutOfMemory" if exit_.out_of_memory else kind
    return _of_platform(request_id, kind, reason, report)


def _how(exit_: Exit) -> str:
    """Return how a process ended in Go's words, which AWS uses; empty for one that ended well."""
    if exit_.out_of_memory:
        return "signal: killed"
    if exit_.signal is not None:
        return f"signal: {signal.strsignal(exit_.signal) or exit_.signal}".lower()
    return f"exit status {exit_.code}" if exit_.code else ""


def _of_platform(request_id: str, kind: str, reason: str, report_kind: str) -> Failure:
    text = f"RequestId: {request_id} Error: {reason}"
    return Failure(_payload(kind, text), report_kind, f"{text}\n{kind}")


def extension_exited(request_id: str, exit_: Exit, error_type: str = "") -> Failure:
    """An external extension whose process ended while the environment lived, whatever its status.

    ``error_type`` is ``Extension.InitError`` or ``Extension.ExitError`` where it had said before that it fails.

    Source: logs and answers of functions in DataDog/datadog-lambda-extension's issue 263, DataDog/datadog-lambda-python's
    issue 230 and elastic/apm-aws-lambda's pull request 145, read 2026-11.
    """
    kind = error_type or "Extension.Crash"
    return _of_platform(request_id, kind, _how(exit_) or "exit code 0", kind)


def extension_not_launched(request_id: str, name: str, reason: str) -> Failure:
    """A file of ``/opt/extensions`` that cannot be executed. ``reason`` is the system's word for it, in lower case.

    Source: answers of functions in aws-samples/aws-lambda-extensions' issue 54 and in public repositories, read 2026-11.
    """
    kind = "Extension.LaunchError"
    return _of_platform(request_id, kind, f"fork/exec /opt/extensions/{name}: {reason}", kind)


def response_too_large(size: int) -> Failure:
    message = f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({SYNC_PAYLOAD_BYTES} bytes)."
    return Failure(
        _payload("Function.ResponseSizeTooLarge", message), "Function.ResponseSizeTooLarge", message
    )


def init_reported(payload: bytes, error_type: str, request_id: str) -> Failure:
    """An init error that was posted; that the runtime could not even be started is told by the platform itself."""
    failure = reported(payload, error_type)
    try:
        message = json.loads(payload)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return failure  # a program's own words: it may post anything
    if failure.report_error_type != INVALID_ENTRYPOINT:
        return failure
    return Failure(
        _payload(INVALID_ENTRYPOINT, f"RequestId: {request_id} Error: {message}"), INVALID_ENTRYPOINT
    )


def reported(payload: bytes, error_type: str) -> Failure:
    """An error that the runtime posted itself; its payload goes to the caller as it is."""
    try:
        named = json.loads(payload)["errorType"]
    except (ValueError, KeyError, TypeError):
        named = error_type or "Runtime.Unknown"
    return Failure(payload, str(named))
