"""How far a mapping has come in each shard. What is kept here survives the process.

A shard's records are spread over lanes by their key, as many as the mapping's parallelisation factor; each lane has a
sequence number of its own, so that a restart repeats nothing that a fast lane has done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from lambda_sandbox.event_sources.stream_records import Position


@dataclass(frozen=True, slots=True)
class Lane:
    """``settled`` is the last sequence number that needs no other invocation, empty at the shard's start.

    ``window_start`` (seconds on the waiting clock) and ``state`` are those of the open tumbling window.
    """

    settled: str = ""
    window_start: float | None = None
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One mapping in one shard. ``start`` is where reading began, seconds on the wall's clock, None for the horizon.

    ``stream_created`` tells the stream from another one that took its name. ``finished``: the shard is closed and done.
    """

    account_id: str
    region: str
    uuid: str
    shard_id: str
    stream_created: str
    start: float | None = None
    lanes: tuple[Lane, ...] = ()
    finished: bool = False

    def position(self) -> Position:
        """Return where to read on: after what every lane has settled."""
        settled = [lane.settled for lane in self.lanes]
        if settled and all(settled):
            return Position("AFTER", min(settled, key=int))
        if self.start is not None:
            return Position("AT_TIMESTAMP", timestamp=self.start)
        return Position("TRIM_HORIZON")


class Checkpoints(Protocol):
    """Where checkpoints are kept; every call is durable when it returns."""

    def of(self, uuid: str) -> Iterable[Checkpoint]: ...

    def put(self, checkpoint: Checkpoint) -> None: ...

    def forget(self, wanted: Callable[[str], bool]) -> None:
        """Delete the checkpoints of every mapping that is not ``wanted``."""
        ...
