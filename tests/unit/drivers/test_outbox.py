"""Letters are kept until they have arrived, tried again while that may help, and told of when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.destinations import Letter, NotNow
from lambda_sandbox.drivers.mapping_state import letters
from lambda_sandbox.drivers.outbox import GIVE_UP_S, Outbox

LETTER = Letter(
    "1", "000000000000", "us-east-1", "arn:aws:sqs:us-east-1:000000000000:q", '{"n": 1}', "a record"
)


class Post:
    """An outbox whose destination answers with ``answers``, one a try; the last of them again and again."""

    def __init__(self, *answers: Exception | None) -> None:
        self.clock = ManualClock()
        self.letters = letters(Store())
        self.notes: list[str] = []
        self.slept: list[float] = []
        self.tries = 0
        self._answers = answers
        self.outbox = Outbox(self.clock, self.letters, self._send, self.notes.append, self._sleep)

    async def _send(self, letter: Letter) -> None:
        assert self.letters.all(), "a letter is kept while it is under way"
        answer = self._answers[min(self.tries, len(self._answers) - 1)]
        self.tries += 1
        if answer is not None:
            raise answer

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    async def settled(self) -> None:
        while self.letters.all():  # noqa: ASYNC110 - every turn of the loop is a step of the letter
            await asyncio.sleep(0)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(10):
            await scene()

    asyncio.run(timed())


def test_letter_that_arrives_is_kept_no_longer() -> None:
    async def scene() -> None:
        post = Post(None)
        arrived: list[str] = []
        post.outbox.on_delivery = lambda letter: arrived.append(letter.letter_id)
        post.outbox.post(LETTER)
        assert len(post.letters.all()) == 1
        await post.settled()
        await asyncio.sleep(0)
        assert arrived == ["1"]
        assert post.notes == ["a record delivered"]

    play(scene)


def test_waits_double_until_the_destination_answers() -> None:
    async def scene() -> None:
        post = Post(NotNow("503"), NotNow("503"), NotNow("503"), None)
        post.outbox.post(LETTER)
        await post.settled()
        assert (post.slept, post.tries) == ([1.0, 2.0, 4.0], 4)

    play(scene)


def test_letter_is_given_up_after_an_hour_with_what_it_said() -> None:
    async def scene() -> None:
        post = Post(NotNow("503"))
        began = post.clock.now()
        post.outbox.post(LETTER)
        await post.settled()
        assert GIVE_UP_S - 60 <= post.clock.now() - began <= GIVE_UP_S
        assert post.notes[-1].endswith('it said: {"n": 1}')

    play(scene)


def test_destination_that_refuses_is_not_asked_again() -> None:
    async def scene() -> None:
        post = Post(ValueError("400 no such queue"))
        post.outbox.post(LETTER)
        await post.settled()
        assert (post.tries, post.slept) == (1, [])
        assert "400 no such queue" in post.notes[-1]

    play(scene)


def test_what_was_posted_before_a_restart_is_sent_after_it() -> None:
    async def scene() -> None:
        post = Post(None)
        post.letters.put(LETTER)
        post.outbox.resume()
        await post.settled()
        assert post.tries == 1

    play(scene)
