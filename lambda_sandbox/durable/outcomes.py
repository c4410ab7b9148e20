"""What an invocation of a durable function answered, and how large results and errors are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.durable import limits
from lambda_sandbox.durable.states import FAILED, PENDING, SUCCEEDED, Error


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is SUCCEEDED, FAILED or PENDING; ``result`` is JSON as text."""

    status: str
    result: str | None = None
    error: Error | None = None


class Unreadable(Exception):
    """The answer says nothing of an execution; ``error`` is why it ends FAILED."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # POLICY: a durable execution whose handler returns what the SDK would not return (no ``Status``, for one) fails at once, since
        # the same code would answer the same again. AWS documents nothing.
        self.error: Error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": message}


def read(answer: bytes, synchronous: bool) -> Outcome:
    """Return what a function's answer says of its execution. Raises ``Unreadable``."""
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    status = said.get("Status") if isinstance(said, dict) else None
    if not isinstance(said, dict) or status not in (SUCCEEDED, FAILED, PENDING):
        raise Unreadable(
            "Invalid Status in invocation output: the handler is not one of the durable execution SDK."
        )
    result, error = said.get("Result"), said.get("Error")
    if result is not None and not isinstance(result, str):
        raise Unreadable("Result in invocation output must be a string.")
    if error is not None and not isinstance(error, dict):
        raise Unreadable("Error in invocation output must be an object.")
    if status == FAILED and result is not None:
        raise Unreadable("Cannot provide a Result for FAILED status.")
    if status == SUCCEEDED and error is not None:
        raise Unreadable("Cannot provide an Error for SUCCEEDED status.")
    limit = limits.SYNC_RESULT_BYTES if synchronous else quotas.DURABLE_PAYLOAD_BYTES
    if result is not None and len(result.encode()) > limit:
        return Outcome(FAILED, error=too_large("execution's result"))
    return Outcome(status, result, error)


def function_error(payload: bytes) -> Error:
    """Return the error of a failed invocation as executions show it."""
    try:
        said = json.loads(payload)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    names = {"errorMessage": "ErrorMessage", "errorType": "ErrorType"}
    error: Error = {to: str(said[name]) for name, to in names.items() if name in said}
    trace = said.get("stackTrace")
    if isinstance(trace, list):
        error["StackTrace"] = [str(line) for line in trace]
    return error


def error_payload(code: str, message: str) -> bytes:
    """Return the payload of an invocation that failed before the function had a say."""
    return json.dumps({"errorType": code, "errorMessage": message}).encode()


def as_function_error(error: Error | None) -> bytes:
    """Return an execution's error as the payload that a caller gets."""
    said = error or {}
    payload: dict[str, Any] = {
        "errorMessage": said.get("ErrorMessage", ""),
        "errorType": said.get("ErrorType", "Error"),
    }
    if said.get("StackTrace"):
        payload["stackTrace"] = said["StackTrace"]
    if said.get("ErrorData") is not None:
        payload["errorData"] = said["ErrorData"]
    return json.dumps(payload).encode()


def too_large(what: str) -> Error:
    """The error of something that is larger than may be kept."""
    # UNCONFIRMED: wording
    return {"ErrorType": "PayloadTooLarge", "ErrorMessage": f"The {what} is larger than the quota."}


def size(result: str | None, error: Error | None) -> int:
    """Return how many bytes a result and an error have together."""
    texts = [result or ""]
    for value in (error or {}).values():
        texts += [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return sum(len(text.encode()) for text in texts)
