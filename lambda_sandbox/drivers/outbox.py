"""Letters that are kept until they have arrived: a record of an event or a batch outlives a ``kill -9``.

POLICY: AWS documents neither how often it tries a destination nor for how long. Here a neighbour that is down or
overloaded is asked again for an hour; a destination that refuses a record is not, and history then has the record whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.destinations import Letter, NotNow
from lambda_sandbox.errors import TooManyRequestsException

RETRY_S = (1.0, 60.0)
GIVE_UP_S = 3600.0


class Letters(Protocol):
    """Where letters are kept; every write is durable when it returns."""

    def all(self) -> list[Letter]: ...

    def put(self, resource: Letter) -> None: ...

    def delete(self, resource: Letter) -> None: ...


class Outbox:
    """``send`` raises ``NotNow`` where a later try may help. ``note(sentence)`` hears what became of each letter,
    ``on_delivery`` of those that arrived and ``on_failure`` of those that are given up.

    Belongs to one event loop.
    """

    def __init__(
        self,
        clock: WaitingClock,
        letters: Letters,
        send: Callable[[Letter], Awaitable[None]],
        note: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._letters = letters
        self._send = send
        self._note = note
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_delivery: Callable[[Letter], None] = lambda letter: None
        self.on_failure: Callable[[Letter], None] = lambda letter: None

    def resume(self) -> None:
        """Send what was posted before the process began."""
        for letter in sorted(self._letters.all(), key=lambda each: each.posted_at):
            self._spawn(letter)

    def post(self, letter: Letter) -> None:
        """Keep ``letter`` and send it soon; it is durable when this returns."""
        posted = replace(letter, posted_at=self._clock.now())
        self._letters.put(posted)
        self._spawn(posted)

    async def close(self) -> None:
        """Stop sending; what has not arrived stays kept."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Drop every letter that has not arrived."""
        for task in self._tasks:
            task.cancel()
        for letter in self._letters.all():
            self._letters.delete(letter)

    def _spawn(self, letter: Letter) -> None:
        task = asyncio.create_task(self._deliver(letter), name=f"letter {letter.letter_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: Letter) -> None:
        wait_s, longest_s = RETRY_S
        while True:
            try:
                await self._send(letter)
            except (NotNow, TooManyRequestsException) as problem:
                if self._clock.now() + wait_s - letter.posted_at > GIVE_UP_S:
                    self._given_up(letter, problem)
                    return
                self._note(f"{letter.subject} is tried again in {wait_s:g} s: {problem}")
                await self._sleep(wait_s)
                wait_s = min(2 * wait_s, longest_s)
            except Exception as problem:  # it may fail in any way a neighbour can: what it tells of is over
                self._given_up(letter, problem)
                return
            else:
                self._letters.delete(letter)
                self.on_delivery(letter)
                self._note(f"{letter.subject} delivered")
                return

    def _given_up(self, letter: Letter, problem: Exception) -> None:
        self._letters.delete(letter)
        self.on_failure(letter)
        self._note(f"{letter.subject} failed: {problem}; it said: {letter.body}")
