"""Has moto's tables refuse batches that are too large, and compare values of two types, as DynamoDB does."""

from __future__ import annotations

from typing import Any

# Source: Amazon DynamoDB API Reference, "BatchWriteItem": 25 put or delete requests over all tables, read 2026-11
_MOST_WRITES = 25
_ONE_TABLE = (
    "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
    "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
)
_ALL_TABLES = "Too many items requested for the BatchWriteItem call"
_COMPARISONS = (
    "OpLessThan",
    "OpGreaterThan",
    "OpLessThanOrEqual",
    "OpGreaterThanOrEqual",
    "OpEqual",
    "FuncBetween",
)


def refuse_large_batches(handler_class: Any, validation_error: Any) -> None:
    """Refuse a BatchWriteItem of more than 25 requests, or of none for a table, before anything is written."""
    write = handler_class.batch_write_item

    def batch_write_item(self: Any) -> Any:
        counts = [len(requests) for requests in self.body["RequestItems"].values()]
        if any(not 1 <= count <= _MOST_WRITES for count in counts):
            raise validation_error(_ONE_TABLE)
        if sum(counts) > _MOST_WRITES:
            raise validation_error(_ALL_TABLES)
        return write(self)

    handler_class.batch_write_item = batch_write_item


def compare_any_types(comparisons: Any) -> None:
    """Have comparisons of what cannot be compared (a text with a number, the size of what is not there) be false."""
    for name in _COMPARISONS:
        _false_where_it_cannot_be_told(getattr(comparisons, name))


def _false_where_it_cannot_be_told(comparison: Any) -> None:
    told = comparison.expr

    def expr(self: Any, item: Any) -> bool:
        try:
            return bool(told(self, item))
        except (TypeError, ValueError):  # ValueError: size() of no attribute, or of a number
            return False

    comparison.expr = expr
