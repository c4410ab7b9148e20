"""Which messages make a batch, and which of them a response settles. Pure: no I/O, time from an injected clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from lambda_sandbox.clock import Clock
from lambda_sandbox.quotas import SYNC_PAYLOAD_BYTES

_ENVELOPE_BYTES = len(b'{"Records":[]}')


class Encoded(Protocol):
    """What has its JSON in the event ready."""

    @property
    def record(self) -> bytes: ...


EachRecord = TypeVar("EachRecord", bound=Encoded)


@dataclass(frozen=True, slots=True)
class Message:
    """One received message: ``record`` is its JSON in the event, ``group_id`` is set for FIFO queues."""

    message_id: str
    receipt_handle: str
    record: bytes
    group_id: str | None = None
    trace_header: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a response means for its batch. ``failed`` messages come back after the visibility timeout."""

    succeeded: tuple[Message, ...]
    failed: tuple[Message, ...]
    reason: str


class Batcher(Generic[EachRecord]):
    """Collects messages until ``batch_size``, the batching window (seconds) or the payload limit closes the batch.

    The window opens when the first message of a batch is added. With a window of 0 whatever one poll brought is a batch.
    """

    def __init__(
        self, clock: Clock, batch_size: int, window_s: float, payload_bytes: int = SYNC_PAYLOAD_BYTES
    ) -> None:
        self._clock = clock
        self._batch_size = batch_size
        self._window_s = window_s
        self._payload_bytes = payload_bytes
        self._messages: list[EachRecord] = []
        self._opened = 0.0

    @property
    def waiting(self) -> tuple[EachRecord, ...]:
        return tuple(self._messages)

    @property
    def room(self) -> int:
        """How many more messages the open batch may take."""
        return max(0, self._batch_size - len(self._messages))

    def add(self, messages: Sequence[EachRecord]) -> None:
        if messages and not self._messages:
            self._opened = self._clock.now()
        self._messages.extend(messages)

    def remaining_s(self) -> float:
        """Seconds until the window closes; 0.0 once it has."""
        return max(0.0, self._opened + self._window_s - self._clock.now())

    def due(self) -> bool:
        """Whether a batch is closed and may be taken."""
        if not self._messages:
            return False
        return self.room == 0 or self.remaining_s() <= 0.0 or self._fitting() < len(self._messages)

    def take(self) -> tuple[EachRecord, ...]:
        """Remove and return the closed batch; what does not fit opens the next one."""
        count = self._fitting()
        batch, self._messages = tuple(self._messages[:count]), self._messages[count:]
        self._opened = self._clock.now()
        return batch

    def drain(self) -> tuple[EachRecord, ...]:
        """Remove and return everything that waits, closed or not."""
        messages, self._messages = tuple(self._messages), []
        return messages

    def _fitting(self) -> int:
        size = _ENVELOPE_BYTES
        for count, message in enumerate(self._messages):
            size += len(message.record) + (1 if count else 0)
            # A message that is too large alone goes out alone: Invoke refuses it, as it must.
            if count == self._batch_size or (count and size > self._payload_bytes):
                return count
        return len(self._messages)


def encode_event(batch: Sequence[Encoded]) -> bytes:
    """Return the event of one batch: ``{"Records":[...]}`` in UTF-8."""
    return b'{"Records":[%s]}' % b",".join(message.record for message in batch)


def judge(
    batch: Sequence[Message], payload: bytes, function_error: str | None, *, report_batch_item_failures: bool
) -> Verdict:
    """Return what a function's answer means for ``batch``.

    Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda" (read 2026-11).
    """
    everything = tuple(batch)
    if function_error is not None:
        return Verdict((), everything, f"the function failed ({function_error})")
    if not report_batch_item_failures:
        return Verdict(everything, (), "the function succeeded")
    try:
        failed = failed_ids(payload, {message.message_id for message in batch})
    except ValueError as error:
        return Verdict((), everything, f"the partial batch response is not valid: {error}")
    return Verdict(
        tuple(message for message in batch if message.message_id not in failed),
        tuple(message for message in batch if message.message_id in failed),
        f"the function reported {len(failed)} of {len(batch)} messages as failed",
    )


def failed_ids(payload: bytes, known: set[str]) -> set[str]:
    """Return the reported identifiers of messages or records. Raises ``ValueError`` where AWS takes the whole batch for failed."""
    response = parsed(payload)
    if response is None:
        return set()
    if not isinstance(response, dict):
        raise ValueError("it is not a JSON object")
    failures = response.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        raise ValueError("batchItemFailures is not a list")
    return {_identifier(failure, known) for failure in failures}


def parsed(payload: bytes) -> Any:
    """Return a function's answer, ``None`` for an empty one. Raises ``ValueError`` for what is not JSON."""
    if not payload.strip():
        return None
    try:
        return json.loads(payload)
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError("it is not JSON") from error


def _identifier(failure: Any, known: set[str]) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if isinstance(identifier, dict) and isinstance(identifier.get("offset"), int):
        identifier = str(identifier["offset"])  # Kafka's: {"partition": "TOPIC-NUMBER", "offset": 7}
    if not isinstance(identifier, str) or not identifier:
        raise ValueError("an entry of batchItemFailures has no itemIdentifier")
    if identifier not in known:
        raise ValueError(f"itemIdentifier {identifier[:100]} is not in this batch")
    return identifier
