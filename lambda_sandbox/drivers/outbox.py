"""Letters that are kept until they have arrived: a record of an event or a batch outlives a ``kill -9``.

POLICY: a record for a destination or dead-letter queue whose service is down or overloaded is tried again for an hour; one that the
destination refuses is not, and ``sandbox.history()`` then shows it whole. AWS documents neither how often it tries nor for how long.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

from lambda_sandbox.clock import WaitingClock
from lambda_sandbox.drivers.destinations import Letter, NotNow
from lambda_sandbox.drivers.errands import Errands, Kept, wait_s
from lambda_sandbox.errors import TooManyRequestsException

RETRY_S = (1.0, 60.0)
GIVE_UP_S = 3600.0


class Outbox(Errands[Letter]):
    """``send`` raises ``NotNow`` where a later try may help. ``note(sentence)`` hears what became of each letter,
    ``on_delivery`` of those that arrived and ``on_failure`` of those that are given up.

    Belongs to one event loop.
    """

    def __init__(
        self,
        clock: WaitingClock,
        letters: Kept[Letter],
        send: Callable[[Letter], Awaitable[None]],
        note: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        super().__init__(letters, self._deliver, lambda letter: letter.posted_at)
        self._clock = clock
        self._send = send
        self._note = note
        self._sleep = sleep
        self.on_delivery: Callable[[Letter], None] = lambda letter: None
        self.on_failure: Callable[[Letter], None] = lambda letter: None

    def post(self, letter: Letter) -> None:
        """Keep ``letter`` and send it soon; it is durable when this returns."""
        self.begin(replace(letter, posted_at=self._clock.now()))

    async def _deliver(self, letter: Letter) -> None:
        for attempts in itertools.count(1):
            try:
                await self._send(letter)
            except (NotNow, TooManyRequestsException) as problem:
                wait = wait_s(attempts, *RETRY_S)
                if self._clock.now() + wait - letter.posted_at > GIVE_UP_S:
                    self._given_up(letter, problem)
                    return
                self._note(f"{letter.subject} is tried again in {wait:g} s: {problem}")
                await self._sleep(wait)
            except Exception as problem:  # it may fail in any way a neighbour can: what it tells of is over
                self._given_up(letter, problem)
                return
            else:
                self._kept.delete(letter)
                self.on_delivery(letter)
                self._note(f"{letter.subject} delivered")
                return

    def _given_up(self, letter: Letter, problem: Exception) -> None:
        self._kept.delete(letter)
        self.on_failure(letter)
        self._note(f"{letter.subject} failed: {problem}; it said: {letter.body}")
