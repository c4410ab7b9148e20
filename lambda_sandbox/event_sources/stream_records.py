"""What every stream has: shards, positions in them, and records in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record: ``record`` is its JSON in the event, ``arrived_at`` seconds on the wall's clock.

    ``key`` is what order holds for; ``fields`` is what filters look at.
    """

    sequence_number: str
    key: str
    arrived_at: float
    record: bytes
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """``parents`` are the shards that it came from: its records follow theirs."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """``created`` tells a stream from an earlier one of the same ARN; ``retention_s`` is how long records are kept."""

    created: str
    retention_s: float
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where to read from. ``AFTER`` a sequence number, or ``AT_TIMESTAMP`` seconds on the wall's clock."""

    kind: Literal["TRIM_HORIZON", "AFTER", "AT_TIMESTAMP"]
    sequence_number: str = ""
    timestamp: float = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """What one read brought. Without ``next_iterator`` the shard is closed and at its end."""

    records: Sequence[StreamRecord]
    next_iterator: str | None


class StreamSource(Protocol):
    """One stream. Every call raises ``ServiceError`` for an error answer."""

    @property
    def arn(self) -> str: ...

    @property
    def batch_info(self) -> str:
        """The name of the failed range in the record for an on-failure destination."""
        ...

    @property
    def data_key(self) -> str:
        """The member of ``view`` with the sender's own data."""
        ...

    def view(self, record: StreamRecord) -> Mapping[str, Any]:
        """Return the record as filters see it."""
        ...

    def encode(self, batch: Sequence[StreamRecord]) -> bytes:
        """Return the event of one batch."""
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is read afterwards."""
        ...

    async def describe(self) -> StreamDescription: ...

    async def iterator(self, shard_id: str, position: Position) -> str: ...

    async def read(self, shard_id: str, iterator: str, limit: int) -> Page: ...

    async def behind(self, shard_id: str, settled: str) -> int | None:
        """Return how many records follow the one numbered ``settled``; empty: none was settled since ``iterator``.

        ``None``: the source does not number them one by one, or the shard is not read yet.
        """
        ...
