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


def exited(request_id: str, exit_: Exit) -> Failure:
    """An environment's process that ended while it owed an answer."""
    if exit_.out_of_memory:
        reason = "Runtime exited with error: signal: killed"
    elif exit_.signal is not None:
        reason = (
            f"Runtime exited with error: signal: {signal.strsignal(exit_.signal) or exit_.signal}".lower()
        )
        reason = reason.replace("runtime exited", "Runtime exited", 1)
    elif exit_.code:
        reason = f"Runtime exited with error: exit status {exit_.code}"
    else:
        reason = "Runtime exited without providing a reason"
    kind = "Runtime.OutOfMemory" if exit_.out_of_memory else "Runtime.ExitError"
    log = f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError"
    return Failure(_payload("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}"), kind, log)


def extension_failed(request_id: str, error_type: str) -> Failure:
    """An extension that reported an error, or ended while the environment lived."""
    text = f"RequestId: {request_id} Error: an extension failed: {error_type}"
    return Failure(_payload(error_type, text), error_type, text)


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
