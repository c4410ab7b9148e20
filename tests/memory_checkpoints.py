"""The checkpoints of stream mappings without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lambda_sandbox.event_sources.checkpoints import Checkpoint


class MemoryCheckpoints:
    """Checkpoints that end with the process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Checkpoint] = {}

    def of(self, uuid: str) -> Iterable[Checkpoint]:
        return [each for each in self._kept.values() if each.uuid == uuid]

    def put(self, checkpoint: Checkpoint) -> None:
        self._kept[checkpoint.uuid, checkpoint.shard_id] = checkpoint

    def forget(self, wanted: Callable[[str], bool]) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if wanted(key[0])}
