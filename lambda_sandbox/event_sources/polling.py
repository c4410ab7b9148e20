"""What every poller needs of its surroundings, whatever it reads from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.event_sources.checkpoints import Checkpoints
from lambda_sandbox.event_sources.discarded import Discarded
from lambda_sandbox.resources import EventSourceMapping

# POLICY: an event source mapping tries a failed batch again after 0.2 s, then after twice as long each time, up to 5 s (``--clock``
# makes them shorter). AWS documents that it backs off exponentially, and no numbers.
BACKOFF_S = (0.2, 5.0)

NO_RECORDS = "No records processed"
OK = "OK"


class InvocationResult(Protocol):
    """What an invocation gave back; ``function_error`` is ``Handled``, ``Unhandled`` or None."""

    @property
    def request_id(self) -> str: ...
    @property
    def executed_version(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def function_error(self) -> str | None: ...


Invoke = Callable[[str, bytes, str], Awaitable[InvocationResult]]
Sleep = Callable[[float], Awaitable[None]]
OnDecision = Callable[[str, str], None]
Count = Callable[[str, str, int], None]
Discard = Callable[[EventSourceMapping, Discarded], None]
OnBatch = Callable[[str, str, Sequence[str], str], None]


@dataclass(frozen=True)
class Surroundings:
    """``invoke(function_arn, event, trace_header)`` raises ``SandboxError`` where nothing ran.

    ``clock`` is for backoff, windows and ages, and ``sleep`` takes its seconds. ``decide(uuid, sentence)`` hears why a batch
    was kept or given up, ``count(uuid, metric, n)`` AWS's event source mapping metrics,
    ``iterator_age(function_arn, age_ms)`` how old a stream's batch was,
    ``offset_lag(mapping, lags)`` how far it is behind each partition of a topic. ``discard`` keeps a record for an
    on-failure destination: it is durable when the call returns, and delivered later. ``batch(uuid, request_id, records,
    sentence)`` hears which records an invocation got and what became of them; without an id those that no filter matches.
    """

    invoke: Invoke
    clock: WaitingClock
    sleep: Sleep
    decide: OnDecision
    count: Count
    discard: Discard
    checkpoints: Checkpoints
    iterator_age: Callable[[str, float], None] = lambda function_arn, age_ms: None
    offset_lag: Callable[[EventSourceMapping, Sequence[int]], None] = lambda mapping, lags: None
    batch: OnBatch = lambda uuid, request_id, records, sentence: None


class Poller(Protocol):
    """One mapping at work. ``last_result`` is AWS's LastProcessingResult, with the reason of a problem."""

    mapping: EventSourceMapping

    @property
    def last_result(self) -> str: ...

    async def run(self) -> None:
        """Work until stopped. Problems are noted in ``last_result`` and tried again; nothing is raised."""
        ...

    def stop(self) -> None:
        """Take nothing further; batches in flight are finished."""
        ...

    def wake(self) -> None:
        """Something was written to a source: look now."""
        ...


async def pause(
    sleep: Sleep, seconds: float, events: Iterable[asyncio.Event], *tasks: asyncio.Task[Any]
) -> None:
    """Sleep until one of ``events`` is set or one of ``tasks`` is over; those go on."""
    waiters: list[asyncio.Future[Any]] = [asyncio.ensure_future(sleep(seconds))]
    waiters += [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait({*waiters, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)


def backoff_s(problems: int) -> float:
    """Return the seconds to wait after ``problems`` failures in a row (1, 2 …)."""
    return min(BACKOFF_S[0] * 2.0 ** min(problems - 1, 10), BACKOFF_S[1])
