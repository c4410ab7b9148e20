"""What a function's answer means for a batch of a stream: how far it came, and which state it hands on. Pure.

Source: AWS Lambda Developer Guide, "Configuring partial batch response with Kinesis Data Streams and Lambda" and
"Implementing stateful Kinesis Data Streams processing in Lambda", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.event_sources.batching import failed_ids, parsed
from lambda_sandbox.event_sources.stream_records import StreamRecord


@dataclass(frozen=True, slots=True)
class StreamVerdict:
    """The first ``settled`` records are done with; ``state`` is what the next invocation of the window gets."""

    settled: int
    reason: str
    state: dict[str, Any] | None = None


def judge(
    batch: Sequence[StreamRecord],
    payload: bytes,
    function_error: str | None,
    *,
    report_batch_item_failures: bool,
    windowed: bool,
) -> StreamVerdict:
    """Return how many of ``batch`` an answer settles: those before the lowest sequence number reported as failed.

    In a tumbling window an answer without a ``state`` object is a failure.
    """
    if function_error is not None:
        return StreamVerdict(0, f"the function failed ({function_error})")
    try:
        state = _state(payload) if windowed else None
        known = {record.sequence_number for record in batch}
        failed = failed_ids(payload, known) if report_batch_item_failures else set()
    except ValueError as error:
        return StreamVerdict(0, f"the function's response is not valid: {error}")
    for place, record in enumerate(batch):
        if record.sequence_number in failed:
            why = f"the function reported the record {record.sequence_number} as failed"
            return StreamVerdict(place, why, state if place else None)
    return StreamVerdict(len(batch), "the function succeeded", state)


def _state(payload: bytes) -> dict[str, Any]:
    answer = parsed(payload)
    state = answer.get("state") if isinstance(answer, dict) else None
    if not isinstance(state, dict):
        raise ValueError("it has no state object, which a tumbling window needs")
    return state
