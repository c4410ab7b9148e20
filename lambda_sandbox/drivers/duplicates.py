"""An asynchronous event that runs twice, now and then: AWS promises at least once, and a handler has to bear it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from lambda_sandbox.invocation.faults import FaultKind, FaultRule, Faults
from lambda_sandbox.invocation.messages import EventFinished, Invocation


class Duplicates:
    """``probability`` is that of a second run, 0.0 to 1.0; ``seed`` fixes which events have one, in the order they end.

    Rules of ``faults`` may ask for more; ``told(rule, event)`` hears of those.
    """

    def __init__(
        self,
        probability: float,
        seed: int | None,
        faults: Faults | None = None,
        told: Callable[[FaultRule, Invocation], None] = lambda rule, event: None,
    ) -> None:
        self._faults = Faults() if faults is None else faults
        self._told = told
        self._probability = probability
        self._random = Random(seed)  # noqa: S311 - chance for teaching, no secret
        self._again: set[str] = set()

    def drawn(self, event: EventFinished) -> Invocation | None:
        """Return the event to run once more, with its request id; None where it ran as it should, or had its second run."""
        request_id = event.invocation.request_id
        if request_id in self._again:
            self._again.remove(request_id)
            return None
        if not self._asked_for(event.invocation) and not self._happens():
            return None
        self._again.add(request_id)
        return replace(event.invocation, attempt=1, throttles=0, due_at=0.0)

    def _happens(self) -> bool:
        return bool(self._probability) and self._random.random() < self._probability

    def _asked_for(self, event: Invocation) -> bool:
        rule = self._faults.strike(FaultKind.DUPLICATE, event.function.function_name)
        if rule is not None:
            self._told(rule, event)
        return rule is not None
