"""Asynchronous events that wait: for their first run, for a retry, or for concurrency.

Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation", read 2026-11.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace

from lambda_sandbox import quotas
from lambda_sandbox.invocation.messages import Invocation
from lambda_sandbox.resources import EventInvokeConfig, FunctionConfiguration


class AsyncQueue:
    """Events by request id, ``waiting``, each with the moment it is due. The order of equal moments is the order of arrival.

    An event has a place from when it is put in until it is taken; entries of the heap and of the lines that name a place
    no event has any more, or a moment that is no longer its own, are passed over.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Invocation] = {}
        self._places: dict[str, int] = {}
        self._heap: list[tuple[float, int, Invocation]] = []
        self._throttled: defaultdict[str, deque[tuple[int, Invocation]]] = defaultdict(deque)
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, event: Invocation, due_at: float) -> None:
        self.waiting[event.request_id] = event
        place = self._places.setdefault(event.request_id, next(self._numbers))
        self.move(event, due_at)
        if event.throttles:
            self._throttled[event.function.arn].append((place, event))

    def move(self, event: Invocation, due_at: float) -> None:
        """Let an event that waits be due at another moment."""
        event.due_at = due_at
        heapq.heappush(self._heap, (due_at, self._places[event.request_id], event))

    def take_due(self, now: float) -> list[Invocation]:
        due = []
        while (at := self.next_due()) is not None and at <= now:
            event = heapq.heappop(self._heap)[2]
            self._remove(event)
            due.append(event)
        return due

    def next_due(self) -> float | None:
        heap = self._heap
        while heap:
            due_at, place, event = heap[0]
            if self._places.get(event.request_id) == place and event.due_at == due_at:
                return due_at
            heapq.heappop(heap)
        return None

    def find(self, request_id: str) -> Invocation | None:
        """Return the event that waits under this id."""
        return self.waiting.get(request_id)

    def throttled(self, arn: str) -> Invocation | None:
        """Return the oldest event of the function that waits only because it was throttled."""
        line = self._throttled.get(arn)
        while line:
            place, event = line[0]
            if self._places.get(event.request_id) == place:
                return event
            line.popleft()
        self._throttled.pop(arn, None)
        return None

    def replace_function(self, function: FunctionConfiguration) -> None:
        """``$LATEST`` is ``function`` now; what it holds for every version reaches events of published ones too."""
        for event in self.waiting.values():
            if event.function.arn != function.arn:
                continue
            if event.function.version == function.version:
                event.function = function
            else:
                reserved = function.reserved_concurrency
                event.function = replace(event.function, reserved_concurrency=reserved)

    def forget(self, of: Callable[[FunctionConfiguration], bool]) -> list[Invocation]:
        """Drop and return the events whose function was deleted."""
        gone = [event for event in self.waiting.values() if of(event.function)]
        for event in gone:
            self._remove(event)
        return gone

    def _remove(self, event: Invocation) -> None:
        del self.waiting[event.request_id]
        del self._places[event.request_id]


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
