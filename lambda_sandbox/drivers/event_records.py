"""What is told of an asynchronous event that is over: the record for a destination, the message for a dead-letter queue.

Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations", read 2026-11. Pure.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.invocation.messages import EventFinished
from lambda_sandbox.resources import LATEST

SUCCESS = "Success"
RECURSION = "RecursiveInvocationDetected"
_ERROR_MESSAGE_BYTES = 1_024
# Without an attempt there is neither an error nor an answer of the function; a throttle's status says why.
_NOT_RUN_STATUS = 429


def function_arn(finished: EventFinished) -> str:
    """Return the ARN with the qualifier that was invoked."""
    invocation = finished.invocation
    invoked = invocation.invoked_arn or invocation.function.arn
    return invoked if invoked.count(":") > 6 else f"{invoked}:{LATEST}"


def qualifier(finished: EventFinished) -> str:
    return function_arn(finished).rsplit(":", 1)[1]


def record(finished: EventFinished, now: float, with_payloads: bool = True) -> dict[str, Any]:
    """Return the record; ``with_payloads`` False leaves both payloads out, for a destination that they are too large for."""
    moment = datetime.fromtimestamp(now, UTC)
    invocation = finished.invocation
    made: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": function_arn(finished),
            "condition": finished.condition,
            "approximateInvokeCount": finished.attempts,
        },
        "requestPayload": _json(invocation.payload) if with_payloads else None,
    }
    if finished.payload is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": invocation.function.version}
        if finished.condition != SUCCESS:
            context["functionError"] = "Unhandled"
        made["responseContext"] = context
        made["responsePayload"] = _json(finished.payload) if with_payloads else None
    return made


def dead_letter_attributes(finished: EventFinished) -> dict[str, tuple[str, str]]:
    """Return name, type and value of the attributes that go with the unchanged event."""
    failure = _json(finished.payload) if finished.payload is not None else None
    text = failure.get("errorMessage") if isinstance(failure, dict) else None
    if not isinstance(text, str):
        text = (finished.payload or b"").decode("utf-8", "replace") or finished.condition
    cut = text.encode("utf-8", "replace")[:_ERROR_MESSAGE_BYTES].decode("utf-8", "ignore")
    status = 200 if finished.payload is not None else _NOT_RUN_STATUS
    return {
        "RequestID": ("String", finished.invocation.request_id),
        "ErrorCode": ("Number", str(status)),
        "ErrorMessage": ("String", cut),
    }


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
