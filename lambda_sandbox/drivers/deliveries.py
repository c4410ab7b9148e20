"""Takes what the neighbours and the schedules send: checks it, puts it into Lambda's queue, tries again, or dead-letters it.

A function's own failure is not seen here: the event is delivered once it is in the asynchronous queue, whose retries and
destinations are Lambda's. Source: Amazon EventBridge User Guide, "How EventBridge retries delivering events", read 2026-11.

POLICY: S3, SNS, EventBridge and the other services that invoke asynchronously try a delivery that Lambda throttles again after
1 s, then after twice as long each time, up to 10 minutes (``--clock`` makes them shorter). AWS documents no such pauses.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

from lambda_sandbox import quotas
from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.destinations import Letter, NotNow
from lambda_sandbox.drivers.errands import Errands, Kept, wait_s
from lambda_sandbox.errors import (
    ApiError,
    ResourceNotFoundException,
    ServiceException,
    TooManyRequestsException,
)
from lambda_sandbox.triggers import dead_letters, scheduler_event
from lambda_sandbox.triggers.dead_letters import Failure
from lambda_sandbox.triggers.delivery import Delivery

RETRY_S = (1.0, 600.0)


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that waits for its next try. ``first_at`` is seconds on the waiting clock."""

    delivery_id: str
    account_id: str
    region: str
    delivery: str
    first_at: float
    attempts: int = field(default=1)


class Deliveries(Errands[Pending]):
    """``send(letter)`` sends to a function's queue or to a neighbour; ``post(letter)`` keeps a dead letter until it arrives.

    ``refusal(delivery)`` says which permission is missing. ``note(sentence)`` is what history shows. Belongs to one loop.
    """

    def __init__(
        self,
        clock: WaitingClock,
        pending: Kept[Pending],
        refusal: Callable[[Delivery], Awaitable[str]],
        send: Callable[[Letter], Awaitable[None]],
        post: Callable[[Letter], None],
        note: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        super().__init__(pending, self._go_on, lambda waiting: waiting.first_at)
        self._clock = clock
        self._refusal = refusal
        self._send = send
        self._post = post
        self._note = note
        self._sleep = sleep

    async def deliver(self, delivery: Delivery) -> None:
        """Try once. When this returns the event is delivered, dead-lettered, or kept for another try. Never raises."""
        problem = await self._try(delivery)
        if problem is None:
            return
        if problem.exhausted or not _may_help(problem):
            self._give_up(delivery, problem)
            return
        _, _, _, region, account_id, *_ = delivery.target_arn.split(":")
        self.begin(Pending(str(uuid4()), account_id, region, delivery.to_json().decode(), self._clock.now()))
        self._note(f"{_subject(delivery)} is tried again: {problem.message}")

    # --- tries ---------------------------------------------------------------------------------------

    async def _go_on(self, waiting: Pending) -> None:
        delivery = Delivery.from_json(waiting.delivery.encode())
        problem: Failure | None = Failure("SDK_CLIENT_ERROR", "the sandbox was stopped", 503)
        for attempts in range(waiting.attempts, delivery.maximum_retry_attempts + 1):
            wait = wait_s(attempts, *RETRY_S)
            if self._clock.now() + wait - waiting.first_at > delivery.maximum_event_age_s:
                problem = _spent(problem, attempts - 1, "MaximumEventAgeInSeconds")
                break
            await self._sleep(wait)
            problem = await self._try(delivery)
            if problem is None or not _may_help(problem):
                problem = problem and _spent(problem, attempts, "")
                break
            self._kept.put(_counted(waiting, attempts + 1))
        else:
            problem = _spent(problem, delivery.maximum_retry_attempts, "MaximumRetryAttempts")
        if problem is not None:
            self._give_up(delivery, problem)
        self._kept.delete(waiting)

    async def _try(self, delivery: Delivery) -> Failure | None:
        """Deliver. Return what went wrong, ``None`` when it arrived."""
        try:
            missing = await self._refusal(delivery)
            if missing:
                return Failure("NO_PERMISSIONS", missing, 403)
            await self._send(_letter(delivery))
        except json.JSONDecodeError as problem:
            return Failure("INVALID_JSON", f"the input is not JSON: {problem}")
        except (NotNow, TooManyRequestsException, ServiceException) as problem:
            throttled = isinstance(problem, TooManyRequestsException)
            return Failure(_AGAIN[0] if throttled else _AGAIN[1], str(problem), 429 if throttled else 503)
        except ResourceNotFoundException as problem:
            return Failure("NO_RESOURCE", str(problem), 404)
        except ApiError as problem:
            return Failure("SDK_CLIENT_ERROR", str(problem), problem.status)
        except Exception as problem:  # a target may fail in any way a neighbour can
            gone = any(word in str(problem) for word in _GONE)
            return Failure("NO_RESOURCE" if gone else "SDK_CLIENT_ERROR", str(problem))
        return None

    def _give_up(self, delivery: Delivery, failure: Failure) -> None:
        where = f"; it goes to {delivery.dead_letter_arn}" if delivery.dead_letter_arn else ""
        self._note(f"{_subject(delivery)} failed ({failure.code}): {failure.message}{where}")
        if not delivery.dead_letter_arn:
            return
        _, _, _, region, account_id, *_ = delivery.dead_letter_arn.split(":")
        self._post(
            Letter(
                str(uuid4()),
                account_id,
                region,
                delivery.dead_letter_arn,
                delivery.dead_letter_body or delivery.payload,
                f"dead letter of {_subject(delivery)}",
                attributes=dead_letters.attributes(delivery, failure),
                # AWS: Scheduler goes to its dead-letter queues as the schedule's role, EventBridge as the queue's policy lets it.
                role_arn=delivery.role_arn if delivery.principal == scheduler_event.PRINCIPAL else "",
                principal=delivery.principal,
                source_arn=delivery.source_arn,
            )
        )


_TARGETS = frozenset({"lambda", "sqs", "sns", "states"})
_GONE = ("NonExistent", "DoesNotExist", "NotFound")
# Tried again: the target was too busy, or not there for the moment.
_AGAIN = ("THROTTLING", "SERVICE_UNAVAILABLE")


def _may_help(failure: Failure) -> bool:
    return failure.code in _AGAIN


def _spent(failure: Failure | None, attempts: int, condition: dead_letters.Exhausted) -> Failure:
    assert failure is not None
    return Failure(failure.code, failure.message, failure.status, attempts, condition)


def _counted(waiting: Pending, attempts: int) -> Pending:
    return Pending(
        waiting.delivery_id, waiting.account_id, waiting.region, waiting.delivery, waiting.first_at, attempts
    )


def _subject(delivery: Delivery) -> str:
    return f"event of {delivery.principal} ({delivery.source_arn or 'no source'}) to {delivery.target_arn}"


def _letter(delivery: Delivery) -> Letter:
    _, _, _, region, account_id, *_ = delivery.target_arn.split(":")
    if delivery.target_arn.split(":")[2] not in _TARGETS:
        raise ValueError(
            "the sandbox delivers to functions, queues, topics and state machines, not to this service"
        )
    if len(delivery.payload.encode()) > quotas.ASYNC_PAYLOAD_BYTES:
        raise ValueError(f"the event has more than {quotas.ASYNC_PAYLOAD_BYTES} bytes")
    if delivery.target_arn.split(":")[2] in ("lambda", "states"):
        json.loads(delivery.payload)
    return Letter(
        str(uuid4()),
        account_id,
        region,
        delivery.target_arn,
        delivery.payload,
        _subject(delivery),
        trace_header=delivery.trace_header,
        group_id=delivery.message_group_id,
    )
