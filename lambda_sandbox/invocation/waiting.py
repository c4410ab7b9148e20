"""Asynchronous events that could not run, or failed: when they are tried again, and when they are given up."""

from __future__ import annotations

from msgspec.structs import replace

from lambda_sandbox.errors import TooManyRequestsException
from lambda_sandbox.invocation import async_queue
from lambda_sandbox.invocation.core_state import QUEUE, CoreState
from lambda_sandbox.invocation.messages import (
    Action,
    Complete,
    EventFinished,
    ForgetEvent,
    Invocation,
    InvocationRecord,
    InvocationType,
    Record,
    SetTimer,
    Status,
    StoreEvent,
)


def throttled(
    core: CoreState, invocation: Invocation, throttle: TooManyRequestsException, limit: str = ""
) -> list[Action]:
    """Answer the caller with the throttle; an event waits for its next try instead.

    ``limit`` names the limit where AWS's reason stands for several.
    """
    now = core.clock.now()
    reason = throttle.members["Reason"]
    record = InvocationRecord(
        invocation, "", Status.THROTTLE, now, now, None, throttle.code, False,
        f"throttled: {reason}: {throttle}", throttled_by=reason, limit=limit,
    )  # fmt: skip
    if invocation.invocation_type is not InvocationType.EVENT:
        return [Record(record), Complete(invocation, error=throttle)]
    if invocation.function.reserved_concurrency == 0:
        record.then = "; with a reserved concurrency of 0 an event is not tried again"
        # UNCONFIRMED: the word; the guide says only that such events go there without any try.
        return [Record(record), *_over(invocation, "ZeroReservedConcurrency", invocation.attempt - 1)]
    wait_s = async_queue.throttle_wait_s(invocation.throttles + 1)
    if _too_old(core, invocation, core.waiting_clock.now()):
        record.then = "; the event passed its maximum age and is dropped"
        return [Record(record), *_over(invocation, "EventAgeExceeded", invocation.attempt - 1)]
    invocation.throttles += 1
    # The last try is at the event's maximum age, even when the backoff would end later.
    last = core.waiting_clock.of(invocation.arrived_at) + invocation.maximum_event_age_s
    record.retry_at = min(core.waiting_clock.now() + wait_s, last)
    core.queue.put(invocation, record.retry_at)
    return [Record(record), StoreEvent(invocation), *arm_queue(core)]


def event_done(
    core: CoreState, event: Invocation, record: InvocationRecord, payload: bytes, *, failed: bool
) -> list[Action]:
    """Forget an event that succeeded, queue one that failed, drop it after its last attempt or past its age.

    POLICY: asynchronous events of a function are run side by side, and one that waits for its retry holds up no other. Order is not
    promised, as on AWS.
    """
    wait_s = async_queue.retry_wait_s(event.attempt, event.maximum_retry_attempts) if failed else None
    if wait_s is None:
        if failed:
            record.then = f"; attempt {event.attempt} was the last, the event is dropped"
        return _over(event, "RetriesExhausted" if failed else "Success", event.attempt, payload)
    due_at = core.waiting_clock.now() + wait_s
    if _too_old(core, event, due_at):
        record.then = (
            f"; attempt {event.attempt} failed, the event will be too old for another and is dropped"
        )
        return _over(event, "EventAgeExceeded", event.attempt, payload)
    record.then = f"; attempt {event.attempt} failed, next try in {wait_s:.0f} s"
    record.retry_at = due_at
    again = replace(event, attempt=event.attempt + 1, throttles=0)
    core.queue.put(again, due_at)
    return [StoreEvent(again), *arm_queue(core)]


def arm_queue(core: CoreState) -> list[Action]:
    due = core.queue.next_due()
    if due is None or (core.queue_timer is not None and core.queue_timer <= due):
        return []
    core.queue_timer = due
    return [SetTimer((QUEUE, ""), core.waiting_clock.wall(due))]


def _over(event: Invocation, condition: str, attempts: int, payload: bytes | None = None) -> list[Action]:
    # In this order: whoever hears that it is over keeps what is to be told of it before the event is forgotten.
    return [EventFinished(event, condition, attempts, payload), ForgetEvent(event.request_id)]


def _too_old(core: CoreState, event: Invocation, at: float) -> bool:
    return at - core.waiting_clock.of(event.arrived_at) >= event.maximum_event_age_s
