"""An asynchronous event that runs twice, now and then: AWS promises at least once, and a handler has to bear it."""

from __future__ import annotations

from random import Random

from msgspec.structs import replace

from lambda_sandbox.invocation.messages import EventFinished, Invocation


class Duplicates:
    """``probability`` is that of a second run, 0.0 to 1.0; ``seed`` fixes which events have one, in the order they end."""

    def __init__(self, probability: float, seed: int | None) -> None:
        self._probability = probability
        self._random = Random(seed)  # noqa: S311 - chance for teaching, no secret
        self._again: set[str] = set()

    def drawn(self, event: EventFinished) -> Invocation | None:
        """Return the event to run once more, with its request id; None where it ran as it should, or had its second run."""
        request_id = event.invocation.request_id
        if request_id in self._again:
            self._again.remove(request_id)
            return None
        if not self._probability or self._random.random() >= self._probability:
            return None
        self._again.add(request_id)
        return replace(event.invocation, attempt=1, throttles=0, due_at=0.0)
