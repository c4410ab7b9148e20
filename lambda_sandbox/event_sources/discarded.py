"""What is told of a batch of a stream that was given up: the record for an on-failure destination. Pure.

Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in Lambda" and
its sister for DynamoDB, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lambda_sandbox.event_sources.stream_records import StreamRecord
from lambda_sandbox.resources import LATEST, EventSourceMapping

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"  # UNCONFIRMED: the word


@dataclass(frozen=True, slots=True)
class Discarded:
    """A record for the destination ``arn``; ``key`` is its object's name where that is a bucket. It tells of ``events``."""

    arn: str
    body: str
    key: str
    events: int


@dataclass(frozen=True, slots=True)
class Range:
    """Which records were given up. ``invocations`` is how often they were tried, ``request_id`` of the last time."""

    shard_id: str
    records: Sequence[StreamRecord]
    condition: str
    invocations: int
    request_id: str = ""
    executed_version: str = LATEST


def record(
    mapping: EventSourceMapping, batch_info: str, given_up: Range, now: float, event: bytes
) -> Discarded:
    """Return the record of a range. ``event`` is what the function would get: only a bucket receives it."""
    first, last = given_up.records[0], given_up.records[-1]
    made: dict[str, Any] = {
        "requestContext": {
            "requestId": given_up.request_id or str(uuid4()),
            "functionArn": mapping.function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": given_up.invocations,
        },
        "version": "1.0",
        "timestamp": _iso(now),
        batch_info: {
            "shardId": given_up.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_at),
            "approximateArrivalOfLastRecord": _iso(last.arrived_at),
            "batchSize": len(given_up.records),
            "streamArn": mapping.event_source_arn,
        },
    }
    if given_up.invocations:
        made["responseContext"] = {
            "statusCode": 200,
            "executedVersion": given_up.executed_version,
            "functionError": "Unhandled",
        }
    if mapping.on_failure_arn.split(":")[2] == "s3":
        made["payload"] = event.decode("utf-8", "replace")
    moment = datetime.fromtimestamp(now, UTC)
    key = (
        f"aws/lambda/{mapping.uuid}/{given_up.shard_id}/{moment:%Y/%m/%d}/"
        f"{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
    )
    return Discarded(mapping.on_failure_arn, json.dumps(made), key, len(given_up.records))


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
