"""How many request units a call of DynamoDB's takes in on-demand mode: a write for each KB, a read for each 4 KB.

Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats", "DynamoDB read and write operations", read 2026-11.

POLICY: the bill counts an UpdateItem or DeleteItem of DynamoDB by the size of its request. AWS counts the size of the item, so large
items cost more there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

_WRITE_BYTES, _READ_BYTES = 1024, 4096
_HALF = Decimal("0.5")


def of(operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return read and write request units."""
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        parts = (asked.get("Item"), asked.get("Key"), asked.get("ExpressionAttributeValues"))
        return Decimal(0), Decimal(_writes(sum(item_bytes(part) for part in parts if part)))
    if operation == "BatchWriteItem":
        return Decimal(0), Decimal(sum(_writes(size) for size in _batch_writes(asked)))
    if operation == "TransactWriteItems":
        return Decimal(0), Decimal(sum(2 * _writes(size) for size in _transaction(asked)))
    if operation == "GetItem":
        return _reads([item_bytes(answer.get("Item"))], bool(asked.get("ConsistentRead"))), Decimal(0)
    if operation in ("Query", "Scan"):
        total = sum(item_bytes(item) for item in answer.get("Items") or ())
        return _reads([total], bool(asked.get("ConsistentRead"))), Decimal(0)
    if operation == "BatchGetItem":
        return _batch_reads(asked, answer), Decimal(0)
    if operation == "TransactGetItems":
        found = [item_bytes(each.get("Item")) for each in answer.get("Responses") or ()]
        return 2 * _reads(found, consistent=True), Decimal(0)
    return Decimal(0), Decimal(0)


def item_bytes(item: Any) -> int:
    """Return the size of an item: its attributes' names and values.

    >>> item_bytes({"id": {"S": "abc"}, "n": {"N": "1234"}})
    9
    """
    if not isinstance(item, Mapping):
        return 0
    return sum(len(str(name).encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    if not isinstance(value, Mapping) or len(value) != 1:
        return 0
    [(kind, content)] = value.items()
    if kind in ("NULL", "BOOL"):
        return 1
    if kind == "S":
        return len(str(content).encode())
    if kind == "N":
        return _number_bytes(content)
    if kind == "B":
        return len(str(content)) * 3 // 4
    if kind in ("SS", "NS", "BS"):
        return sum(_value_bytes({kind[0]: each}) for each in content)
    if kind == "L":
        return 3 + sum(1 + _value_bytes(each) for each in content)
    return 3 + item_bytes(content) + len(content) if kind == "M" else 0


def _number_bytes(text: Any) -> int:
    """About one byte for two significant digits, and one more."""
    digits = str(text).lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1


def _writes(size: int) -> int:
    return max(1, math.ceil(size / _WRITE_BYTES))


def _reads(sizes: Iterable[int], consistent: bool) -> Decimal:
    units = Decimal(sum(max(1, math.ceil(size / _READ_BYTES)) for size in sizes))
    return units if consistent else units * _HALF


def _batch_writes(asked: Mapping[str, Any]) -> Iterable[int]:
    for requests in (asked.get("RequestItems") or {}).values():
        for request in requests:
            put, gone = request.get("PutRequest") or {}, request.get("DeleteRequest") or {}
            yield item_bytes(put.get("Item")) + item_bytes(gone.get("Key"))


def _transaction(asked: Mapping[str, Any]) -> Iterable[int]:
    for entry in asked.get("TransactItems") or ():
        for part in entry.values():
            yield sum(item_bytes(part.get(name)) for name in ("Item", "Key", "ExpressionAttributeValues"))


def _batch_reads(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> Decimal:
    total = Decimal(0)
    for table, request in (asked.get("RequestItems") or {}).items():
        found = [item_bytes(item) for item in (answer.get("Responses") or {}).get(table, ())]
        missing = len(request.get("Keys") or ()) - len(found)
        total += _reads([*found, *[0] * max(0, missing)], bool(request.get("ConsistentRead")))
    return total
