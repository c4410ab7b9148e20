"""Deliveries of services, in manual time: tried again while that may help, dead-lettered when it does not, never lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.deliveries import Deliveries, Pending
from lambda_sandbox.drivers.destinations import Letter, NotNow
from lambda_sandbox.errors import AccessDeniedException, ResourceNotFoundException, TooManyRequestsException
from lambda_sandbox.triggers.delivery import Delivery

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
DELIVERY = Delivery(
    FUNCTION,
    '{"a": 1}',
    "events.amazonaws.com",
    "arn:aws:events:us-east-1:000000000000:rule/r",
    "000000000000",
    dead_letter_arn="arn:aws:sqs:us-east-1:000000000000:dead",
    dead_letter_body='{"whole": "event"}',
)


class Stage:
    """A target that fails as it is told, a clock that sleeping moves, and what was kept."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.clock = ManualClock(0.0)
        self.tried_at: list[float] = []
        self.arrived: list[Letter] = []
        self.dead: list[Letter] = []
        self.notes: list[str] = []
        self.kept: dict[str, Pending] = {}
        self.missing = ""
        self.asleep = asyncio.Event()
        self.frozen = False

    def deliveries(self) -> Deliveries:
        return Deliveries(
            self.clock, self, self._refusal, self._send, self.dead.append, self.notes.append, self._sleep
        )

    async def _refusal(self, delivery: Delivery) -> str:
        return self.missing

    async def _send(self, letter: Letter) -> None:
        self.tried_at.append(self.clock.now())
        if self.failures:
            raise self.failures.pop(0)
        self.arrived.append(letter)

    async def _sleep(self, seconds: float) -> None:
        self.asleep.set()
        if self.frozen:
            await asyncio.Event().wait()
        self.clock.advance(seconds)

    def all(self) -> list[Pending]:
        return list(self.kept.values())

    def put(self, resource: Pending) -> None:
        self.kept[resource.delivery_id] = resource

    def delete(self, resource: Pending) -> None:
        self.kept.pop(resource.delivery_id)


def play(stage: Stage, delivery: Delivery = DELIVERY) -> None:
    """Deliver, and wait until nothing is tried any more."""

    async def scene() -> None:
        deliveries = stage.deliveries()
        await deliveries.deliver(delivery)
        while deliveries._tasks:
            await asyncio.gather(*deliveries._tasks)

    run(scene())


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_what_arrives_leaves_nothing_behind() -> None:
    stage = Stage()
    play(stage)
    (letter,) = stage.arrived
    assert (letter.arn, letter.body) == (FUNCTION, '{"a": 1}')
    assert (stage.kept, stage.dead) == ({}, [])


@pytest.mark.parametrize("failure", [NotNow("503"), TooManyRequestsException("Rate exceeded")])
def test_a_target_that_may_take_it_later_is_tried_again(failure: Exception) -> None:
    stage = Stage(failure, failure, failure)
    play(stage)
    assert stage.tried_at == [0, 1, 3, 7]
    assert len(stage.arrived) == 1
    assert (stage.kept, stage.dead) == ({}, [])


def test_after_the_last_attempt_it_is_a_dead_letter() -> None:
    stage = Stage(*[NotNow("503")] * 9)
    play(stage, replace(DELIVERY, maximum_retry_attempts=2))
    assert len(stage.tried_at) == 3
    (letter,) = stage.dead
    values = {name: value for name, (_, value) in letter.attributes.items()}
    assert letter.body == '{"whole": "event"}'
    assert (values["RETRY_ATTEMPTS"], values["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")
    assert stage.kept == {}


def test_no_attempts_mean_one_try() -> None:
    stage = Stage(NotNow("503"))
    play(stage, replace(DELIVERY, maximum_retry_attempts=0))
    assert len(stage.tried_at) == 1
    assert len(stage.dead) == 1


def test_at_its_maximum_age_it_is_a_dead_letter() -> None:
    stage = Stage(*[NotNow("503")] * 99)
    play(stage, replace(DELIVERY, maximum_event_age_s=60))
    assert max(stage.tried_at) <= 60
    assert stage.dead[0].attributes["EXHAUSTED_RETRY_CONDITION"][1] == "MaximumEventAgeInSeconds"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ResourceNotFoundException("gone"), "NO_RESOURCE"),
        (AccessDeniedException("no"), "SDK_CLIENT_ERROR"),
        (ValueError("AWS.SimpleQueueService.NonExistentQueue"), "NO_RESOURCE"),
    ],
)
def test_what_no_later_try_helps_is_a_dead_letter_at_once(failure: Exception, code: str) -> None:
    stage = Stage(failure)
    play(stage)
    assert stage.dead[0].attributes["ERROR_CODE"][1] == code
    assert len(stage.tried_at) == 1


def test_a_missing_permission_is_a_dead_letter_and_history_says_which() -> None:
    stage = Stage()
    stage.missing = "Missing: a statement."
    play(stage)
    assert stage.tried_at == []
    assert stage.dead[0].attributes["ERROR_CODE"][1] == "NO_PERMISSIONS"
    assert "Missing: a statement." in stage.notes[0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payload": "not JSON"}, "INVALID_JSON"),
        ({"payload": json.dumps("x" * 2_000_000)}, "SDK_CLIENT_ERROR"),
        ({"target_arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c"}, "SDK_CLIENT_ERROR"),
    ],
)
def test_what_cannot_be_sent_at_all_is_a_dead_letter(changes: dict[str, Any], code: str) -> None:
    stage = Stage()
    play(stage, replace(DELIVERY, **changes))
    assert stage.dead[0].attributes["ERROR_CODE"][1] == code
    assert stage.arrived == []


def test_without_a_dead_letter_queue_history_alone_tells() -> None:
    stage = Stage(ResourceNotFoundException("gone"))
    play(stage, replace(DELIVERY, dead_letter_arn=""))
    assert stage.dead == []
    assert "NO_RESOURCE" in stage.notes[-1]


def test_what_waits_goes_on_after_a_restart_with_its_attempts_counted() -> None:
    stage = Stage(*[NotNow("503")] * 3)
    stage.frozen = True

    async def first_life() -> None:
        deliveries = stage.deliveries()
        await deliveries.deliver(DELIVERY)
        await stage.asleep.wait()
        await deliveries.close()

    run(first_life())
    assert len(stage.kept) == 1
    stage.frozen = False

    async def second_life() -> None:
        deliveries = stage.deliveries()
        deliveries.resume()
        while deliveries._tasks:
            await asyncio.gather(*deliveries._tasks)

    run(second_life())
    assert len(stage.arrived) == 1
    assert len(stage.tried_at) == 4
    assert stage.kept == {}
