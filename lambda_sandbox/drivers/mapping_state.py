"""What the pollers and the outbox keep in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import uuid4

from lambda_sandbox.control_plane.database import Collection
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.drivers.destinations import PRINCIPAL, Letter
from lambda_sandbox.event_sources.checkpoints import Checkpoint
from lambda_sandbox.event_sources.discarded import Discarded
from lambda_sandbox.resources import EventSourceMapping


def letters(store: Store) -> Collection[Letter]:
    """Return the letters that have not arrived."""
    return store.collection("letter", Letter, lambda each: (each.letter_id,))


def letter_of(mapping: EventSourceMapping, discarded: Discarded, role_arn: str) -> Letter:
    """Return the letter that tells a mapping's on-failure destination of a batch that was given up.

    ``role_arn`` is the function's execution role.
    """
    subject = f"mapping {mapping.uuid}: record of a discarded batch to {discarded.arn}"
    key = discarded.key if discarded.arn.split(":")[2] == "s3" else ""
    return Letter(
        str(uuid4()),
        mapping.account_id,
        mapping.region,
        discarded.arn,
        discarded.body,
        subject,
        key=key,
        cause=mapping.function_arn.split(":")[6],
        function_arn=mapping.function_arn,
        mapping_uuid=mapping.uuid,
        events=discarded.events,
        role_arn=role_arn,
        principal=PRINCIPAL,
    )


class StoredCheckpoints:
    """``Checkpoints`` of the event sources, durable with ``--state``."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(
            "stream-checkpoint", Checkpoint, lambda each: (each.uuid, each.shard_id)
        )

    def of(self, uuid: str) -> Iterable[Checkpoint]:
        return [each for each in self._collection.all() if each.uuid == uuid]

    def put(self, checkpoint: Checkpoint) -> None:
        self._collection.put(checkpoint)

    def forget(self, wanted: Callable[[str], bool]) -> None:
        for each in self._collection.all():
            if not wanted(each.uuid):
                self._collection.delete(each)
