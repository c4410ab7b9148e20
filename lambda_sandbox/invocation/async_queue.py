"""Asynchronous events that wait: for their first run, for a retry, or for concurrency.

Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lambda_sandbox import quotas
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import EventInvokeConfig, FunctionConfiguration


class AsyncQueue:
    """Events by request id, each with the moment it is due. The order of equal moments is the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[str, Invocation] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Invocation, due_at: float) -> None:
        event.due_at = due_at
        self._waiting[event.request_id] = event

    def take_due(self, now: float) -> list[Invocation]:
        due = sorted((e for e in self._waiting.values() if e.due_at <= now), key=lambda e: e.due_at)
        for event in due:
            del self._waiting[event.request_id]
        return due

    def next_due(self) -> float | None:
        return min((event.due_at for event in self._waiting.values()), default=None)

    def throttled(self, arn: str) -> Invocation | None:
        """Return the oldest event of the function that waits only because it was throttled."""
        return next((e for e in self._waiting.values() if e.throttles and e.function.arn == arn), None)

    def replace_function(self, function: FunctionConfiguration) -> None:
        """``$LATEST`` is ``function`` now; what it holds for every version reaches events of published ones too."""
        for event in self._waiting.values():
            if event.function.arn != function.arn:
                continue
            if event.function.version == function.version:
                event.function = function
            else:
                reserved = function.reserved_concurrency
                event.function = replace(event.function, reserved_concurrency=reserved)

    def forget(self, of: Callable[[FunctionConfiguration], bool]) -> list[Invocation]:
        """Drop and return the events whose function was deleted."""
        gone = [event for event in self._waiting.values() if of(event.function)]
        for event in gone:
            del self._waiting[event.request_id]
        return gone


def configure(event: Invocation, look_up: Callable[[str, str], EventInvokeConfig | None]) -> None:
    """Set retries and age as configured for the qualifier that the caller named.

    ``look_up(function_arn, qualifier)`` takes the unqualified ARN; without a configuration AWS's defaults hold.
    """
    qualifier = event.invoked_arn.removeprefix(event.function.arn).lstrip(":")
    config = look_up(event.function.arn, qualifier)
    if config is None:
        return
    if config.maximum_retry_attempts is not None:
        event.maximum_retry_attempts = config.maximum_retry_attempts
    if config.maximum_event_age_s is not None:
        event.maximum_event_age_s = config.maximum_event_age_s


def retry_wait_s(attempt: int, maximum_retry_attempts: int) -> float | None:
    """Return the seconds before the next try after failed attempt number ``attempt`` (1, 2 …), ``None`` after the last."""
    if attempt > maximum_retry_attempts:
        return None
    return quotas.ASYNC_RETRY_WAITS_S[attempt - 1]


def throttle_wait_s(throttles: int) -> float:
    """Return the seconds to wait after the ``throttles``-th throttle in a row: 1, 2, 4 … up to 5 minutes."""
    shortest, longest = quotas.ASYNC_THROTTLE_BACKOFF_S
    return float(min(shortest * 2 ** (throttles - 1), longest))
