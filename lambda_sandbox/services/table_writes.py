"""Makes moto's tables safe under threads, and its transactions all or nothing.

moto lets requests run between a condition and the write that it guards. It copies whole tables before a transaction and puts the
copies in their place when the transaction is cancelled: what others wrote meanwhile is lost, and whoever reads a table's
stream goes on reading that of a table that is no more. Here one request works on the tables at a time, and a cancelled
transaction takes back its own writes, item by item, and their records in the stream.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()


def one_request_at_a_time(handler_class: Any, shard_class: Any) -> None:
    """Answer each request to DynamoDB, and each read of a stream's shard, while nobody else is at the tables."""
    call, read = handler_class.call_action, shard_class.get

    def call_action(self: Any) -> Any:
        with _lock:
            return call(self)

    def get(self: Any, start: int, quantity: int) -> Any:
        with _lock:
            return read(self, start, quantity)

    handler_class.call_action = call_action
    shard_class.get = get


def undo_cancelled_transactions(backend_class: Any) -> None:
    """Have ``transact_write_items`` restore what it changed itself, in the same tables, instead of putting copies in their place."""
    transact = backend_class.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        with _lock:
            tables = _tables_of(self, transact_items)
            before = [_Image(table, transact_items) for table in tables]
            try:
                with _not_copied(tables):
                    transact(self, transact_items)
            except BaseException:
                for image in before:
                    image.restore()
                raise

    backend_class.transact_write_items = transact_write_items


def _tables_of(backend: Any, transact_items: list[dict[str, Any]]) -> list[Any]:
    names = {part.get("TableName"): None for _, part in _parts(transact_items)}
    return [backend.tables[name] for name in names if name in backend.tables]


def _parts(transact_items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in transact_items:
        yield from ((kind, part) for kind, part in item.items() if isinstance(part, dict))


@contextmanager
def _not_copied(tables: Iterable[Any]) -> Iterator[None]:
    """While it lasts, a deep copy of one of these tables is the table itself."""
    for table in tables:
        table.__deepcopy__ = lambda memo, table=table: table
    try:
        yield
    finally:
        for table in tables:
            del table.__deepcopy__


class _Image:
    """The items of one table that a transaction names, and the length of its stream, as they were before it."""

    def __init__(self, table: Any, transact_items: list[dict[str, Any]]) -> None:
        self._table = table
        self._records = len(table.stream_shard.items) if table.stream_shard else 0
        self._items: list[tuple[Any, Any, Any]] = []
        for kind, part in _parts(transact_items):
            key = part.get("Item" if kind == "Put" else "Key")
            if part.get("TableName") == table.name and isinstance(key, dict):
                self._remember(key)

    def _remember(self, key: dict[str, Any]) -> None:
        from moto.dynamodb.models.dynamo_type import DynamoType

        names = [name for name in (self._table.hash_key_attr, self._table.range_key_attr) if name]
        if all(name in key for name in names):  # if not, moto refuses the item, and nothing of it is written
            hash_key, range_key = [*(DynamoType(key[name]) for name in names), None][:2]
            item = copy.deepcopy(self._table.get_item(hash_key, range_key))
            self._items.append((hash_key, range_key, item))

    def restore(self) -> None:
        for hash_key, range_key, item in self._items:
            place, key = self._table.items, hash_key
            if range_key is not None:
                place, key = place[hash_key], range_key
            if item is None:
                place.pop(key, None)
            else:
                place[key] = item
        if self._table.stream_shard:
            del self._table.stream_shard.items[self._records :]
