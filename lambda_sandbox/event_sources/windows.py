"""Tumbling windows: which one a record belongs to, and the event of an invocation in one. Pure.

Source: AWS Lambda Developer Guide, "Implementing stateful Kinesis Data Streams processing in Lambda", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambda_sandbox.event_sources.batching import Encoded, encode_event

STATE_BYTES = 1024 * 1024


def start_of(moment: float, length_s: int) -> float:
    """Return the start of the window that holds ``moment``, both seconds since the epoch.

    >>> start_of(125.5, 60)
    120.0
    """
    return float(moment // length_s * length_s)


def encode_windowed(
    batch: Sequence[Encoded],
    start: float,
    length_s: int,
    state: dict[str, Any],
    shard_id: str,
    arn: str,
    *,
    final: bool = False,
    early: bool = False,
) -> bytes:
    """Return the event of one invocation: the records, and what the window has been told so far."""
    window = {
        "window": {"start": _iso(start), "end": _iso(start + length_s)},
        "state": state,
        "shardId": shard_id,
        "eventSourceARN": arn,
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": early,
    }
    return encode_event(batch)[:-1] + b"," + json.dumps(window, separators=(",", ":")).encode()[1:]


def too_large(state: dict[str, Any]) -> bool:
    """Whether a window has to end early: its state may have 1 MB."""
    return len(json.dumps(state, separators=(",", ":")).encode()) > STATE_BYTES


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
