"""Errands: what is kept until it is done, tried again by ever longer waits, and taken up after a ``kill -9``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

Errand = TypeVar("Errand")


class Kept(Protocol[Errand]):
    """Where errands are kept; every write is durable when it returns."""

    def all(self) -> list[Errand]: ...

    def put(self, resource: Errand) -> None: ...

    def delete(self, resource: Errand) -> None: ...


class Errands(Generic[Errand]):
    """``run(errand)`` tries until it is done or given up, and then deletes it from ``kept``; ``since`` orders them.

    Belongs to one event loop.
    """

    def __init__(
        self,
        kept: Kept[Errand],
        run: Callable[[Errand], Coroutine[Any, Any, None]],
        since: Callable[[Errand], float],
    ) -> None:
        self._kept = kept
        self._run = run
        self._since = since
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, errand: Errand) -> None:
        """Keep ``errand`` and run it soon; it is durable when this returns."""
        self._kept.put(errand)
        self._spawn(errand)

    def resume(self) -> None:
        """Go on with what was kept when the process ended, the oldest first."""
        for errand in sorted(self._kept.all(), key=self._since):
            self._spawn(errand)

    async def close(self) -> None:
        """Stop trying; what is not done stays kept."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Drop every errand that is not done."""
        for task in self._tasks:
            task.cancel()
        for errand in self._kept.all():
            self._kept.delete(errand)

    def _spawn(self, errand: Errand) -> None:
        task = asyncio.create_task(self._run(errand), name=f"errand {type(errand).__name__}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def wait_s(attempts: int, shortest_s: float, longest_s: float) -> float:
    """Return how long to wait after so many attempts: twice as long each time, up to the longest.

    >>> [wait_s(attempts, 1.0, 5.0) for attempts in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5.0]
    """
    doublings = min(
        attempts - 1, 20
    )  # beyond that any wait is the longest, and the power of two a big number
    return min(shortest_s * 2.0**doublings, longest_s)
