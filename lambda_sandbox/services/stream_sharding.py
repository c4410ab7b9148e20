"""Makes moto's streams safe under threads, and their resharding what it is on AWS.

moto numbers the records of each shard by itself, puts new records into closed shards, moves old ones into the children
when a shard is split, and never says that a closed shard is at its end. Here a stream has one sequence, a closed shard
keeps its records and takes no more, and its last page has no next iterator.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import md5
from typing import Any

_lock = threading.RLock()


def correct_kinesis(stream_class: Any, shard_class: Any, backend_class: Any) -> None:
    """Replace the methods of moto's ``Stream``, ``Shard`` and ``KinesisBackend`` that know where records are."""
    names = backend_class.get_records.__globals__  # of moto's module: what it imported
    _number_in_one_sequence(stream_class, shard_class)
    _keep_records_in_their_shard(shard_class, names["Record"])
    _close_for_good(stream_class)
    _end_at_last_record(backend_class, names["decompose_shard_iterator"])


def _number_in_one_sequence(stream_class: Any, shard_class: Any) -> None:
    init_shard = shard_class.__init__

    def shard_init(self: Any, *args: Any, **options: Any) -> None:
        init_shard(self, *args, **options)
        self.numbers = []  # the sequence numbers of ``records``, which are only ever appended to

    def next_number(self: Any) -> int:
        self.last_number = getattr(self, "last_number", 0) + 1
        number: int = self.last_number
        return number

    shard_class.__init__ = shard_init
    stream_class.next_number = next_number


def _keep_records_in_their_shard(shard_class: Any, record_class: Any) -> None:
    def put_record(self: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:
        number = self.stream.next_number()
        self.records[number] = record_class(partition_key, data, number, explicit_hash_key)
        self.numbers.append(number)
        return str(number)

    def get_records(self: Any, last_sequence_id: str, limit: int | None) -> Any:
        first = bisect_right(self.numbers, int(last_sequence_id))
        wanted = self.numbers[first : first + (limit or 10_000)]
        results = [self.records[number] for number in wanted]
        last = wanted[-1] if wanted else int(last_sequence_id)
        behind = 0.0
        if results:
            behind = self.records[self.numbers[-1]].created_at - results[-1].created_at
        return results, last, int(behind * 1000)

    shard_class.put_record = put_record
    shard_class.get_records = get_records


def _close_for_good(stream_class: Any) -> None:
    put, split, merge = stream_class.put_record, stream_class.split_shard, stream_class.merge_shards

    def get_shard_for_key(self: Any, partition_key: str, explicit_hash_key: str) -> Any:
        point = _hash_of(partition_key, explicit_hash_key)
        for shard in self.shards.values():
            if shard.is_open and shard.starting_hash <= point <= shard.ending_hash:
                shard.stream = self
                return shard
        return None

    def put_record(self: Any, *args: Any, **options: Any) -> Any:
        with _lock:
            return put(self, *args, **options)

    def split_shard(self: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
        with _lock, _records_stay(self):
            split(self, shard_to_split, new_starting_hash_key)

    def merge_shards(self: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        with _lock, _records_stay(self):
            merge(self, shard_to_merge, adjacent_shard_to_merge)

    stream_class.get_shard_for_key = get_shard_for_key
    stream_class.put_record = put_record
    stream_class.split_shard = split_shard
    stream_class.merge_shards = merge_shards


def _end_at_last_record(backend_class: Any, taken_apart: Callable[[str], Sequence[str]]) -> None:
    read = backend_class.get_records

    def get_records(self: Any, stream_arn: Any, shard_iterator: str, limit: int | None) -> Any:
        with _lock:
            following, records, behind = read(self, stream_arn, shard_iterator, limit)
            name, shard_id = taken_apart(shard_iterator)[:2]
            stream = self.describe_stream(stream_arn=stream_arn, stream_name=name)
            shard = stream.get_shard(shard_id)
            last = int(taken_apart(following)[2])
            at_end = not shard.is_open and (not shard.numbers or last >= shard.numbers[-1])
            return (None if at_end else following), records, behind

    backend_class.get_records = get_records


@contextmanager
def _records_stay(stream: Any) -> Iterator[None]:
    """While it lasts the stream's shards look empty to moto, which would move their records to their children."""
    kept = {shard: shard.records for shard in stream.shards.values()}
    for shard in kept:
        shard.records = {}
    try:
        yield
    finally:
        for shard, records in kept.items():
            shard.records = records


def _hash_of(partition_key: Any, explicit_hash_key: Any) -> int:
    from moto.kinesis.exceptions import InvalidArgumentError

    if not isinstance(partition_key, str) or len(partition_key) > 256:
        raise InvalidArgumentError("partition_key")
    if not explicit_hash_key:
        return int(md5(partition_key.encode(), usedforsecurity=False).hexdigest(), 16)
    if not isinstance(explicit_hash_key, str) or int(explicit_hash_key) >= 2**128:
        raise InvalidArgumentError("explicit_hash_key")
    return int(explicit_hash_key)


def correct_dynamodb_streams(shard_class: Any) -> None:
    """Make ``StreamShard.add`` safe, and silent where a write leaves an item as it was.

    Two threads would give two records one sequence number. Source for the second: DynamoDB Developer Guide, "Change data
    capture for DynamoDB Streams" (no record where PutItem or UpdateItem changes nothing), read 2026-11.
    """
    add = shard_class.add

    def add_alone(self: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old == new:
            return
        with _lock:
            add(self, old, new)

    shard_class.add = add_alone


def enable_streams_again(backend_class: Any) -> None:
    """Have a table whose stream was disabled take another one; moto looks at the name of the old one only."""
    update = backend_class.update_table_streams

    def update_table_streams(self: Any, table: Any, stream_specification: dict[str, Any]) -> None:
        before = table.stream_specification or {}
        if not before.get("StreamEnabled"):
            table.latest_stream_label = None
        update(self, table, stream_specification)

    backend_class.update_table_streams = update_table_streams
