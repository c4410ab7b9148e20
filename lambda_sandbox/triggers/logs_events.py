"""What CloudWatch Logs sends to a function that is subscribed to a log group. Pure.

Source: Amazon CloudWatch Logs User Guide, "Subscription filters with Lambda", and AWS Lambda Developer Guide, "Using Lambda with
CloudWatch Logs", both read 2026-11.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any, TypedDict

# AWS gives no number for Lambda; its asynchronous events end at 1 MB, and base64 of gzip has to fit in.
_MOST_EVENTS = 10_000
_MOST_BYTES = 700_000


class LogEvent(TypedDict):
    """``timestamp`` is milliseconds since the epoch; ``message`` has no line end."""

    id: str
    timestamp: int
    message: str


def event_id(timestamp_ms: int, number: int) -> str:
    """Return an event's id: 56 digits that grow with time."""
    return f"{timestamp_ms:013d}{number:043d}"


def data_messages(
    owner: str, log_group: str, log_stream: str, filter_name: str, events: Sequence[LogEvent]
) -> list[dict[str, Any]]:
    """Return the Lambda events that carry ``events``, which is one unless they are very many."""
    about = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": log_group,
        "logStream": log_stream,
        "subscriptionFilters": [filter_name],
    }
    return [_packed({**about, "logEvents": part}) for part in _parts(events)]


def control_message(now_ms: int) -> dict[str, Any]:
    """Return the Lambda event by which CloudWatch Logs looks whether a new destination can be reached.

    POLICY: a function gets a ``CONTROL_MESSAGE`` of CloudWatch Logs whenever a subscription filter gets it as its destination. AWS sends
    one "sometimes": a handler must bear it at any time.
    """
    return _packed(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [
                {
                    "id": "",
                    "timestamp": now_ms,
                    "message": "CWL CONTROL MESSAGE: Checking health of destination Lambda.",
                }
            ],
        }
    )


def json_text(event: dict[str, Any]) -> str:
    return json.dumps(event)


def _packed(data: dict[str, Any]) -> dict[str, Any]:
    packed = gzip.compress(json.dumps(data).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def _parts(events: Sequence[LogEvent]) -> list[list[LogEvent]]:
    parts: list[list[LogEvent]] = [[]]
    size = 0
    for event in events:
        size += len(event["message"].encode()) + 120
        if parts[-1] and (len(parts[-1]) >= _MOST_EVENTS or size > _MOST_BYTES):
            parts.append([])
            size = len(event["message"].encode()) + 120
        parts[-1].append(event)
    return [part for part in parts if part]
